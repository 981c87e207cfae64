"""The client: settings, the two shells, and the method groups on them."""
