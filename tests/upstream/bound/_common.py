"""A module that some tests import for their annotations alone."""
