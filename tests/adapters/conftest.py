"""Gateways that a channel is tried in share what those of ``tests.gateway`` do."""

from tests.gateway.once import (
    cheap_passwords,
    loggers_reset,
    statements_once,
    tables_once,
    uncached_loggers,
)

__all__ = [
    "cheap_passwords",
    "loggers_reset",
    "statements_once",
    "tables_once",
    "uncached_loggers",
]
