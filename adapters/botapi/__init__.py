"""Telegram's Bot API: what it sends, and the way to it."""
