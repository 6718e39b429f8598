"""The message that has a letter sent."""

import json
from datetime import datetime

from gateway.wire import events
from gateway.wire.queues import QueuedMessage


def queued(queue: str, id: str, *, at: datetime) -> QueuedMessage:
    """Return the message that has a letter sent."""
    data = json.dumps({"letter": id})
    return QueuedMessage(queue, id, events.written(events.LETTER, id, data, at=at))
