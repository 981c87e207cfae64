"""The step machine: the life of one call, decided without any I/O."""
