"""The ids on every log line of one message's way, from the provider's call to the receipt.

``request`` is one call of a provider, one look at it, or one request of a browser; ``correlation``
is the id of the message that is worked on. It travels on the queues in a header.
"""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar

from structlog.contextvars import bound_contextvars, get_contextvars

HEADER = "x-kanal-correlation"
REQUEST = "request"
MESSAGE = "correlation"

_batch: ContextVar[Mapping[str, str]] = ContextVar("batch")


def request(id: str = "") -> AbstractContextManager[object]:
    """Give every log line inside the id of this call; a new one if none is named."""
    return bound_contextvars(**{REQUEST: id or new()})


def new() -> str:
    """Return a new id of a request."""
    return uuid.uuid4().hex[:16]


def current_request() -> str:
    """Return the id of the request that is served now, "" outside of one."""
    return str(get_contextvars().get(REQUEST, ""))


def message(id: str) -> AbstractContextManager[object]:
    """Give every log line inside the id of the message it is about."""
    return bound_contextvars(**{MESSAGE: id})


def current() -> str:
    """Return the message that is worked on now, "" outside of one."""
    return str(get_contextvars().get(MESSAGE, ""))


def headers() -> dict[str, str]:
    """Return what a queued message carries: the message it comes from, as far as one is known."""
    id = current()
    return {HEADER: id} if id else {}


@contextmanager
def batch(messages: Mapping[str, str]) -> Iterator[None]:
    """Remember, by its id on the queue, from which message each of a batch comes."""
    token = _batch.set(messages)
    try:
        yield
    finally:
        _batch.reset(token)


def queued_message(id: str) -> AbstractContextManager[object]:
    """Like ``message``, for one of the batch by its id on the queue."""
    return message(of(id))


def of(id: str) -> str:
    """Return the message from which one of the batch comes; itself where nothing is known."""
    return _batch.get({}).get(id, id)
