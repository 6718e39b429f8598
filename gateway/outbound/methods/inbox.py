"""By inbox: the delivery waits in its table until the agency looks, on its pages or by the API.

Also how agencies get theirs for which nothing is set.
"""

from gateway.outbound.methods.base import Method


class InboxMethod(Method):
    """The table of deliveries is the inbox."""


METHOD = InboxMethod
