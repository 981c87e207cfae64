"""Append-only lists of byte records that can be sealed, with readers that come and go."""
