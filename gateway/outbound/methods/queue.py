"""By queue: the agency consumes ``agency.ID``. What its consumer acknowledges we do not see.

Only agencies whose settings say so have a queue (``queues/agency_queues.py``).
"""

from gateway.outbound.methods.base import Method
from gateway.platform import correlation
from gateway.store.rows import Delivery
from gateway.store.unit import UnitOfWork
from gateway.wire.events import MEDIA_TYPE
from gateway.wire.queues import QueuedMessage, agency_queue


class QueueMethod(Method):
    """One message per delivery on the agency's queue."""

    def place(self, unit: UnitOfWork, delivery: Delivery, body: bytes) -> None:
        """Put the message there."""
        queue = agency_queue(delivery.agency_id)
        told = {"content-type": MEDIA_TYPE, "type": delivery.event}
        headers = {**told, **correlation.headers()}
        unit.outbox.put(QueuedMessage(queue, delivery.id, body, headers))


METHOD = QueueMethod
