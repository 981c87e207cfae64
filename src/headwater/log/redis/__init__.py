"""The log in Redis or Valkey Streams."""
