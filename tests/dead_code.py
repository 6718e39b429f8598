"""Find what nothing calls: ``python -m tests.dead_code``, part of ``make lint``.

Tests do not count as callers: what only they use goes, or stands in the table below with a reason.
A name that a template reads is in use. A line of the table that is no longer needed is a fault.
"""

import re
import sys
from fnmatch import fnmatchcase
from pathlib import Path

from vulture import Vulture

ROOT = Path(__file__).parent.parent
PROGRAMS = ("gateway", "adapters", "normalizer", "router", "config", "demo", "bench", "faults")
MIGRATIONS = "*/migrations/versions/*"
CALLED_BY_THEIR_MARK = [
    "@field_validator",
    "@model_validator",
    "@*.command",
    "@*.get",
]
ALLOWED = {
    "a library calls or reads it by this name": (
        "model_config",
        "do_request", "parse_json_payload",  # python-telegram-bot's request
        "is_async", "getall",  # twilio's client and its check of signatures
        "handle_*", "host_name", "smtp_AUTH", "_timeout_cb",  # aiosmtpd
        "line_length_limit", "command_size_limits",
        "should_exit", "capture_signals", "timeout_keep_alive_handler", "disconnected",  # uvicorn
        "isolation_level", "autocommit", "impl", "cache_ok", "spool_max_size",
        "process_bind_param", "process_result_value",
    ),
    "a field of what is written out as a whole": (
        "status_url", "tracking_url", "peak_rss_mb", "replaces",
    ),
    "a field or setting that is read by a name in a table": (
        "complaint", "supervised_complaint", "aspiration", "information_request",
        "audio", "live_photo", "video", "video_note", "denied", "preset",
    ),
    "what official data say, kept beside them": (
        "ARCHIVED_BY_REPORTER",
    ),
    "a double that tests drive further than the demonstration does": (
        "polled", "edit", "tap", "too_many", "participant",
    ),
    "a table that tests hold the data against": (
        "DIGESTS", "ASKED_FOR", "TO_POSTS", "MESSAGES", "words_of_signs", "report_in",
    ),
}  # fmt: skip


def template_names() -> set[str]:
    """Return the attributes that templates read."""
    pages = (ROOT / "gateway").rglob("templates/**/*.html")
    return {name for page in pages for name in re.findall(r"\.(\w+)", page.read_text("utf-8"))}


def faults() -> list[str]:
    """List what nothing calls, and what is allowed for nothing."""
    scan = Vulture(ignore_decorators=CALLED_BY_THEIR_MARK)
    scan.scavenge([str(ROOT / program) for program in PROGRAMS], exclude=[MIGRATIONS])
    templates = template_names()
    unused = [item for item in scan.get_unused_code() if item.name not in templates]
    allowed = [pattern for patterns in ALLOWED.values() for pattern in patterns]
    dead = [
        f"{Path(item.filename).relative_to(ROOT)}:{item.first_lineno}: {item.message}"
        for item in unused
        if not any(fnmatchcase(item.name, pattern) for pattern in allowed)
    ]
    idle = [
        f"tests/dead_code.py: nothing is called {pattern!r} without being used: take the line off"
        for pattern in allowed
        if not any(fnmatchcase(item.name, pattern) for item in unused)
    ]
    return dead + idle


if __name__ == "__main__":
    sys.exit("\n".join(faults()) or None)
