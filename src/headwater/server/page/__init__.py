"""The chat page and ``headwater.js``."""
