"""Chat completions: the endpoint for every client of the OpenAI API."""
