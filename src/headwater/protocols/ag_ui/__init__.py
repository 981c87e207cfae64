"""AG-UI's events, and the input of its clients."""
