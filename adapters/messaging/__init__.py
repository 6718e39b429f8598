"""Twilio's Messages API: the way to it, and its errors."""
