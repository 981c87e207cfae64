"""Ranges of characters, for use inside the brackets of a regular expression."""

from __future__ import annotations

#: Scripts that are written without spaces between words: each character counts as a word.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aad\uaa60-\uaa7f"  # Thai, Lao, Myanmar, Khmer, Tai
    "\u2e80-\u2fff\u3005-\u3007\u3021-\u3029\u3040-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9f\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
