"""The pure core: what happens to bytes, decided without touching a socket or a clock."""
