"""The options of a call: deadlines, retries, cancel tokens, observers."""
