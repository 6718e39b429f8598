"""Texts with marks of their own to plain text: RFC 1896, RFC 1341, and invitations (RFC 5545).

``FORMS`` says for each type how it is read. Nothing here raises; time is linear in the length.
"""

import re
from collections.abc import Callable, Mapping

_PARAMETER = re.compile(r"<param>[^<]{0,500}</param>", re.IGNORECASE)
_MARK = re.compile(r"</?[a-zA-Z0-9-]{1,60}>")
_BREAKS = re.compile(r"\n+")
_RICH = {"<nl>": "\n", "<np>": "\n", "</paragraph>": "\n", "<lt>": "<"}
_FOLD = re.compile(r"\n[ \t]")
_TOLD = re.compile(r"^(SUMMARY|LOCATION|DESCRIPTION)(?:;[^:\n]{0,500})?:([^\n]*)", re.MULTILINE)
_ESCAPED = re.compile(r"\\([nN,;\\])")


def read_enriched(source: str) -> str:
    """Read text/enriched: single line breaks are spaces, ``<<`` is a bracket."""
    joined = _BREAKS.sub(lambda match: "\n" * (len(match[0]) - 1) or " ", source)
    pieces = (_MARK.sub("", _PARAMETER.sub("", each)) for each in joined.split("<<"))
    return "<".join(pieces)


def read_richtext(source: str) -> str:
    """Read text/richtext: line breaks are spaces, ``<nl>`` is one."""
    return _MARK.sub(lambda match: _RICH.get(match[0].lower(), ""), source.replace("\n", " "))


def read_calendar(source: str) -> str:
    """Read what an invitation (RFC 5545) says in words: its title, place and description."""
    said = (match[2] for match in _TOLD.finditer(_FOLD.sub("", source)))
    plain = (_ESCAPED.sub(lambda m: "\n" if m[1] in "nN" else m[1], each) for each in said)
    return "\n".join(dict.fromkeys(filter(None, map(str.strip, plain))))


FORMS: Mapping[str, Callable[[str], str]] = {
    "text/enriched": read_enriched,
    "text/richtext": read_richtext,
    "text/calendar": read_calendar,
}
