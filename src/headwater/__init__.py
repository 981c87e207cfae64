"""headwater: streaming answers from the Gemini API."""

__version__ = "0.1.0"
