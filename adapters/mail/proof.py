"""Who really sent a mail, as far as anybody can tell: SMTP itself proves nothing.

Two witnesses. The envelope: a server that would tell MAIL FROM a bounce is of the same organisation
as From (RFC 7489, 3.1, relaxed), so that no answer reaches a stranger. And, where the
settings name a mail server in front of us (``authserv_id``), what that one found (RFC 8601): DMARC
passed, so From is true; or it failed, and From is somebody else's name.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from adapters.mail import headers
from adapters.mail.tree import MimePart

Verdict = Literal["unasked", "passed", "failed", "unknown"]
"""``unasked``: no server is trusted with it; ``unknown``: nothing passed and nothing failed."""

_MOST = 50
"""Results that are read."""
_COMMENT = re.compile(r"\([^()]*\)")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_RESULT = re.compile(
    r"\s*([a-z0-9-]+)(?:\s*/\s*\d+)?\s*=\s*([a-z]+)\b(.*)", re.IGNORECASE | re.DOTALL
)
_FROM = re.compile(r"\bheader\.from\s*=\s*(?:[^\s;@]*@)?([^\s;@]+)", re.IGNORECASE)
_SPF_FAILED = {"fail", "softfail", "hardfail", "permerror"}

_SECOND_LEVEL = frozenset(
    {"ac", "biz", "co", "com", "desa", "edu", "go", "gob", "gov", "mil", "my", "ne", "net", "or"}
    | {"org", "ponpes", "sch", "web"}
)
"""Labels under a country's code beneath which names are given out (com.au, go.id, desa.id)."""
_OURS_TO_USE = frozenset({"example", "invalid", "localhost", "test"})
"""Names that cannot be registered (RFC 2606): there one label may be an organisation."""


@dataclass(frozen=True, slots=True)
class SenderProof:
    """What the witnesses say of one mail."""

    verdict: Verdict
    aligned: bool
    """The envelope's sender and From are of one organisation."""

    @property
    def answerable(self) -> bool:
        """Tell whether an answer would reach the writer, and no other person."""
        return self.verdict == "passed" or (self.aligned and self.verdict != "failed")

    @property
    def pseudonymous(self) -> bool:
        """Tell whether somebody trusted looked, and could not say that it is who it says."""
        return self.verdict in ("failed", "unknown")


def of(root: MimePart, *, sender: str, mail_from: str, authserv_id: str | None) -> SenderProof:
    """Weigh a mail. ``sender`` is the address in From."""
    single = len(root.all("from")) <= 1 and (
        headers.mailbox(root.get("from"))[1] or not root.get("from")
    )
    envelope = mail_from.rpartition("@")[2]
    aligned = single and bool(envelope) and same_organisation(envelope, _domain(sender))
    if not authserv_id:
        return SenderProof("unasked", aligned)
    results = _results(trusted_results(root, authserv_id))
    return SenderProof(_verdict(results, _domain(sender), single=single), aligned)


def trusted_results(root: MimePart, authserv_id: str) -> list[str]:
    """Return the results that the server in front of us wrote, without its name.

    It stamps above what came: where there is a Received, only what stands above the first counts,
    and else only the topmost. A mail may bring results of its own below, in any name.
    """
    above: list[str] = []
    stamped = False
    for name, value in root.fields:
        if name == "received":
            stamped = True
            break
        if name == "authentication-results":
            above.append(value)
    said = [_plain(value).partition(";") for value in (above if stamped else above[:1])]
    wanted = authserv_id.strip().lower()
    return [rest for who, _, rest in said[:_MOST] if who.split()[:1] == [wanted]]


def same_organisation(one: str, other: str) -> bool:
    """Tell whether two domains belong to one organisation, as far as their names say."""
    first, second = _labels(one), _labels(other)
    if not first or not second:
        return False
    if first == second:
        return True
    if first[-1:] in (first, second) and first[-1] == second[-1] and first[-1] in _OURS_TO_USE:
        return True
    return _organisation(first) == _organisation(second) != ()


def _organisation(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Return the part of a domain that somebody registered; () for a registry's own."""
    if labels[-1] in _OURS_TO_USE:
        least = 1 if len(labels) == 1 else 2
        return labels[-least:]
    country = len(labels[-1]) == 2 and len(labels) >= 2 and labels[-2] in _SECOND_LEVEL
    least = 3 if country else 2
    return labels[-least:] if len(labels) >= least else ()


def _labels(domain: str) -> tuple[str, ...]:
    try:
        plain = domain.encode("idna").decode("ascii") if not domain.isascii() else domain
    except UnicodeError:
        plain = domain
    return tuple(filter(None, plain.strip(" .[]").lower().split(".")))


def _plain(value: str) -> str:
    """Drop comments and quoted strings: their words are not the server's results."""
    text = _QUOTED.sub('""', value[:8_000])
    for _ in range(5):
        text, found = _COMMENT.subn(" ", text)
        if not found:
            break
    return text.lower()


def _results(said: Sequence[str]) -> list[tuple[str, str, str]]:
    """Read (method, result, properties) of each result."""
    pieces = [piece for value in said for piece in value.split(";")][:_MOST]
    found = (_RESULT.fullmatch(piece) for piece in pieces)
    return [(match[1], match[2], match[3]) for match in found if match]


def _verdict(results: Sequence[tuple[str, str, str]], domain: str, *, single: bool) -> Verdict:
    dmarc = [(result, rest) for method, result, rest in results if method == "dmarc"]
    if any(result == "fail" for result, _ in dmarc):
        return "failed"
    if dmarc and single and all(result == "pass" for result, _ in dmarc):
        named = [match[1] for _, rest in dmarc if (match := _FROM.search(rest))]
        return "passed" if all(same_organisation(each, domain) for each in named) else "failed"
    spf = {result for method, result, _ in results if method == "spf"}
    dkim = {result for method, result, _ in results if method == "dkim"}
    if spf & _SPF_FAILED and "pass" not in spf | dkim:
        return "failed"
    return "unknown"


def _domain(address: str) -> str:
    return address.rpartition("@")[2]
