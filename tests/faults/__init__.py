"""The fault runner itself, and a short run of it."""
