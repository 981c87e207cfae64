"""The offline storyteller: answers Gemini requests in-process, without a model, a key or a network.

It is deterministic and pure: the same request always gets the same answer, and nothing is read or sent.
"""

from headwater.story.teller import INSTANT as INSTANT
from headwater.story.teller import REALISTIC as REALISTIC
from headwater.story.teller import Beat as Beat
from headwater.story.teller import Pace as Pace
from headwater.story.teller import answer as answer
from headwater.story.teller import count_tokens as count_tokens
from headwater.story.teller import models as models
from headwater.story.teller import tell as tell
