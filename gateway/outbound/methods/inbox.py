"""By inbox: the delivery waits in its table until the agency looks, by the agencies' API."""

from gateway.outbound.methods.base import Method


class InboxMethod(Method):
    """The table of deliveries is the inbox."""


METHOD = InboxMethod
