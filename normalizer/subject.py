"""What mail programs and gateways put before a subject: an answer, a forward, a warning.

The prefixes are those that common mail programs write in the languages met here; tags are what
gateways put before a mail from outside. Other brackets are the writer's words.
"""

import re
from typing import Literal

_MOST = 1_000
"""Characters of a subject that are read."""
_REPLY = r"re|res|r|aw|antw|antwort|sv|vs|odp|bls|balas|balasan|membalas|jawab|jawaban"
_FORWARD = (
    r"fwd?|forward(?:ed)?|trs|terusan|diteruskan|meneruskan|teruskan|wg|tr|i|rv|enc|doorst|vb|vl|pd"
)
_TAG = (
    r"\[\s*(?:ext(?:ernal|ern)?|eksternal|luar|outside|caution|warning|spam|suspected spam"
    r"|possible spam|bulk)(?:[ -]?(?:e-?mail|sender|mail))?\s*[:!?]?\s*\]"
    r"|\((?:ext(?:ernal)?|eksternal|spam)\)"
    r"|\*{2,40}\s*(?:spam|suspected spam|possible spam|external|eksternal)\s*\*{2,40}"
    r"|(?:external|eksternal|spam)\s*:"
)
_PREFIX = re.compile(
    rf"\s*(?:(?P<tag>{_TAG})"
    rf"|\[?\s*(?:(?P<reply>{_REPLY})|(?P<forward>{_FORWARD}))\s*(?:\[\d{{1,4}}\]|\(\d{{1,4}}\))?"
    r"\s*[:\uff1a])",
    re.IGNORECASE,
)

Standing = Literal["new", "reply", "forward"]


def standing(subject: str) -> Standing:
    """Tell what the first prefix calls a mail; tags before it call it nothing."""
    at = 0
    while match := _PREFIX.match(subject[:_MOST], at):
        if not match["tag"]:
            return "reply" if match["reply"] else "forward"
        at = match.end()
    return "new"


def without_prefixes(subject: str) -> str:
    """Return the writer's own words of a subject; "[Fwd: x]" gives "x"."""
    cut, at, opened = subject[:_MOST], 0, 0
    while match := _PREFIX.match(cut, at):
        opened += not match["tag"] and match[0].lstrip().startswith("[")
        at = match.end()
    rest = cut[at:].strip()
    while opened and rest.endswith("]"):
        rest, opened = rest[:-1].rstrip(), opened - 1
    return rest


__all__ = ["Standing", "standing", "without_prefixes"]
