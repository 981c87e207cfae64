"""Views for people: an answer as it grows, in a terminal or a notebook, and bars for its progress."""

from headwater.views.bars import ProgressBar as ProgressBar
from headwater.views.bars import progress_bar as progress_bar
