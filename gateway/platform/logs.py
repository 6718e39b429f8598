"""Structured logs: JSON or console lines, without personal data.

Values are logged by name, and only names of this list may be values: a new field must be thought
about before it can reach a log.
"""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any, Literal

import structlog

from normalizer.nameless import nameless

HARMLESS = frozenset(
    {
        "event", "level", "timestamp", "logger", "exc_info", "exception", "stack_info",
        "agency", "attempts", "by", "channel", "count", "delay", "error", "item", "items",
        "message", "mode", "name", "port", "queue", "role", "seconds", "task", "url", "version",
        "caller", "did", "door", "id", "incident", "kind", "link", "report_id", "sha256", "status",
        "trace", "request", "correlation",
    }
)  # fmt: skip
LONGEST = 2_000
"""Characters of an error that are logged."""
QUIET = (
    "aio_pika",
    "aiohttp.access",
    "aiormq",
    "aiosqlite",
    "alembic",
    "httpx",
    "mail.log",
    "python_multipart",
    "telegram",
    "tweepy",
    "twilio",
    "uvicorn",
)


def set_up(level: str, style: Literal["console", "json"]) -> None:
    """Send every log line, ours and the libraries', to standard error."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        frames_only,
        keep_harmless,
    ]
    last = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            last,
        ],
    )
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)


def frames_only(_: Any, __: str, values: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace an exception by its type and where it was raised.

    Its message is left out, and so are local variables: both may quote what a citizen wrote.
    """
    found = values.pop("exc_info", None)
    error = found[1] if isinstance(found, tuple) else found
    error = sys.exception() if found is True else error
    if isinstance(error, BaseException):
        frames = "".join(traceback.format_tb(error.__traceback__))
        values["exception"] = f"{frames}{type(error).__module__}.{type(error).__qualname__}"
    return values


def keep_harmless(_: Any, __: str, values: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop every value whose name is not known to be harmless, and the names in what errors say."""
    for name in [name for name in values if name not in HARMLESS and not name.startswith("_")]:
        values[name] = "[not logged]"
    if isinstance(said := values.get("error"), str):
        values["error"] = nameless(said[:LONGEST])
    return values
