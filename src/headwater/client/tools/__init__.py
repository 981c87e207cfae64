"""Python functions as tools, and types as JSON schemas."""
