"""The terminal of a person: lines that are redrawn, and messages that are typed or pasted."""
