"""What Twilio took in for us, by its own list of messages.

https://www.twilio.com/docs/messaging/api/message-resource#read-multiple-message-resources.
"""

import json
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from adapters.contract import Malformed, Unreachable

MOST_LISTED = 1000
"""Messages in one answer of Twilio's; it gives no more."""
MOST_KNOWN_MEDIA = 10_000
MOST_PAGES = 1000
"""A list that goes on longer than this goes round in circles."""

_SID = re.compile(r"[A-Za-z0-9]{1,64}")

Get = Callable[[str, Mapping[str, str]], Awaitable[dict[str, Any]]]
"""Gets what stands at a path below the account; raises ``ChannelError``."""


class MessageList:
    """The messages of an account; with a ``number`` only those to it."""

    def __init__(self, get: Get, number: str | None) -> None:
        self._get = get
        self._wanted = {"To": number} if number else {}
        self._media: dict[str, list[Any]] = {}

    async def between(
        self, since: datetime, until: datetime
    ) -> AsyncGenerator[dict[str, Any], None]:
        """List the messages of a time, also where Twilio takes only the day of it."""
        params = {"PageSize": str(MOST_LISTED), **self._wanted, **_bounds(since, until)}
        for _ in range(MOST_PAGES):
            page = await self._get("Messages.json", params)
            for message in page.get("messages") or ():
                if isinstance(message, dict) and since <= (sent_at(message) or since) < until:
                    yield message
            following = page.get("next_page_uri")
            if not following:
                return
            # Only the query is followed: the answer does not choose where we send our token.
            params = dict(parse_qsl(urlsplit(str(following)).query))
        raise Unreachable("Twilio's list does not end")

    async def pack(self, message: Mapping[str, Any]) -> bytes:
        """Write a message down with the list of its files; ``reread`` reads it."""
        return json.dumps({"message": message, "media": await self._media_of(message)}).encode()

    async def _media_of(self, message: Mapping[str, Any]) -> list[Any]:
        """List a message's files; asked once, as the lists of two looks overlap."""
        sid = str(message.get("sid"))
        if str(message.get("num_media") or "0") == "0" or not _SID.fullmatch(sid):
            return []
        if sid not in self._media:
            if len(self._media) >= MOST_KNOWN_MEDIA:
                self._media.clear()
            found = await self._get(f"Messages/{sid}/Media.json", {})
            self._media[sid] = list(found.get("media_list") or ())
        return self._media[sid]


def reread(raw: bytes, base: str) -> tuple[dict[str, str], datetime | None]:
    """Read what we kept: the form a webhook would have brought, and when. Raises ``Malformed``."""
    try:
        kept = json.loads(raw)
        return _form_of(kept["message"], kept["media"], base), sent_at(kept["message"])
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise Malformed("not a message of Twilio's list") from None


def _bounds(since: datetime, until: datetime) -> Mapping[str, str]:
    """Write the bounds of a list; Twilio takes both as inclusive."""
    return {"DateSent>": f"{since:%Y-%m-%dT%H:%M:%SZ}", "DateSent<": f"{until:%Y-%m-%dT%H:%M:%SZ}"}


def sent_at(message: Mapping[str, Any]) -> datetime | None:
    """Return when Twilio took a listed message in."""
    try:
        moment = parsedate_to_datetime(message.get("date_sent") or message["date_created"])
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
        return None


def _form_of(
    message: Mapping[str, Any], media: list[Mapping[str, Any]], base: str
) -> dict[str, str]:
    """Write a message of the list as the form a webhook would have brought."""
    fields = {
        "MessageSid": message["sid"],
        "From": message["from"],
        "To": message["to"],
        "Body": message.get("body") or "",
        "NumMedia": message.get("num_media") or "0",
    }
    for number, file in enumerate(media):
        fields[f"MediaUrl{number}"] = base + file["uri"].removesuffix(".json")
        fields[f"MediaContentType{number}"] = file.get("content_type") or ""
    return {
        name: str(value).encode("utf-8", "replace").decode()
        for name, value in fields.items()
        if value is not None
    }
