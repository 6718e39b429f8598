"""Text messages from a mobile operator's message centre: alphabets, parts, receipts, sessions."""

from adapters.smpp.channel import CHANNEL as CHANNEL
