"""The REST interface for partners: reports as JSON."""

from adapters.rest.channel import CHANNEL as CHANNEL
