"""By inbox: the delivery waits in its table until the agency looks, by the agencies' API.

Also how agencies get theirs for which nothing is set.
"""

from gateway.outbound.methods.base import Method


class InboxMethod(Method):
    """The table of deliveries is the inbox."""


METHOD = InboxMethod
