"""google-genai's ``genai.caches``: an alias of headwater's own module."""

import sys
from typing import TYPE_CHECKING

import headwater.client.groups.caches

if TYPE_CHECKING:  # for type checkers, which do not follow the alias below
    from headwater.client.groups.caches import *  # noqa: F403

sys.modules[__name__] = headwater.client.groups.caches
