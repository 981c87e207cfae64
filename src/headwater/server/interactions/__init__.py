"""The Interactions API: interactions are stored streams, whose events are made from the log while they are read."""
