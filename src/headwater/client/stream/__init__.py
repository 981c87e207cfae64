"""The two shells, sync and async, and what their streams have in common."""
