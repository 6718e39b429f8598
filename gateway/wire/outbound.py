"""The queue messages by which a delivery is placed and a notification sent: they carry its id."""

import json
from datetime import datetime

from gateway.wire import events
from gateway.wire.queues import DELIVERIES, NOTIFICATIONS, QueuedMessage

_TYPES: dict[str, events.Type] = {
    DELIVERIES: events.DELIVERY,
    NOTIFICATIONS: events.NOTIFICATION,
}


def outbound(queue: str, id: str, *, at: datetime) -> QueuedMessage:
    """Return the message that has a row worked on."""
    body = events.compose(_TYPES[queue], id, json.dumps({"id": id}), at=at)
    return QueuedMessage(queue, id, body)


def outbound_id(body: bytes) -> str:
    """Read which row a queue message is about, also one of the version before.

    Raises ``BadEvent``.
    """
    event = events.read(body)
    key = "letter" if event.type == events.LETTER else "id"
    if not isinstance(event.data, dict) or not isinstance(event.data.get(key), str):
        raise events.BadEvent(f"names no row: {json.dumps(event.data)[:60]}")
    return str(event.data[key])
