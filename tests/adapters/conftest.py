"""Gateways that a channel is tried in share what those of ``tests.gateway`` do."""

from tests.gateway.once import cheap_passwords, statements_once, tables_once

__all__ = ["cheap_passwords", "statements_once", "tables_once"]
