"""From the caller's arguments to an HTTP request: settings, credentials, contents."""
