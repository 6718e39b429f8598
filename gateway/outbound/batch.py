"""The rows that a batch of queue messages is about."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from gateway.broker.base import ReceivedMessage
from gateway.wire.outbound import outbound_id

T = TypeVar("T")


class NotStored(Exception):
    """The queue names a row that is not in the database."""


def ids_of(batch: Sequence[ReceivedMessage]) -> list[str]:
    """Read which rows a batch is about. Raises ``BadEvent``."""
    return [outbound_id(item.message.body) for item in batch]


def every(ids: Sequence[str], rows: Mapping[str, T]) -> list[T]:
    """Return the rows of all ids. Raises ``NotStored``."""
    if missing := [id for id in ids if id not in rows]:
        raise NotStored(f"{len(missing)} of {len(ids)} rows are not stored")
    return [rows[id] for id in dict.fromkeys(ids)]
