"""Twilio's text messages and WhatsApp: what it sends and how it proves it, and the way to it."""

from adapters.twilio.channel import CHANNEL as CHANNEL
