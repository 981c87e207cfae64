"""Stages: transforms of the chunks on their way to the reader."""
