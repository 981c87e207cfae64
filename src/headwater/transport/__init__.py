"""Carrying bytes over HTTP, in two colours."""
