"""Text messages by a gateway or aggregator that speaks HTTP, as the settings describe it."""

from adapters.sms_http.channel import CHANNEL as CHANNEL
