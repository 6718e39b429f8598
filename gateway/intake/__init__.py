"""A provider's call becomes a durable row: verified, parsed, normalised, acknowledged only then."""
