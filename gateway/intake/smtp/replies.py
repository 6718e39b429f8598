"""What the mail server replies: codes here, words in ``config/errors``."""

from collections.abc import Mapping
from typing import Any

from config.words import LANGUAGES, words

CODES: Mapping[str, str] = {
    "taken": "250 2.0.0",
    "try_later": "451 4.3.0",
    "overload": "451 4.4.5",
    "too_big": "552 5.3.4",
    "not_ours": "550 5.1.1",
    "malformed": "501 5.1.3",
    "unreadable": "501 5.5.2",
    "many_recipients": "452 4.5.3",
    "no_auth": "502 5.5.1",
    "failed": "421 4.3.0",
    "idle": "421 4.4.2",
    "spent": "421 4.4.2",
    "busy_with_you": "421 4.7.0",
    "busy": "421 4.7.0",
    "closing": "421 4.3.2",
    "starttls": "530 5.7.0",
}
"""Code and enhanced code of every reply; ``config/errors`` has the words."""
REWORDED = {
    "500 Line too long (see RFC5321 4.5.3.1.6)": "too_big",
    "530 Must issue a STARTTLS command first": "starttls",
    "552 Error: Too much mail data": "too_big",
    "552 Error: message size exceeds fixed maximum message size": "too_big",
}
"""aiosmtpd's replies that lack the code a sender's server needs to explain the bounce."""


def reply(name: str) -> str:
    """Return a reply: its code, then what it says in both languages."""
    said = (words("errors").say(f"smtp.{name}", language) for language in LANGUAGES)
    return f"{CODES[name]} {' / '.join(said)}"


def reword(status: Any) -> Any:
    """Return what is said in place of a reply of aiosmtpd's; most stay as they are."""
    return reply(REWORDED[status]) if status in REWORDED else status
