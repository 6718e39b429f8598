"""Open311 GeoReport v2 for partners: service requests as forms or JSON, read as XML or JSON."""

from adapters.open311.channel import CHANNEL as CHANNEL
