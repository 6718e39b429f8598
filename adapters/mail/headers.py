"""Mail headers: encoded words, addresses, message ids, dates and parameters, none of them trusted.

The standard library's ``policy.default`` took 17 s on a 400 KB Subject, and RecursionError,
IndexError and LookupError come out of its parsers; here every value is short before it is read
(``tree`` sees to that) and every call into those parsers is guarded.
"""

import binascii
import re
import unicodedata
from email.message import Message
from email.utils import getaddresses

from adapters.contract import Author
from adapters.mail import charset, transfer

MAX_PARAMETERS = 40
MAX_PARAMETER_TEXT = 2048
"""Characters of a Content-Type or Content-Disposition that are read; its parser is quadratic."""
MAX_THREAD = 50
_WORD = re.compile(
    r"=\?\s?([^?\s]{0,60})\s?\?\s?([bBqQ])\s?\?"
    r"(?:((?:[^?]|\?(?!=)){0,2000}?)\?=|((?:(?!\?=)[^\s<>\"]){1,2000})(?=[\s<>\"]|\Z))"
)
"""An encoded word (RFC 2047), also one whose end is missing: then it ends where its letters do."""
_WHOLE_WORD = re.compile(r"=\?[^?\s]{1,60}\?[bBqQ]\?[^?\s]{0,2000}\?=")
_WORD_SIGN = re.compile(r"=\?[\w.:-]{2,30}\?[bBqQ]?\?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_ID = re.compile(r"<([!-;=?-~]{1,250})>")
_BARE_ID = re.compile(r"[!-;=?-~]{1,200}@[!-;=?-~]{1,200}")
_ADDRESS = re.compile(r"[^\s<>()\[\]\\,;:\"@]{1,64}@[^\s<>()\[\]\\,;:\"@]{1,255}")
_ANGLED = re.compile(rf"<\s*({_ADDRESS.pattern})\s*>")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.){0,1000}"')
_COMMENT = re.compile(r"\([^()]{0,1000}\)")
_MARK = "\ue000"
"""Stands around the number of a word that was put away; no mail program writes it."""
_PUT_AWAY = re.compile(rf"{_MARK}([0-9]{{1,4}}){_MARK}")
_NEIGHBOURS = re.compile(r"(\?=)\s+(?==\?)")


def decode_words(value: str) -> str:
    """Turn encoded words into text on one line, without control characters.

    Neighbouring words of one charset are joined before decoding: mailers cut characters in two.
    """
    pieces: list[str] = []
    run, run_charset, at = b"", "", 0
    for match in _WORD.finditer(value):
        gap, at = value[at : match.start()], match.end()
        label, data = match[1].lower(), _word_bytes(match[2], match[3] or match[4] or "")
        if run and (gap.strip() or label != run_charset):
            pieces.append(charset.decode(run, run_charset)[0])
            run = b""
        if gap.strip() or match.start() == len(gap):
            pieces.append(gap)
        run, run_charset = run + data, label
    return one_line("".join([*pieces, charset.decode(run, run_charset)[0], value[at:]]))


def is_broken(value: str) -> bool:
    """Tell whether encoded words of a header are not as they should be, and had to be guessed."""
    return "=?" in value and bool(_WORD_SIGN.search(_WHOLE_WORD.sub("", value)))


def _word_bytes(encoding: str, text: str) -> bytes:
    raw = text.encode("utf-8", "replace")
    if encoding in "qQ":
        return binascii.a2b_qp(raw, header=True)
    return transfer.base64_bytes(raw)


def one_line(value: str) -> str:
    """Put a value on one line: CR and LF in a decoded Subject would be headers in our answer."""
    return unicodedata.normalize("NFC", _CONTROL.sub(" ", value)).strip()


def is_address(text: str) -> bool:
    """Tell whether ``text`` is one plain ``local@domain`` of sane length, and nothing else."""
    return len(text) <= 254 and bool(_ADDRESS.fullmatch(text)) and not _CONTROL.search(text)


def addresses(*values: str) -> list[Author]:
    """Read the addresses of address headers, in order; what is none is left out."""
    found: list[Author] = []
    for value in filter(None, values):
        found.extend(_mailboxes(value))
    return found


def mailbox(value: str) -> tuple[Author | None, bool]:
    """Read who a From header names, and whether it names one only.

    The address is the last in angle brackets, as mail programs show it: what else looks like one
    stands in the name, in quotes, in a comment or in an encoded word.
    """
    words = _Words()
    clear = _WORD.sub(words.put_away, value.replace(_MARK, ""))
    plain = _COMMENT.sub(words.put_away, _QUOTED.sub(words.put_away, clear))
    angled = [match for match in _ANGLED.finditer(plain) if is_address(match[1])]
    if not angled:
        found = addresses(value)
        return (found[0] if found else None), len(found) == 1
    before = plain[: angled[-1].start()] if len(angled) == 1 else ""
    said = decode_words(words.put_back(before)).replace('\\"', '"')
    name = " ".join(said.split()).strip(" \"',;")
    return Author(_domain_lower(angled[-1][1]), name or None), len(angled) == 1


class _Words:
    """Encoded words and quoted strings, put away while the grammar around them is read."""

    def __init__(self) -> None:
        self._away: list[str] = []

    def put_away(self, match: re.Match[str]) -> str:
        self._away.append(match[0])
        return f" {_MARK}{len(self._away) - 1}{_MARK} "

    def put_back(self, text: str) -> str:
        """Return what was put away to its place, also where one held another."""
        for _ in range(3):
            text = _PUT_AWAY.sub(self._one, text)
        return _NEIGHBOURS.sub(r"\1", text)

    def _one(self, match: re.Match[str]) -> str:
        at = int(match[1])
        return self._away[at] if at < len(self._away) else ""


def _mailboxes(value: str) -> list[Author]:
    """Read mailboxes; an encoded word is one word, whatever signs of the grammar are in it."""
    words = _Words()
    try:
        pairs = getaddresses([_WORD.sub(words.put_away, value.replace(_MARK, ""))])
    except Exception:  # RecursionError at "((((", IndexError, and what later versions add
        pairs = []
    plain = [
        Author(_domain_lower(a), decode_words(words.put_back(name)) or None)
        for name, a in pairs
        if is_address(a) and _MARK not in a
    ]
    rest = _WORD.sub(" ", value)
    return plain or [Author(_domain_lower(a)) for a in _ADDRESS.findall(rest) if is_address(a)]


def _domain_lower(address: str) -> str:
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.lower()}"


def message_id(value: str) -> str | None:
    """Return ``<id>`` when the value is a usable Message-ID; unbracketed ``a@b`` gets brackets."""
    if match := _ID.search(value):
        return match[0]
    bare = value.strip()
    return f"<{bare}>" if _BARE_ID.fullmatch(bare) else None


def thread(references: str, in_reply_to: str) -> tuple[str, ...]:
    """Return the ids a mail answers, oldest first, without repeats."""
    ids = [f"<{i}>" for i in _ID.findall(references)] + [f"<{i}>" for i in _ID.findall(in_reply_to)]
    return tuple(dict.fromkeys(ids))[-MAX_THREAD:]


def parameters(value: str) -> tuple[str, dict[str, str]]:
    """Split ``Content-Type`` or ``Content-Disposition`` into its lower-case value and parameters.

    RFC 2231 continuations and charsets are resolved. Never raises.
    """
    head = value.split(";", 1)[0].strip().lower()
    holder = Message()
    first = ";".join(value[:MAX_PARAMETER_TEXT].split(";")[: MAX_PARAMETERS + 1])
    holder["content-type"] = _CONTROL.sub(" ", first)
    try:
        pairs = holder.get_params([], unquote=True)
    except Exception:  # ValueError on a giant RFC 2231 section number, and its kin
        pairs = []
    return head, {str(name).lower(): _parameter(v) for name, v in reversed(pairs[1:])}


def _parameter(value: object) -> str:
    if isinstance(value, tuple) and len(value) == 3:  # (charset, language, bytes as latin-1)
        label, _, text = value
        raw = str(text).encode("latin-1", "replace")
        return one_line(charset.decode(raw, str(label or ""))[0])
    return decode_words(str(value))
