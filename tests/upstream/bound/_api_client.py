"""The private client that some tests make a mock of."""


class BaseApiClient:
    """No part of headwater."""
