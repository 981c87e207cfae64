"""google-genai's ``genai.files``: an alias of headwater's own module."""

import sys
from typing import TYPE_CHECKING

import headwater.client.groups.files

if TYPE_CHECKING:  # for type checkers, which do not follow the alias below
    from headwater.client.groups.files import *  # noqa: F403

sys.modules[__name__] = headwater.client.groups.files
