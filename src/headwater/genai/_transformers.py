"""google-genai's ``genai._transformers``, which frameworks import: an alias of headwater's own module."""

import sys
from typing import TYPE_CHECKING

import headwater.client.request.transformers

if TYPE_CHECKING:  # for type checkers, which do not follow the alias below
    from headwater.client.request.transformers import *  # noqa: F403

sys.modules[__name__] = headwater.client.request.transformers
