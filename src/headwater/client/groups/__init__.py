"""The public method groups of a client: models, chats, files, streams."""
