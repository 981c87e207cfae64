"""Bytes over HTTP, sync and async."""
