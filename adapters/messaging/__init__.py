"""Twilio's Messages API: what it sends, how it proves it, its list of messages, the way to it."""
