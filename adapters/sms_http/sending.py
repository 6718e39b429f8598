"""One call of ours to the gateway: what is filled in, and what its answer means.

A provider's own words may name people: none of them is repeated.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from yarl import URL

from adapters.contract import (
    ChannelError,
    OptedOut,
    Outgoing,
    Refused,
    Throttled,
    Unreachable,
    retry_after,
)
from adapters.http import HttpResponse
from adapters.sms.plain import plain
from adapters.sms.segmentation import fit_text
from adapters.sms_http import fields, templates
from adapters.sms_http.settings import Meaning, SmsErrors, SmsHttpBlock, SmsReply
from normalizer import gsm

PROVIDER = "the gateway"
LONGEST = 20_000
"""Characters of an answer that are looked at."""
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,40}")
_ID = re.compile(r"[!-~]{1,200}")
_MEANINGS: Mapping[Meaning, str] = {
    "temporary": "try again later",
    "throttled": "it asks us to slow down",
    "settings": "url or credentials are not what it wants, or the account is not in order",
    "refused": "it does not take this message",
    "wrong_number": "this is no number that takes text messages",
    "opted_out": "the citizen said STOP, and hears nothing until START",
}
_STATUSES: Mapping[int, Meaning] = {
    401: "settings",
    402: "settings",
    403: "settings",
    404: "settings",
    405: "settings",
    407: "settings",
    408: "temporary",
    415: "settings",
    425: "temporary",
    429: "throttled",
}
"""What a status means unless the settings say otherwise; any other 4xx is refused."""


@dataclass(frozen=True, slots=True)
class SmsCall:
    """A call, ready to be made."""

    method: str
    url: URL
    headers: Mapping[str, str]
    body: bytes | None


def call(block: SmsHttpBlock, to: str, message: Outgoing, hook_url: str) -> SmsCall:
    """Fill in one message to a phone number in E.164."""
    assert block.url is not None
    out = block.outgoing
    values = _values(block, to, message, hook_url)
    written = urlencode(templates.pairs(out.query, values), quote_via=quote)
    address = str(block.url) + ("&" if block.url.query else "?") * bool(written) + written
    media_type, body = _body(block, values)
    headers = {name: templates.header(each, values) for name, each in out.headers.items()}
    kind = {"Content-Type": media_type} if media_type else {}
    return SmsCall(out.method, URL(address, encoded=True), {**kind, **headers}, body)


def _values(block: SmsHttpBlock, to: str, message: Outgoing, hook_url: str) -> Mapping[str, str]:
    text, is_gsm = written_for(message.text, block)
    known = {name: each.get_secret_value() for name, each in block.credentials.items()}
    values = {
        **known,
        "to": to,
        "to_digits": to.removeprefix("+"),
        "to_local": re.sub(r"^\+62", "0", to),
        "sender": block.sender or block.number,
        "text": text,
        "gsm_text": text if is_gsm else "",
        "ucs2_hex": "" if is_gsm else text.encode("utf-16-be", "replace").hex(),
        "coding": block.outgoing.coding.get("gsm" if is_gsm else "ucs2", ""),
        "id": message.id,
    }
    return {**values, "callback": _callback(block, values, hook_url)}


def written_for(text: str, block: SmsHttpBlock) -> tuple[str, bool]:
    """Write a text as it goes out, and tell whether GSM 7-bit holds it.

    A last line that says where to answer stays, whatever else is cut.
    """
    written = plain if block.plain_gsm else _spelled_plainly
    is_gsm = gsm.codes(written(text)) is not None
    whole = written(text) if is_gsm else text
    head, gap, last = whole.rpartition("\n")
    where = written(answers_go_to(block))
    if not (head and where and where in last):
        return fit_text(whole, block.max_reply_characters), is_gsm
    most = block.max_reply_characters
    room = None if most is None else max(most - len(gap + last), 4)
    return fit_text(head, room) + gap + last, is_gsm


def _spelled_plainly(text: str) -> str:
    return text.translate(gsm.PLAIN)


def answers_go_to(block: SmsHttpBlock) -> str:
    """Return the number or link that a text names for answers; "" where its sender takes them."""
    named = bool(block.sender) and not block.sender.removeprefix("+").isdigit()
    return block.answer_to or (block.number if named else "")


def _callback(block: SmsHttpBlock, values: Mapping[str, str], hook_url: str) -> str:
    token = block.access.token
    known = (
        [f"{quote(token.name)}={quote(token.values[0].get_secret_value())}"]
        if token and token.place == "query"
        else []
    )
    written = templates.query(block.outgoing.callback, values)
    return "?".join(filter(None, (hook_url, "&".join(filter(None, (*known, written))))))


def _body(block: SmsHttpBlock, values: Mapping[str, str]) -> tuple[str, bytes | None]:
    out = block.outgoing
    if out.form:
        made = urlencode(templates.pairs(out.form, values)).encode()
        return "application/x-www-form-urlencoded", made
    if out.json_body:
        return "application/json", templates.document(out.json_body, values)
    if out.xml_body:
        return "application/xml; charset=utf-8", templates.xml(out.xml_body, values)
    return "", None


def outcome(answer: HttpResponse, block: SmsHttpBlock, id: str) -> str:
    """Return the provider's id of a message that was taken, else ours. Raises ``ChannelError``."""
    reply, errors = block.outgoing.reply, block.outgoing.errors
    text = answer.body.decode("utf-8", "replace")[:LONGEST]
    read = _read(text, reply)
    codes = list(_found(read, reply.code, reply))
    bad = [code for code in codes if code not in reply.ok]
    if answer.is_success and not bad and (codes or not reply.code):
        ids = [each for each in _found(read, reply.id, reply) if _ID.fullmatch(each)]
        return ids[-1] if ids else id
    raise _failure(answer, text, bad, errors)


def _read(text: str, reply: SmsReply) -> Any:
    if reply.format == "text":
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _found(read: Any, where: str, reply: SmsReply) -> Sequence[str]:
    if not where:
        return []
    if reply.format == "json":
        return list(fields.scalars(read, where))
    return [found[1].strip() for found in re.finditer(where, read) if found[1]]


def _failure(
    answer: HttpResponse, text: str, codes: Sequence[str], errors: SmsErrors
) -> ChannelError:
    meaning = _meaning(answer.status, text.casefold(), codes, errors)
    named = [f"code {code}" for code in codes[:1] if _CODE.fullmatch(code)]
    said = ", ".join([f"{PROVIDER} answered {answer.status}", *named])
    said = f"{said}: {_MEANINGS[meaning]}"
    if meaning == "throttled":
        wait = retry_after(answer.headers.get("Retry-After"), datetime.now(UTC))
        return Throttled(said, retry_after=wait or errors.wait_seconds)
    if meaning == "opted_out":
        return OptedOut(said, until="starts")
    return Refused(said) if meaning in ("refused", "wrong_number") else Unreachable(said)


def _meaning(status: int, text: str, codes: Sequence[str], errors: SmsErrors) -> Meaning:
    """Say what an answer means: by words in it, else by its code, else by its status."""
    by_code = (errors.code.get(code.casefold()) for code in codes)
    by_words = (meaning for words, meaning in errors.words.items() if words in text)
    by_status = (errors.status.get(str(status)), _STATUSES.get(status))
    unknown: Meaning = "refused" if 400 <= status < 500 else "temporary"
    return next((each for each in (*by_words, *by_code, *by_status) if each), unknown)
