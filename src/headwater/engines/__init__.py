"""What produces answers: behind one protocol, so that a server need not know which it runs."""
