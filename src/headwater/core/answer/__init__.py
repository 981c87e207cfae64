"""The answer: chunks folded into one response, how it ended, its events, metrics and progress."""
