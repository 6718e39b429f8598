"""The named fields of a call: of its query, and of a form or a JSON document in its body."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from adapters.contract import Malformed, WebhookRequest

MAX_FIELDS = 500
"""A gateway sends some ten; more than this is an attack on the parser."""
MAX_ITEMS = 1_000
"""Messages or receipts in one call."""
EVERY = "*"


@dataclass(frozen=True, slots=True)
class SmsItem:
    """One message or receipt as it came: octets of a query or form, or an object of JSON."""

    octets: Mapping[str, bytes]
    values: Any = None
    """The object of JSON, which comes before the octets."""

    def text(self, name: str) -> str | None:
        """Return a field as text; None where there is none, or it is no text and no number."""
        found = self.of(name)
        return found.decode("utf-8", "replace") if isinstance(found, bytes) else found

    def of(self, name: str) -> str | bytes | None:
        """Return a field as it came: text of JSON, octets of a query or form."""
        if not name:
            return None
        if self.values is not None:
            found = next((each for each in scalars(self.values, name)), None)
            if found is not None:
                return found
        return self.octets.get(name)


def scalars(value: Any, path: str) -> Iterator[str]:
    """Yield the texts and numbers at a path of a JSON document; ``*`` is every item of a list.

    A key that has dots of its own is found by its whole name.
    """
    if isinstance(value, Mapping) and path in value:
        yield from _scalar(value[path])
        return
    for found in _at(value, path.split(".")):
        yield from _scalar(found)


def _at(value: Any, steps: Sequence[str]) -> Iterator[Any]:
    if not steps:
        yield value
        return
    step, rest = steps[0], steps[1:]
    if step == EVERY:
        for each in value if isinstance(value, list) else ():
            yield from _at(each, rest)
    elif isinstance(value, list) and step.isascii() and step.isdigit() and len(step) < 5:
        for each in value[int(step) : int(step) + 1]:
            yield from _at(each, rest)
    elif isinstance(value, Mapping) and step in value:
        yield from _at(value[step], rest)


def _scalar(value: Any) -> Iterator[str]:
    if isinstance(value, bool):
        yield str(value).lower()
    elif isinstance(value, int | float | str):
        yield _storable(str(value))


def _storable(text: str) -> str:
    """Replace lone surrogates, which JSON may hold and no database takes."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def query(hook: WebhookRequest) -> Mapping[str, bytes]:
    """Read the query of a call. Raises ``Malformed``."""
    try:
        return _form(urlsplit(hook.url).query.encode())
    except ValueError:  # an address that no URL can be
        raise Malformed("the query cannot be read") from None


def body(hook: WebhookRequest) -> SmsItem:
    """Read the body of a call, "" as nothing at all. Raises ``Malformed``."""
    if hook.method != "POST" or not hook.body.strip():
        return SmsItem({})
    if not _is_json(hook):
        return SmsItem(_form(hook.body))
    try:
        return SmsItem({}, json.loads(hook.body))
    except (ValueError, RecursionError):
        raise Malformed("the body is not the JSON that it begins like or says to be") from None


def items(hook: WebhookRequest, path: str, *, with_query: bool) -> list[SmsItem]:
    """Read what a call brings: one item, or each of the list at ``path``. Raises ``Malformed``."""
    read = body(hook)
    octets = {**(query(hook) if with_query else {}), **read.octets}
    if read.values is None:
        return [SmsItem(octets)]
    listed = _listed(read.values, path)
    if len(listed) > MAX_ITEMS:
        raise Malformed(f"more than {MAX_ITEMS} messages in one call")
    return [SmsItem(octets, each) for each in listed]


def _listed(values: Any, path: str) -> list[Any]:
    found = list(_at(values, path.split("."))) if path else [values]
    whole = found[0] if found else values
    return whole if isinstance(whole, list) else [whole]


def _is_json(hook: WebhookRequest) -> bool:
    media_type = hook.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "application/x-www-form-urlencoded":
        return False
    said = media_type == "application/json" or media_type.endswith("+json")
    return said or hook.body.lstrip()[:1] in (b"{", b"[")


@lru_cache(maxsize=4)
def _form(written: bytes) -> Mapping[str, bytes]:
    """Read a form as octets, whatever alphabet they are in; ``verify`` and ``parse`` both ask.

    Of a field that comes twice the first one counts.
    """
    if written.count(b"&") >= MAX_FIELDS:
        raise Malformed(f"more than {MAX_FIELDS} fields")
    fields: dict[str, bytes] = {}
    for pair in filter(None, written.split(b"&")):
        name, _, value = (
            unquote_to_bytes(part) for part in pair.replace(b"+", b" ").partition(b"=")
        )
        fields.setdefault(name.decode("utf-8", "replace"), value)
    return fields
