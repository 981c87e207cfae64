"""The values that travel: requests, chunks, answers. Every type takes snake_case and camelCase names."""

from headwater.types.auth import *  # noqa: F403
from headwater.types.base import OpenEnum as OpenEnum
from headwater.types.config import *  # noqa: F403
from headwater.types.content import *  # noqa: F403
from headwater.types.enums import *  # noqa: F403
from headwater.types.files import *  # noqa: F403
from headwater.types.grounding import *  # noqa: F403
from headwater.types.http import *  # noqa: F403
from headwater.types.media import *  # noqa: F403
from headwater.types.models import *  # noqa: F403
from headwater.types.output import *  # noqa: F403
from headwater.types.response import *  # noqa: F403
from headwater.types.retrieval import *  # noqa: F403
from headwater.types.schema import *  # noqa: F403
from headwater.types.search import *  # noqa: F403
from headwater.types.tools import *  # noqa: F403
from headwater.types.twins import *  # noqa: F403
