"""Channels: one file or package each, named after its type, and what they share."""
