"""What arguments take: unions of types, their twins and plain values, by google-genai's names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Required, TypeAlias

from headwater.types.content import Content, Part
from headwater.types.dicts.config import GenerateContentConfigDict
from headwater.types.dicts.content import ContentDict, PartDict
from headwater.types.dicts.files import FileDict
from headwater.types.dicts.media import BlobDict, FileDataDict
from headwater.types.dicts.output import SpeechConfigDict
from headwater.types.dicts.response import GenerateContentResponseUsageMetadataDict
from headwater.types.dicts.schema import SchemaDict
from headwater.types.dicts.tools import ToolDict
from headwater.types.files import File
from headwater.types.media import Blob, FileData, Image
from headwater.types.output import SpeechConfig
from headwater.types.response import GenerateContentResponseUsageMetadata
from headwater.types.schema import Schema
from headwater.types.tools import Tool


class StreamConfigDict(GenerateContentConfigDict):
    """The config with ``"stream": True``, which makes ``generate_content`` return the stream."""

    stream: Required[Literal[True]]


# One type has several names in google-genai, and so has its twin.
FunctionResponseBlobDict: TypeAlias = BlobDict
FunctionResponseBlobOrDict: TypeAlias = Blob | BlobDict
FunctionResponseFileDataDict: TypeAlias = FileDataDict
FunctionResponseFileDataOrDict: TypeAlias = FileData | FileDataDict
UsageMetadataDict: TypeAlias = GenerateContentResponseUsageMetadataDict
UsageMetadataOrDict: TypeAlias = GenerateContentResponseUsageMetadata | GenerateContentResponseUsageMetadataDict

# A Pillow image has no name here, since Pillow need not be there: it is taken all the same.
PartUnion: TypeAlias = str | Part | File | Image
PartUnionDict: TypeAlias = PartUnion | PartDict | FileDict
ContentUnion: TypeAlias = Content | PartUnion | Sequence[PartUnion]
ContentUnionDict: TypeAlias = ContentUnion | ContentDict | PartUnionDict | Sequence[PartUnionDict]
ContentListUnion: TypeAlias = ContentUnion | Sequence[ContentUnion]
ContentListUnionDict: TypeAlias = ContentUnionDict | Sequence[ContentUnionDict]
ToolUnion: TypeAlias = Tool | Callable[..., Any]
ToolUnionDict: TypeAlias = ToolUnion | ToolDict
ToolListUnion: TypeAlias = Sequence[ToolUnion]
ToolListUnionDict: TypeAlias = Sequence[ToolUnionDict]
SchemaUnion: TypeAlias = Schema | type | Mapping[str, Any]
SchemaUnionDict: TypeAlias = SchemaUnion | SchemaDict
SpeechConfigUnion: TypeAlias = SpeechConfig | str
SpeechConfigUnionDict: TypeAlias = SpeechConfigUnion | SpeechConfigDict
