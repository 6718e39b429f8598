"""The queue messages by which a row is worked on: they carry its id."""

import json
import uuid
from datetime import datetime

from gateway.wire import events
from gateway.wire.queues import DELIVERIES, MEDIA, NOTIFICATIONS, QueuedMessage

_TYPES: dict[str, events.Type] = {
    DELIVERIES: events.DELIVERY,
    NOTIFICATIONS: events.NOTIFICATION,
}


def outbound(queue: str, id: str, *, at: datetime) -> QueuedMessage:
    """Return the message that has a row worked on."""
    body = events.compose(_TYPES[queue], id, json.dumps({"id": id}), at=at)
    return QueuedMessage(queue, id, body)


def files_of(report_id: str, message_id: str, *, at: datetime) -> QueuedMessage:
    """Return the message that has the files of a report fetched, for those of one of its messages.

    ``message_id`` is the citizen's message; the id that is made of it is the same at every call.
    """
    id = files_id(report_id, message_id)
    data = json.dumps({"report": report_id})
    return QueuedMessage(MEDIA, id, events.compose(events.FILES, id, data, at=at))


def files_id(report_id: str, message_id: str) -> str:
    """Return the id of the queue message that ``files_of`` makes."""
    return str(uuid.uuid5(uuid.UUID(report_id), f"files of {message_id}"))


def outbound_id(body: bytes) -> str:
    """Read which row a queue message is about, also one of the version before.

    Raises ``BadEvent``.
    """
    event = events.read(body)
    key = "letter" if event.type == events.LETTER else "id"
    if not isinstance(event.data, dict) or not isinstance(event.data.get(key), str):
        raise events.BadEvent(f"names no row: {json.dumps(event.data)[:60]}")
    return str(event.data[key])
