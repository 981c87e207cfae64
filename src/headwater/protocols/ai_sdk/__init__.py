"""The AI SDK's UI message stream, and the messages of its clients."""
