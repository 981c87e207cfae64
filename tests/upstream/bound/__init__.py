"""What google-genai's tests take for google-genai: headwater's modules under its names."""

import sys

from headwater import errors, genai, types

sys.modules |= {f"{__name__}.errors": errors, f"{__name__}.types": types}
__version__ = genai.__version__
