"""The citizens' web form: how its bodies are read, and what its senders are told."""

from adapters.web.channel import CHANNEL as CHANNEL
