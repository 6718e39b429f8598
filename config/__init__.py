"""What a deployment edits, and the typed reading of it: settings, data, words."""
