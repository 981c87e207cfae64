"""The twins of the types: TypedDicts for who writes dicts. Nothing but type checkers needs them."""

from headwater.types.dicts.auth import *  # noqa: F403
from headwater.types.dicts.config import *  # noqa: F403
from headwater.types.dicts.content import *  # noqa: F403
from headwater.types.dicts.files import *  # noqa: F403
from headwater.types.dicts.grounding import *  # noqa: F403
from headwater.types.dicts.http import *  # noqa: F403
from headwater.types.dicts.media import *  # noqa: F403
from headwater.types.dicts.models import *  # noqa: F403
from headwater.types.dicts.output import *  # noqa: F403
from headwater.types.dicts.response import *  # noqa: F403
from headwater.types.dicts.retrieval import *  # noqa: F403
from headwater.types.dicts.schema import *  # noqa: F403
from headwater.types.dicts.search import *  # noqa: F403
from headwater.types.dicts.tools import *  # noqa: F403
from headwater.types.dicts.unions import *  # noqa: F403
