"""The Gemini API: generateContent and its family, models, files."""
