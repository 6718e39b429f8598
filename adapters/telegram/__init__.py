"""Telegram, by its Bot API: what it sends, and the way to it."""

from adapters.telegram.channel import CHANNEL as CHANNEL
