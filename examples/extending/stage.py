"""A stage of your own: a transform of the chunks of one stream, on their way to the reader."""

from headwater import genai
from headwater.streaming import map_text, smooth
from headwater.types import GenerateContentResponse


class Numbered:
    """Numbers the texts. A class without arguments is a recipe: each stream gets an object of its own.

    A stage does no I/O and has no clock. One that holds chunks back returns from ``due`` when it has some to release,
    in monotonic seconds; this one holds nothing.
    """

    def __init__(self) -> None:
        self._count = 0

    def feed(self, chunk: GenerateContentResponse, now: float) -> list[GenerateContentResponse]:
        """Return what may be passed on at once."""
        return [map_text(chunk, self._number)]

    def due(self) -> float | None:
        """Nothing is held."""
        return None

    def release(self, now: float) -> list[GenerateContentResponse]:
        """Nothing is held."""
        return []

    def finish(self, now: float) -> list[GenerateContentResponse]:
        """Nothing is left at the end."""
        return []

    def flush(self) -> list[GenerateContentResponse]:
        """Nothing is left after a break."""
        return []

    def _number(self, text: str) -> str:
        self._count += 1
        return f"[{self._count}] {text}"


client = genai.Client()
stream = client.models.generate_content_stream(
    model="gemini-3.8-flash", contents="Tell me a story.", stages=[smooth(), Numbered]
)
for chunk in stream:
    print(chunk.text)
