"""X, by its API: what it sends, how far it was read, what that may cost, and the way to it."""

from adapters.x.channel import CHANNEL as CHANNEL
