"""Text as readers see it: units (words, lines, sentences) and grapheme clusters."""
