"""headwater: streaming answers from the Gemini API.

PYTEST_DONT_REWRITE: ``headwater run -m pytest`` imports this package first, and pytest would warn that it is too late.
"""

__version__ = "0.1.0"
