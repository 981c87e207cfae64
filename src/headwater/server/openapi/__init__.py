"""The OpenAPI description of the server."""
