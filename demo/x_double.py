"""An X for the demo and the tests: a local double of the X API v2, and citizens who post.

Lists the posts that mention one account, and takes its replies and direct messages, in the shapes
of https://docs.x.com/x-api: fields only if asked for, newest first, pages by token, errors as
problems. Signatures are checked here by hand, not with the library that makes them. It counts what
X would bill. Listens on loopback only.
"""

import asyncio
import hmac
import json
import re
from base64 import b64encode
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha1
from typing import Any, Literal, Self
from unicodedata import normalize
from urllib.parse import parse_qsl, quote, unquote

from aiohttp import web

Json = dict[str, Any]
FIRST = 1_990_000_000_000_000_000
"""Where the ids of posts begin."""
LONGEST = 280
PROBLEMS = "https://api.twitter.com/2/problems"
DEFAULT = ("id", "text", "edit_history_tweet_ids")
RENAMED = {
    "edit_history_tweet_ids": "edit_history_post_ids",
    "note_tweet": "note_post",
    "referenced_tweets": "referenced_posts",
    "tweets": "posts",
    "retweeted": "reposted",
}
"""Of each name of before the one of today."""


def _names(words: str) -> list[str]:
    return words.split()


PAGING = _names("max_results pagination_token start_time end_time since_id until_id")
FIELDS = {
    "media.fields": _names("media_key type url preview_image_url variants alt_text width height"),
    "place.fields": _names("full_name geo id name country"),
    "user.fields": _names("id name username created_at"),
}
POST_FIELDS = _names("attachments conversation_id created_at entities geo id lang note_post text")
TWEET_FIELDS = _names("""
    attachments author_id conversation_id created_at edit_history_tweet_ids entities geo
    id in_reply_to_user_id lang note_tweet referenced_tweets text
    """)
EXPANSIONS = ["attachments.media_keys", "author_id", "geo.place_id", "in_reply_to_user_id"]
POST_EXPANSIONS = [*EXPANSIONS, "edit_history_post_ids", "referenced_posts"]
TWEET_EXPANSIONS = [*EXPANSIONS, "edit_history_tweet_ids", "referenced_tweets.id"]
Speech = Literal["posts", "tweets", "leaves out"]
"""How the server names things: strictly as today, strictly as before, or as today with the fields
of before as an alias, whose expansions it leaves out without a word."""
_HANDLE = re.compile(r"@(\w+)")
_NUMBER = re.compile(r"[0-9]{1,19}")


@dataclass(frozen=True, slots=True)
class Keys:
    """What an app and an account know each other by."""

    bearer_token: str
    consumer_key: str
    consumer_secret: str
    access_token: str
    access_token_secret: str


@dataclass(frozen=True, slots=True)
class Posted:
    """What the account wrote: a reply, or a direct message to ``participant``."""

    id: str
    text: str
    reply_to: str | None = None
    participant: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """An answer to give instead of the true one."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Declined(Exception):
    """An error of the API."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.status)
        self.failure = failure


def problem(status: int, kind: str, title: str, detail: str) -> Failure:
    """Compose an error as X writes it."""
    link = f"{PROBLEMS}/{kind}" if kind else "about:blank"
    body = {"title": title, "detail": detail, "status": status, "type": link}
    return Failure(status, json.dumps(body).encode())


def too_many(reset: int, window: str = "x-rate-limit") -> Failure:
    """Compose the 429 of a window of minutes or of a day, which ends at ``reset`` (Unix time)."""
    limits = {f"{window}-limit": "1", f"{window}-remaining": "0", f"{window}-reset": str(reset)}
    found = problem(429, "", "Too Many Requests", "Too Many Requests")
    return Failure(429, found.body, {"x-rate-limit-remaining": "5", **limits})


def capped() -> Failure:
    """Compose the 429 of the month's cap; its windows of minutes are not used up."""
    body: Json = {
        "account_id": 1,
        "product_name": "standard-basic",
        "title": "UsageCapExceeded",
        "period": "Monthly",
        "scope": "Product",
        "detail": "Usage cap exceeded: Monthly product cap",
        "type": f"{PROBLEMS}/usage-capped",
    }
    headers = {"x-rate-limit-limit": "450", "x-rate-limit-remaining": "449"}
    return Failure(429, json.dumps(body).encode(), headers)


class XServer:
    """Carries posts of and to one account; use as ``async with``, then ``url`` is its API."""

    def __init__(
        self, keys: Keys, username: str = "lapor_contoh", speech: Speech = "posts"
    ) -> None:
        self.keys = keys
        self.speech: Speech = speech
        self.id = keys.access_token.partition("-")[0]
        self.url = ""
        self.users: dict[str, Json] = {}
        self.posts: dict[str, Json] = {}
        """All there is, by id, oldest first."""
        self.media: dict[str, Json] = {}
        self.places: dict[str, Json] = {}
        self.sent: list[Posted] = []
        """What the account wrote, oldest first."""
        self.failures: list[Failure] = []
        """What the next requests are answered."""
        self.asked: list[Mapping[str, str]] = []
        """The parameters of each look at the mentions that was answered."""
        self.refused: list[Mapping[str, str]] = []
        """Those of each that was not, because of a name."""
        self.billed: set[str] = set()
        """Posts that were given away, each counted once."""
        self.cap: int | None = None
        """The most posts that are given away in the month."""
        self.last = FIRST
        self.user(self.id, username)
        self._news = asyncio.Condition()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes(
            [
                web.get("/2/users/{user}/mentions", self._answered(self._mentions)),
                web.post("/2/tweets", self._answered(self._create)),
                web.post("/2/dm_conversations/with/{user}/messages", self._answered(self._message)),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = "http://{}:{}".format(*self._runner.addresses[0][:2])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def wait_for(self, fits: Callable[[Posted], bool], within: float = 30.0) -> Posted:
        """Return the first that fits of what was sent. Raises ``TimeoutError``."""
        async with asyncio.timeout(within), self._news:
            while (found := next(filter(fits, self.sent), None)) is None:
                await self._news.wait()
        return found

    def user(self, id: str, username: str, name: str = "") -> str:
        """Let there be a user; returns the id."""
        self.users[id] = {"id": id, "name": name or username.title(), "username": username}
        return id

    def post(
        self,
        author: str,
        text: str,
        *,
        reply_to: str | None = None,
        quotes: str | None = None,
        retweets: str | None = None,
        media: Sequence[Json] = (),
        at: datetime | None = None,
        **more: Any,
    ) -> str:
        """Let somebody post; returns the id. ``more`` are fields of the post."""
        if author not in self.users:
            self.user(author, f"warga_{author}")
        self.last += 1000
        id = str(self.last)
        referred = [("replied_to", reply_to), ("quoted", quotes), ("retweeted", retweets)]
        post: Json = {
            "id": id,
            "text": text,
            "author_id": author,
            "conversation_id": self.posts[reply_to]["conversation_id"] if reply_to else id,
            "created_at": f"{at or datetime.now(UTC):%Y-%m-%dT%H:%M:%S.000Z}",
            "edit_history_tweet_ids": [id],
            "entities": {"mentions": [*self._mentioned(text)]},
        }
        if reply_to:
            post["in_reply_to_user_id"] = self.posts[reply_to]["author_id"]
        if references := [{"type": kind, "id": other} for kind, other in referred if other]:
            post["referenced_tweets"] = references
        if media:
            post["attachments"] = {"media_keys": [each["media_key"] for each in media]}
            self.media |= {each["media_key"]: each for each in media}
        self.posts[id] = post | more
        return id

    def _mentioned(self, text: str) -> list[Json]:
        by_name = {user["username"].lower(): user["id"] for user in self.users.values()}
        return [
            {"start": found.start(), "end": found.end(), "username": found[1], "id": by_name[name]}
            for found in _HANDLE.finditer(text)
            if (name := found[1].lower()) in by_name
        ]

    def _answered(self, work: Callable[[web.Request], Any]) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.Response:
            try:
                if self.failures:
                    return _response(self.failures.pop(0))
                status, body = await work(request)
            except Declined as error:
                return _response(error.failure)
            return web.json_response(body, status=status)

        return handle

    async def _mentions(self, request: web.Request) -> tuple[int, Json]:
        self._check(request, app_may=True)
        query = dict(request.query)
        self._check_names(query)
        self.asked.append(query)
        if request.match_info["user"] != self.id:
            raise Declined(problem(404, "resource-not-found", "Not Found Error", "no such user"))
        most = query.get("max_results", "10")
        if not (most.isdigit() and 5 <= int(most) <= 100):
            raise _invalid("max_results is not between 5 and 100")
        for name in ("since_id", "until_id"):
            if name in query and not _NUMBER.fullmatch(query[name]):
                raise _invalid(f"{name} is not an id")
        if self.cap is not None and len(self.billed) >= self.cap:
            raise Declined(capped())
        fitting = [post for post in reversed(self.posts.values()) if self._fits(post, query)]
        begin = int(query.get("pagination_token", "page0").removeprefix("page"))
        page = fitting[begin : begin + int(most)]
        meta: Json = {"result_count": len(page)}
        if page:
            meta |= {"newest_id": page[0]["id"], "oldest_id": page[-1]["id"]}
        if begin + len(page) < len(fitting):
            meta["next_token"] = f"page{begin + len(page)}"
        includes = self._includes(page, query)
        self.billed |= {post["id"] for post in (*page, *includes.get("tweets", ()))}
        wanted = self._wanted(query)
        body: Json = {"data": [_only(post, wanted) for post in page]} if page else {}
        body |= {"includes": includes} if includes else {}
        return 200, (body if self.speech == "tweets" else _renamed(body)) | {"meta": meta}

    def _check_names(self, query: Mapping[str, str]) -> None:
        """Refuse what is not in the API that this server speaks."""
        old, new = self.speech == "tweets", self.speech == "posts"
        if self.speech == "leaves out":
            return
        known = FIELDS | ({"tweet.fields": TWEET_FIELDS} if old else {"post.fields": POST_FIELDS})
        known["expansions"] = POST_EXPANSIONS if new else TWEET_EXPANSIONS
        for name, value in query.items():
            if name not in known and name not in PAGING:
                self.refused.append(query)
                raise _invalid(f"The query parameter [{name}] is not one of [{','.join(known)}]")
            for each in value.split(",") if name in known else ():
                if each not in known[name]:
                    self.refused.append(query)
                    words = f"invalid value '{each}' for {name}: it must be one of {known[name]}"
                    raise _invalid(words)

    def _wanted(self, query: Mapping[str, str]) -> set[str]:
        """Name the fields of a post, as they are called here, that a query asks for."""
        fields = ",".join(query.get(name, "") for name in ("tweet.fields", "post.fields"))
        expansions = query.get("expansions", "").split(",")
        asked = {*DEFAULT, *fields.split(","), *(each.partition(".")[0] for each in expansions)}
        return asked | {old for old, new in RENAMED.items() if new in asked}

    def _fits(self, post: Json, query: Mapping[str, str]) -> bool:
        id = int(post["id"])
        named = any(each.get("id") == self.id for each in post["entities"].get("mentions", ()))
        since = int(query.get("since_id", 0))
        begin = query.get("start_time", "") if not since else ""
        until = int(query.get("until_id", 2**63))
        return named and since < id < until and post["created_at"] >= begin

    def _includes(self, page: Sequence[Json], query: Mapping[str, str]) -> Json:
        fields = {
            kind: query.get(f"{kind[:-1]}.fields", "").split(",") for kind in ("users", "places")
        }
        fields["media"] = query.get("media.fields", "").split(",")
        own = {
            "users": ("id", "name", "username"),
            "media": ("media_key", "type"),
            "places": ("id", "full_name"),
        }
        wanted = {kind: {*own[kind], *names} for kind, names in fields.items()}
        wanted["tweets"] = self._wanted(query)
        sources = {"users": self.users, "media": self.media, "places": self.places}
        sources["tweets"] = self.posts
        found: Json = {}
        for expansion in query.get("expansions", "").split(","):
            if self.speech == "leaves out" and "tweet" in expansion:
                continue
            for kind, names in _named(page, expansion).items():
                here = [_only(sources[kind][n], wanted[kind]) for n in names if n in sources[kind]]
                kept = found.setdefault(kind, [])
                kept += [each for each in here if each not in kept]
        return {kind: objects for kind, objects in found.items() if objects}

    async def _create(self, request: web.Request) -> tuple[int, Json]:
        self._check(request, app_may=False)
        given = await request.json()
        text = given.get("text", "")
        answered = given.get("reply", {}).get("in_reply_to_tweet_id")
        about = self.posts.get(answered or "")
        if not text or _weight(text) > LONGEST:
            raise _invalid("Your Tweet text is too long.")
        if answered and about is None:
            words = "You attempted to reply to a Tweet that is deleted or not visible to you."
            raise _forbidden(words)
        if any(text == sent.text for sent in self.sent):
            words = "You are not allowed to create a Tweet with duplicate content."
            raise _forbidden(words)
        id = self.post(self.id, text, reply_to=answered)
        await self._keep(Posted(id, text, answered))
        return 201, {"data": {"id": id, "text": text, "edit_history_tweet_ids": [id]}}

    async def _message(self, request: web.Request) -> tuple[int, Json]:
        self._check(request, app_may=False)
        given = await request.json()
        user = request.match_info["user"]
        if user not in self.users:
            words = "You cannot send a direct message to this user."
            raise _forbidden(words)
        self.last += 1000
        await self._keep(Posted(str(self.last), given["text"], participant=user))
        talk = "-".join(sorted((self.id, user)))
        return 201, {"data": {"dm_conversation_id": talk, "dm_event_id": str(self.last)}}

    async def _keep(self, posted: Posted) -> None:
        async with self._news:
            self.sent.append(posted)
            self._news.notify_all()

    def _check(self, request: web.Request, *, app_may: bool) -> None:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Bearer" and given == self.keys.bearer_token:
            if app_may:
                return
            words = "Authenticating with OAuth 2.0 Application-Only is forbidden here."
            kind = "unsupported-authentication"
            raise Declined(problem(403, kind, "Unsupported Authentication", words))
        if scheme == "OAuth" and self._is_signed(request, given):
            return
        raise Declined(problem(401, "", "Unauthorized", "Unauthorized"))

    def _is_signed(self, request: web.Request, given: str) -> bool:
        """Check an OAuth 1.0a signature (RFC 5849 §3.4)."""
        pairs = (part.strip().partition("=") for part in given.split(","))
        said = {name: unquote(value.strip('"')) for name, _, value in pairs}
        signature = said.pop("oauth_signature", "")
        query = parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True)
        every = sorted((_quoted(k), _quoted(v)) for k, v in (*said.items(), *query))
        joined = "&".join(f"{name}={value}" for name, value in every)
        url = f"{self.url}{request.rel_url.raw_path}"
        base = "&".join((request.method, _quoted(url), _quoted(joined)))
        secrets = (self.keys.consumer_secret, self.keys.access_token_secret)
        key = "&".join(map(_quoted, secrets)).encode()
        expected = b64encode(hmac.digest(key, base.encode(), sha1)).decode()
        ours = (self.keys.consumer_key, self.keys.access_token)
        theirs = (said.get("oauth_consumer_key"), said.get("oauth_token"))
        return theirs == ours and hmac.compare_digest(expected.encode(), signature.encode())


def _response(failure: Failure) -> web.Response:
    html = failure.body.lstrip().startswith(b"<")
    return web.Response(
        status=failure.status,
        body=failure.body,
        headers=failure.headers,
        content_type="text/html" if html else "application/problem+json",
    )


def _invalid(words: str) -> Declined:
    return Declined(problem(400, "invalid-request", "Invalid Request", words))


def _forbidden(words: str) -> Declined:
    return Declined(problem(403, "", "Forbidden", words))


def _only(found: Json, wanted: Collection[str]) -> Json:
    return {name: value for name, value in found.items() if name in wanted}


def _renamed(value: Any) -> Any:
    """Write an answer by today's names."""
    if isinstance(value, list):
        return [_renamed(each) for each in value]
    if not isinstance(value, dict):
        return value
    named = {RENAMED.get(name, name): _renamed(each) for name, each in value.items()}
    kind = named.get("type")
    return named | ({"type": RENAMED[kind]} if kind in RENAMED else {})


def _named(page: Sequence[Json], expansion: str) -> Mapping[str, list[str]]:
    """Return the ids of the objects that an expansion includes, by their kind."""
    of: Mapping[str, tuple[str, Callable[[Json], list[str]]]] = {
        "author_id": ("users", lambda post: [post["author_id"]]),
        "in_reply_to_user_id": ("users", lambda post: [post.get("in_reply_to_user_id", "")]),
        "attachments.media_keys": (
            "media",
            lambda post: post.get("attachments", {}).get("media_keys", []),
        ),
        "geo.place_id": ("places", lambda post: [post.get("geo", {}).get("place_id", "")]),
        "edit_history_post_ids": ("tweets", lambda post: post["edit_history_tweet_ids"]),
        **dict.fromkeys(
            ("referenced_tweets.id", "referenced_posts"),
            ("tweets", lambda post: [each["id"] for each in post.get("referenced_tweets", [])]),
        ),
    }
    if expansion not in of:
        return {}
    kind, ids = of[expansion]
    return {kind: [*dict.fromkeys(id for post in page for id in ids(post))]}


def _quoted(text: str) -> str:
    return quote(text, safe="~")


def _weight(text: str) -> int:
    """Count as X does, without what it knows of emoji in parts."""
    links = re.findall(r"https?://\S+", text)
    rest = normalize("NFC", re.sub(r"https?://\S+", "", text))
    light = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))
    return 23 * len(links) + sum(
        1 if any(first <= ord(each) <= last for first, last in light) else 2 for each in rest
    )
