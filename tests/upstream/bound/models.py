"""Where google-genai's tests of chats put the answers that they make up."""


class Models:
    """The method group whose methods they patch."""

    def __init__(self, api_client: object) -> None:
        pass

    def generate_content(self) -> object:
        """Patched."""
        raise NotImplementedError

    def generate_content_stream(self) -> object:
        """Patched."""
        raise NotImplementedError


class AsyncModels(Models):
    """The same for coroutines."""
