"""The way to X's API: the library's client over a session of ours, and its errors as ours.

X's words about what we write may quote people: none of them is logged or repeated. Those about how
we read are told without names and ids: only they say which name of a field X does not take.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from aiohttp import ClientResponse
from tweepy.asynchronous import AsyncClient  # type: ignore[import-untyped]
from yarl import URL

from adapters.contract import ChannelError, Throttled, UnknownOutcome, Unreachable
from adapters.exchange import ExchangeLog
from adapters.http import Errors, HttpClient
from adapters.x.account import AccountBlock
from adapters.x.budget import HOUR
from normalizer.nameless import nameless

MAX_ANSWER = 10_000_000
"""Bytes of one answer of the API; a page of the longest posts is about four million."""
WINDOW = 900.0
"""Seconds of X's usual window for counting requests."""
LONGEST_WAIT = 86_400.0
MOST_WORDS = 500
"""Characters of what an error says that are told."""

MENDABLE: Mapping[int | str, str] = {
    401: "the tokens were refused, or this machine's clock is wrong",
    404: "the account or api_base is wrong",
    "client-forbidden": "the app may not use this part of the API",
    "oauth1-permissions": "the app may only read; allow it to write and make new access tokens",
    "unsupported-authentication": "tokens of the wrong kind",
}
"""Statuses and kinds of problems that an operator can mend; nothing is lost over them."""
REFUSALS: Mapping[str, str] = {
    "duplicate content": "X takes the same words only once",
    "deleted or not visible": "the citizen's post is gone",
    "who can reply": "the citizen does not let everybody reply",
    "not been mentioned": "X lets us reply only to who mentions us",
    "blocked": "the citizen has blocked the account",
    "direct message": "the citizen takes no direct messages from us",
}
"""X's words for what will never work, and ours: its own may name people."""
ERRORS = Errors(provider="X", mendable=MENDABLE, refused=REFUSALS)
RESETS = ("x-rate-limit", "x-app-limit-24hour", "x-user-limit-24hour")
"""The windows in which X counts requests, as its headers name them."""


class XDeclined(Exception):
    """X answered with an error: https://docs.x.com/x-api/fundamentals/response-codes-and-errors."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.headers = headers
        try:
            problem = json.loads(body)
        except (ValueError, RecursionError):  # a page of HTML, most likely
            problem = None
        said = problem if isinstance(problem, dict) else {}
        self.kind = str(said.get("type")).rpartition("/")[2]
        self.detail = f"{said.get('detail')} {said.get('errors')}"[:2000].lower()
        self.title = str(said.get("title"))
        self.words = "; ".join(dict.fromkeys(_words(said)))[:MOST_WORDS]

    @property
    def capped(self) -> bool:
        """Tell whether the month's cap is meant, not a window of minutes."""
        return self.kind == "usage-capped" or self.title == "UsageCapExceeded"

    def wait(self, now: datetime) -> float:
        """Return the seconds until all windows that are used up begin again."""
        empty = [each for each in RESETS if self.headers.get(f"{each}-remaining") == "0"]
        said = (self.headers.get(f"{each}-reset", "") for each in empty or RESETS[:1])
        ends = [int(each) for each in said if re.fullmatch(r"[0-9]{1,11}", each)]
        return min(max(max(ends) - now.timestamp(), 1.0), LONGEST_WAIT) if ends else WINDOW


class Client(AsyncClient):  # type: ignore[misc]
    """The library's client, through a session of our own.

    The library's own way signs for a host it cannot be told, logs the tokens, waits five minutes,
    and raises anything at all over an error that is not the JSON it expects.
    """

    def __init__(self, account: AccountBlock, base: str, timeout: float, log: ExchangeLog) -> None:
        super().__init__(return_type=ClientResponse)  # what ``request`` returns, untouched
        self._account = account
        self._base = base
        self.http = HttpClient(ERRORS.provider, log, timeout=timeout, largest=MAX_ANSWER)

    async def mentions(self, query: Mapping[str, str]) -> dict[str, Any]:
        """List the newest posts that mention the account; the library's way knows fixed names only.

        Raises what ``request`` does.
        """
        route = f"/2/users/{self._account.user_id}/mentions"
        by_account = self._account.bearer_token is None
        return await self.request("GET", route, params=query, user_auth=by_account)

    async def request(
        self,
        method: str,
        route: str,
        params: Mapping[str, object] | None = None,
        json: object = None,
        user_auth: bool = False,
    ) -> dict[str, Any]:
        """Make one call and return the JSON of the answer.

        Raises ``XDeclined``, ``Unreachable``, ``ValueError``.
        """
        asked = urlencode({k: str(v) for k, v in (params or {}).items()}, quote_via=quote)
        url = f"{self._base}{route}" + (f"?{asked}" if asked else "")
        answer = await self.http.request(
            method,
            URL(url, encoded=True),
            json=json,
            headers=self._account.proof(method, url, by_account=user_auth),
        )
        if not answer.is_success:
            raise XDeclined(answer.status, answer.headers, answer.body)
        return _object(answer.body)


def _object(body: bytes) -> dict[str, Any]:
    value = json.loads(body)
    if not isinstance(value, dict):
        raise ValueError("not an answer of X's API")
    return value


@contextmanager
def translate_errors(*, writing: bool = False) -> Iterator[None]:
    """Turn what a call raises into our errors, without X's words."""
    try:
        yield
    except XDeclined as error:
        raise failure(error, writing, datetime.now(UTC)) from None
    except (ValueError, RecursionError):
        raise UnknownOutcome("X's answer could not be read") from None


def failure(error: XDeclined, writing: bool, now: datetime) -> ChannelError:
    said = f"X answered {error.status}"
    if error.status == 402:
        return Throttled(f"{said}: the credits at X are used up", retry_after=HOUR)
    if error.status == 429 and error.capped:
        return Throttled(f"{said}: X's cap for this month is reached", retry_after=HOUR)
    if error.status == 429:
        return Throttled(f"{said}: too many requests", retry_after=error.wait(now))
    final = writing and error.status in (400, 403, 409, 422)
    found = ERRORS.error(error.status, error.kind, words=error.detail, final=final)
    return found if writing or not error.words else Unreachable(f"{found}: {nameless(error.words)}")


def _words(said: Mapping[str, Any]) -> Iterator[str]:
    """Yield what an error says of itself: of each of its faults, and of all of it."""
    faults = said.get("errors")
    for each in (*(faults if isinstance(faults, list) else ()), said):
        if isinstance(each, dict):
            yield from (
                " ".join(word.split())
                for name in ("message", "detail")
                if isinstance(word := each.get(name), str) and word.strip()
            )
