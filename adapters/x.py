"""X: posts that mention an account, by polling; answers as replies to them. https://docs.x.com/x-api

Read: ``GET /2/users/:id/mentions``. It lists newest first: a backlog is read page by page, each
page is filed before the next is fetched, and ``_Mark`` says how far that went. Write: ``POST
/2/tweets``, and a direct message for what answers no post. X knows no idempotency key, but refuses
the same words twice: an answer whose receipt was lost is not posted again.

All of it costs money. ``reads_per_month`` and ``posts_per_month`` are the most that this block
spends; what X itself says about money (402, and 429 over its monthly cap) and about haste (429)
are told apart. The reads are counted in the cursor and survive a restart; the posts are counted in
the process that sends them.
"""

import json
import logging
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Annotated, Any, Literal
from unicodedata import normalize
from urllib.parse import quote, urlencode

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar
from oauthlib.oauth1 import Client as Signer  # type: ignore[import-untyped]
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
)
from tweepy.asynchronous import AsyncClient  # type: ignore[import-untyped]
from yarl import URL

from adapters.base import (
    Block,
    ChannelError,
    File,
    Inbound,
    Keeps,
    Malformed,
    Outgoing,
    Page,
    Poller,
    Receipt,
    Refused,
    SafeUrl,
    Sender,
    Sends,
    Source,
    Throttled,
    Unreachable,
    Unreadable,
)

logging.getLogger("oauthlib").setLevel(logging.WARNING)  # below, it logs what it signs

API = "https://api.x.com"
PAGE, SMALLEST_PAGE = 100, 5
"""Posts in one page: the most and the fewest that X takes."""
EMPTY_PAGES = 8
"""X may give pages with nothing in them before the last one; it lists 800 posts at most."""
BEFORE = timedelta(minutes=15)
"""How far the first look of all goes back: what is older was not written to us."""
MAX_ANSWER = 10_000_000
"""Bytes of one answer of the API; a page of the longest posts is about four million."""
MAX_CHARACTERS = 280
LONGEST_POST = 25_000
"""Characters that X takes from accounts that pay for it."""
LONGEST_MESSAGE = 10_000
SMALL = 0.02
"""Degrees: a place smaller than this (about two kilometres) is as good as a point."""

HOUR = 3600.0
"""Seconds to wait where money is missing: an operator may mend that at any time."""
WINDOW = 900.0
"""Seconds of X's usual window for counting requests."""
LONGEST_WAIT = 86_400.0

FIELDS: Mapping[str, list[str]] = {
    "tweet_fields": [
        *("attachments", "author_id", "conversation_id", "created_at", "edit_history_tweet_ids"),
        *("entities", "geo", "in_reply_to_user_id", "note_tweet", "referenced_tweets"),
    ],
    "expansions": [
        *("attachments.media_keys", "author_id", "geo.place_id", "referenced_tweets.id"),
    ],
    "media_fields": ["media_key", "type", "url", "preview_image_url", "variants"],
    "place_fields": ["full_name", "geo", "id"],
    "user_fields": ["id", "name", "username"],
}
"""What we ask for: https://docs.x.com/x-api/fundamentals/data-dictionary."""
KEYS = {"media": "media_key", "places": "id", "tweets": "id", "users": "id"}
"""The kinds of included objects, and what a post calls them by."""
KINDS: Mapping[str, tuple[str, str]] = {
    ".jpg": ("foto", "image/jpeg"),
    ".png": ("foto", "image/png"),
    ".webp": ("foto", "image/webp"),
    ".mp4": ("video", "video/mp4"),
}
"""Names and media types of files by the ending of their address."""

QUOTED = "Kutipan:"
"""What the words of another one's post begin with, to which a citizen called us."""
OF_AN_AGENCY = "written by an agency's account"
CARRIED = "a reply to others that carries our name along"

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
RESETS = ("x-rate-limit", "x-app-limit-24hour", "x-user-limit-24hour")
"""The windows in which X counts requests, as its headers name them."""

LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))
"""Code points that weigh one, all others weigh two: https://docs.x.com/fundamentals/counting-characters.
An emoji of many parts weighs less than here; an answer is cut early rather than refused."""
LINK = 23
"""What a link weighs, whatever its length."""

_LINK = re.compile(r"https?://\S*[^\s.,;:!?)\]]")
_DOMAIN = re.compile(r"\w\.[A-Za-z]{2}")
_WORD = re.compile(r"\S+\s*|\s+")
_HANDLES = re.compile(r"\s*(?:[.\s]*@\w{1,20}\b)*[\s,:]*")
_HASHTAG = re.compile(r"#lapor", re.IGNORECASE)
_MEDIA = re.compile(r"https://[!-~]{1,1900}")
_ENDING = re.compile(r"\.\w{2,4}(?=$|\?)")
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"
_MARK = re.compile(
    r"since=([0-9]{1,19}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)"
    r"(?: newest=([0-9]{1,19}) until=([0-9]{1,19}))? month=([0-9]{4}-[0-9]{2}) reads=([0-9]{1,9})"
)


def _usable_token(token: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[0-9]{1,19}-[A-Za-z0-9]{1,100}", token.get_secret_value()):
        raise ValueError("an access token is the account's number, a hyphen, and letters")
    return token


def _usable_secret(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[!-~]{1,500}", secret.get_secret_value()):
        raise ValueError("a secret has no spaces and is not empty")
    return secret


Secret = Annotated[SecretStr, AfterValidator(_usable_secret)]
Username = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,20}$")]


class XBlock(Block):
    """``type = "x"``: one account, the app that acts for it, and what it may spend."""

    type: Literal["x"]
    username: Username
    """The account's name without @."""
    bearer_token: Secret | None = None
    """Reads on the app's behalf; without it the account reads for itself, which X may bill less."""
    consumer_key: Secret
    consumer_secret: Secret
    access_token: Annotated[SecretStr, AfterValidator(_usable_token)]
    access_token_secret: Secret
    reads_per_month: Annotated[int, Field(ge=0)] = 10_000
    """Posts fetched in a calendar month (UTC); 0 reads nothing."""
    posts_per_month: Annotated[int, Field(ge=0)] = 3_000
    every_seconds: Annotated[float, Field(ge=0.5, le=3600)] = 60.0
    officials: tuple[Username, ...] = ()
    """Accounts of agencies: what they write below a report is no report."""
    api_base: SafeUrl | None = None
    """Another host that speaks X's API (a proxy, a test double)."""
    timeout: Annotated[float, Field(gt=0, le=60)] = 15.0
    sends_per_second: float = 0.1
    """X takes 100 posts of an account in fifteen minutes."""
    max_reply_characters: Annotated[int, Field(ge=40, le=LONGEST_POST)] | None = None

    @property
    def user_id(self) -> str:
        """The account's number: every access token begins with it."""
        return self.access_token.get_secret_value().partition("-")[0]


class X(Poller, Sends, Keeps):
    """What citizens write to one account, and our answers."""

    settings = XBlock
    overhears = True
    block: XBlock

    def __init__(self, name: str, block: Block, *, public_url: str) -> None:
        super().__init__(name, block, public_url=public_url)
        self._client: _Client | None = None
        self._posted: Counter[str] = Counter()
        self._officials = frozenset(each.lower() for each in self.block.officials)
        self._our_name = re.compile(rf"(?<![\w@])@{self.block.username}\b[ ,:]*", re.IGNORECASE)

    @property
    def every(self) -> float:
        """Seconds between two looks."""
        return self.block.every_seconds

    async def poll(self, cursor: str) -> Page:
        """Fetch one page of mentions; of a backlog the newest first. Raises ``ChannelError``."""
        mark = _Mark.read(cursor, datetime.now(UTC))
        left = self.block.reads_per_month - mark.reads
        if left < SMALLEST_PAGE:
            raise _used_up("reads", self.block.reads_per_month, mark.month)
        with _translated():
            listed = await self._listed(mark, min(PAGE, left))
        items = [item for post in listed.posts for item in self._items(post, listed.includes)]
        return Page(tuple(reversed(items)), str(mark.after(listed)), more=listed.goes_on)

    def reread(self, raw: bytes) -> list[Inbound | Receipt]:
        """Read one post with what was included for it. Raises ``Malformed``."""
        try:
            single = _Single.model_validate(json.loads(raw))
        except ValidationError as error:
            where = ".".join(map(str, error.errors()[0]["loc"]))
            raise Malformed(f"a post without a usable {where or 'form'}") from None
        except (ValueError, RecursionError):
            raise Malformed("the post is not JSON") from None
        post = single.data
        if post.author_id == self.block.user_id or post.named("retweeted"):
            return []
        return [self._inbound(post, single.includes, raw)]

    async def send(self, to: str, message: Outgoing) -> str:
        """Reply to the newest post of the thread and return the id. Raises ``ChannelError``.

        ``to`` is the citizen's number; without a post to reply to they get a direct message.
        """
        if not re.fullmatch(r"[0-9]{1,19}", to):
            raise Refused("this is no address on X")
        month = _month(datetime.now(UTC))
        if self._posted[month] >= self.block.posts_per_month:
            raise _used_up("posts", self.block.posts_per_month, month)
        self._posted[month] += 1
        try:
            with _translated(writing=True):
                return await self._write(to, message)
        except ChannelError:  # what failed is not billed
            self._posted[month] -= 1
            raise

    async def source(self, url: str) -> Source:
        """Say where a file is: X gives them to everybody, for nothing. Raises ``Refused``."""
        if not _MEDIA.fullmatch(url):
            raise Refused("this is no file on X")
        return Source(url)

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.session.close()

    def _api(self) -> "_Client":
        if self._client is None:
            timeout = ClientTimeout(total=self.block.timeout)
            session = ClientSession(timeout=timeout, cookie_jar=DummyCookieJar())
            self._client = _Client(self.block, session)
        return self._client

    async def _listed(self, mark: "_Mark", most: int) -> "_Listed":
        """Fetch the first page that has something in it, or the last one."""
        asked: dict[str, object] = {**FIELDS, **mark.asked(), "max_results": most}
        by_account = self.block.bearer_token is None
        for _ in range(EMPTY_PAGES):
            answer = await self._api().get_users_mentions(
                self.block.user_id, user_auth=by_account, **asked
            )
            listed = _Listed.read(answer)
            if listed.posts or not listed.token:
                return listed
            asked["pagination_token"] = listed.token
        raise ValueError("nothing but empty pages")

    async def _write(self, to: str, message: Outgoing) -> str:
        answered = next(filter(_is_id, reversed(message.thread)), None)
        if answered is None:
            text = message.text[:LONGEST_MESSAGE]
            sent = await self._api().create_direct_message(participant_id=to, text=text)
            return _Message.model_validate(sent).data.dm_event_id
        text = fitted(message.text, self.block.max_reply_characters or MAX_CHARACTERS)
        sent = await self._api().create_tweet(text=text, in_reply_to_tweet_id=answered)
        return _Created.model_validate(sent).data.id

    def _items(
        self, post: object, includes: Mapping[str, Any]
    ) -> Sequence[Inbound | Receipt | Unreadable]:
        raw = _alone(post, includes)
        try:
            return self.reread(raw)
        except Malformed as error:
            return [Unreadable(raw, str(error))]

    def _inbound(self, post: "_Post", includes: "_Includes", raw: bytes) -> Inbound:
        author = next((user for user in includes.users if user.id == post.author_id), None)
        place = next((each for each in includes.places if post.at(each)), None)
        others = [each for each in includes.tweets if self._is_news(post, each)]
        files = tuple(_files(post, includes.media))
        text = self._our_name.sub("", post.words[_head(post.words) :]).strip()
        quotes = (f"{QUOTED} {other.words[_head(other.words) :]}" for other in others)
        return Inbound(
            channel=self.name,
            account=self.block.user_id,
            external_id=post.id,
            sender=Sender(post.author_id, author.shown if author else None),
            text="\n".join(filter(None, (text, place.full_name if place else "", *quotes))),
            raw=raw,
            files=files,
            location=post.point or (place.point if place else None),
            sent_at=_moment(post.created_at),
            thread=post.thread,
            automatic=self._why_none(post, author, includes.tweets),
            notes=tuple(_notes(post, len(files))),
        )

    def _is_news(self, post: "_Post", other: "_Words") -> bool:
        """Tell whether a post that another one is about says what we have not read yet."""
        theirs = other.author_id != self.block.user_id
        return theirs and other.id in post.about and not self._our_name.search(other.words)

    def _why_none(
        self, post: "_Post", author: "_User | None", others: Iterable["_Words"]
    ) -> str | None:
        """Say why a post is nobody's report, or None.

        X puts the names of all who take part before a reply: below a report our name is in every
        answer. It was written for us where the post replied to does not have it.
        """
        if author and author.username.lower() in self._officials:
            return OF_AN_AGENCY
        to_us = post.in_reply_to_user_id in (self.block.user_id, post.author_id, None)
        written = post.words[_head(post.words) :]
        if to_us or self._our_name.search(written) or _HASHTAG.search(written):
            return None
        parents = post.named("replied_to")
        had_it = any(o.id in parents and self._our_name.search(o.words) for o in others)
        return CARRIED if had_it else None


CHANNEL = X


def weight(text: str) -> int:
    """Count a text as X does: most letters one, emoji and far scripts two, a link 23."""
    return sum(map(_weight, _WORD.findall(normalize("NFC", text))))


def fitted(text: str, most: int) -> str:
    """Cut a text at a word so that it weighs at most ``most``."""
    text = normalize("NFC", text)
    if weight(text) <= most:
        return text
    room, head = most - 2, ""  # the dots weigh two
    words = _WORD.findall(text)
    for part in words if _weight(words[0]) <= room else text:
        room -= _weight(part)
        if room < 0:
            break
        head += part
    return head.rstrip() + "…"


def _weight(word: str) -> int:
    if found := _LINK.search(word):
        return _letters(word[: found.start()]) + LINK + _letters(word[found.end() :])
    return max(LINK, _letters(word)) if _DOMAIN.search(word) else _letters(word)


def _letters(word: str) -> int:
    return sum(2 - any(first <= ord(each) <= last for first, last in LIGHT) for each in word)


Id = Annotated[str, Field(pattern=r"^[0-9]{1,19}$")]
Key = Annotated[str, Field(pattern=r"^[!-~]{1,100}$")]
Words = Annotated[str, AfterValidator(lambda said: said.encode("utf-8", "replace").decode())]
"""Half a surrogate pair is legal in JSON and cannot be stored."""


class _Seen(BaseModel):
    """The part of one of X's objects that we use, with strict types."""

    model_config = ConfigDict(strict=True, frozen=True)


class _Reference(_Seen):
    type: str
    id: Id


class _Url(_Seen):
    url: str
    expanded_url: Annotated[Words, Field(max_length=4000)] = ""
    media_key: str | None = None


class _Entities(_Seen):
    urls: list[_Url] = []


class _Note(_Seen):
    """The whole text of a post longer than 280 characters."""

    text: Words
    entities: _Entities = _Entities()


class _Words(_Seen):
    """As much of a post as its neighbours need."""

    id: Id
    text: Words
    author_id: Id | None = None
    entities: _Entities = _Entities()
    note_tweet: _Note | None = None
    referenced_tweets: list[_Reference] = []

    @property
    def words(self) -> str:
        """What was written: real links for X's own, none for files and quoted posts."""
        said = self.note_tweet or self
        own = [f"/status/{self.id}/", *(f"/status/{each.id}" for each in self.referenced_tweets)]
        text = said.text
        for link in filter(_is_short, (*said.entities.urls, *self.entities.urls)):
            gone = link.media_key or any(each in link.expanded_url for each in own)
            text = text.replace(link.url, "" if gone else link.expanded_url or link.url, 1)
        return unescape(text).strip()

    def named(self, kind: str) -> list[str]:
        """Return the ids of the posts this one refers to in a way: retweeted, quoted, …"""
        return [each.id for each in self.referenced_tweets if each.type == kind]


class _Bounds(_Seen):
    bbox: list[float] = []
    """West, south, east, north."""


class _Place(_Seen):
    id: Key
    full_name: Words = ""
    geo: _Bounds = _Bounds()

    @property
    def point(self) -> tuple[float, float] | None:
        """The middle of a small place."""
        if len(self.geo.bbox) != 4:
            return None
        west, south, east, north = self.geo.bbox
        if not (0 <= east - west <= SMALL and 0 <= north - south <= SMALL):
            return None
        return _on_earth([(west + east) / 2, (south + north) / 2])


class _Point(_Seen):
    coordinates: list[float] = []
    """Longitude and latitude."""


class _Geo(_Seen):
    coordinates: _Point = _Point()
    place_id: Key | None = None


class _Attachments(_Seen):
    media_keys: list[Key] = []


class _Post(_Words):
    author_id: Id
    conversation_id: Id | None = None
    in_reply_to_user_id: Id | None = None
    created_at: str | None = None
    edit_history_tweet_ids: list[Id] = []
    attachments: _Attachments = _Attachments()
    geo: _Geo = _Geo()

    @property
    def about(self) -> tuple[str, ...]:
        return (*self.named("quoted"), *self.named("replied_to"))

    @property
    def thread(self) -> tuple[str, ...]:
        """The posts this one belongs to, the nearest last."""
        root = (self.conversation_id,) if self.conversation_id else ()
        names = dict.fromkeys((*root, *self.edit_history_tweet_ids, *self.about))
        return tuple(name for name in names if name != self.id)

    @property
    def point(self) -> tuple[float, float] | None:
        return _on_earth(self.geo.coordinates.coordinates)

    def at(self, place: _Place) -> bool:
        return place.id == self.geo.place_id


class _Variant(_Seen):
    url: str = ""
    content_type: str = ""
    bit_rate: int = 0


class _Media(_Seen):
    media_key: Key
    url: str | None = None
    preview_image_url: str | None = None
    variants: list[_Variant] = []

    @property
    def address(self) -> str | None:
        """Where the file is: of a film the best one, of a photo itself."""
        films = [each for each in self.variants if each.content_type == "video/mp4"]
        best = max(films, key=lambda film: film.bit_rate).url if films else None
        found = best or self.url or self.preview_image_url or ""
        return found if _MEDIA.fullmatch(found) else None


class _User(_Seen):
    id: Id
    name: Words = ""
    username: Words = ""

    @property
    def shown(self) -> str:
        return f"{self.name} (@{self.username})" if self.username else self.name


class _Includes(_Seen):
    media: list[_Media] = []
    places: list[_Place] = []
    tweets: list[_Words] = []
    users: list[_User] = []


class _Single(_Seen):
    """One post as we keep it: the shape in which X gives a single one."""

    data: _Post
    includes: _Includes = _Includes()


class _NewPost(_Seen):
    id: Id


class _Created(_Seen):
    data: _NewPost


class _NewMessage(_Seen):
    dm_event_id: Id


class _Message(_Seen):
    data: _NewMessage


def _is_id(name: str) -> bool:
    return re.fullmatch(r"[0-9]{1,19}", name) is not None


def _is_short(link: _Url) -> bool:
    return re.fullmatch(r"https?://t\.co/\w{1,40}", link.url) is not None


def _head(words: str) -> int:
    """Return where the names before a reply end and its own words begin."""
    found = _HANDLES.match(words)
    return found.end() if found else 0


def _on_earth(point: Sequence[float]) -> tuple[float, float] | None:
    if len(point) != 2 or not (abs(point[0]) <= 180 and abs(point[1]) <= 90):
        return None
    return point[1], point[0]


def _moment(written: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(written or "")
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _files(post: _Post, media: Iterable[_Media]) -> Iterator[File]:
    known = {each.media_key: each.address for each in media}
    found = filter(None, (known.get(key) for key in post.attachments.media_keys))
    for number, url in enumerate(found, 1):
        ending = _ENDING.findall(url.partition("?")[0])
        kind = ending[-1].lower() if ending and ending[-1].lower() in KINDS else ".jpg"
        name, media_type = KINDS[kind]
        yield File(f"{name}-{number}{kind}", media_type, url=url)


def _notes(post: _Post, files: int) -> Iterator[str]:
    if len(post.edit_history_tweet_ids) > 1:
        yield "edited"
    if files < len(post.attachments.media_keys):
        yield "a file that X did not show"


def _alone(post: object, includes: Mapping[str, Any]) -> bytes:
    """Write one post of a page down with those of the included objects that it names."""
    written = json.dumps(post)
    mine = {
        kind: [
            each
            for each in includes.get(kind) or ()
            if isinstance(each, dict) and f'"{each.get(key)}"' in written
        ]
        for kind, key in KEYS.items()
    }
    return json.dumps({"data": post, "includes": {k: v for k, v in mine.items() if v}}).encode()


@dataclass(frozen=True, slots=True)
class _Listed:
    """A page as X gave it, newest first."""

    posts: Sequence[object]
    includes: Mapping[str, Any]
    token: str

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> "_Listed":
        """Check the outline of a page; its posts are checked one by one. Raises ``ValueError``."""
        meta, posts = answer.get("meta"), answer.get("data", [])
        includes = answer.get("includes", {})
        lists = isinstance(includes, dict) and all(
            isinstance(includes.get(kind, []), list) for kind in KEYS
        )
        if not (isinstance(meta, dict) and isinstance(posts, list) and lists):
            raise ValueError("not a page of posts")
        token = meta.get("next_token")
        listed = cls(posts, includes, token if isinstance(token, str) else "")
        if posts and not listed.ids:
            raise ValueError("posts without ids")
        return listed

    @property
    def ids(self) -> list[int]:
        ids = (each.get("id") for each in self.posts if isinstance(each, dict))
        return [int(each) for each in ids if isinstance(each, str) and _is_id(each)]

    @property
    def goes_on(self) -> bool:
        return bool(self.token and self.ids)

    @property
    def cost(self) -> int:
        """The posts that X bills."""
        return len(self.posts) + len(self.includes.get("tweets", ()))


@dataclass(frozen=True, slots=True)
class _Mark:
    """How far the mentions were read: what our cursor says.

    All up to ``since`` (a post, or a moment while there was none) is filed. While a backlog is
    being read, all from ``until`` to ``newest`` is filed too, and what lies between is not yet.
    """

    since: str
    newest: str
    until: str
    month: str
    reads: int
    """Posts fetched in ``month``."""

    @classmethod
    def read(cls, cursor: str, now: datetime) -> "_Mark":
        """Read a cursor; one that is none begins a little before ``now``."""
        month = _month(now)
        found = _MARK.fullmatch(cursor)
        if found is None:
            return cls(f"{now - BEFORE:{_MOMENT}}", "", "", month, 0)
        since, newest, until, counted, reads = found.groups(default="")
        return cls(since, newest, until, month, int(reads) if counted == month else 0)

    def asked(self) -> dict[str, str]:
        """Return what to ask X for."""
        beginning = {"since_id" if _is_id(self.since) else "start_time": self.since}
        return beginning | ({"until_id": self.until} if self.until else {})

    def after(self, listed: _Listed) -> "_Mark":
        """Return the mark that stands behind a page. Raises ``Unreachable``."""
        ids, reads = listed.ids, self.reads + listed.cost
        if self.until and any(each >= int(self.until) for each in ids):
            raise Unreachable("X's list goes round in circles")
        newest = self.newest or (str(max(ids)) if ids else "")
        if listed.goes_on:
            return replace(self, newest=newest, until=str(min(ids)), reads=reads)
        return replace(self, since=newest or self.since, newest="", until="", reads=reads)

    def __str__(self) -> str:
        backlog = f" newest={self.newest} until={self.until}" if self.until else ""
        return f"since={self.since}{backlog} month={self.month} reads={self.reads}"


def _month(now: datetime) -> str:
    return f"{now:%Y-%m}"


def _used_up(what: str, budget: int, month: str) -> Throttled:
    said = f"the budget of {budget} {what} for {month} is used up ({what}_per_month)"
    return Throttled(said, retry_after=HOUR)


class _NoAnswer(Exception):
    """X could not be reached; its words are ours."""


class _Declined(Exception):
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

    @property
    def capped(self) -> bool:
        """Tell whether the month's cap is meant, not a window of minutes."""
        return self.kind == "usage-capped" or self.title == "UsageCapExceeded"

    def wait(self, now: datetime) -> float:
        """Return the seconds until all windows that are used up begin anew."""
        empty = [each for each in RESETS if self.headers.get(f"{each}-remaining") == "0"]
        said = (self.headers.get(f"{each}-reset", "") for each in empty or RESETS[:1])
        ends = [int(each) for each in said if re.fullmatch(r"[0-9]{1,11}", each)]
        return min(max(max(ends) - now.timestamp(), 1.0), LONGEST_WAIT) if ends else WINDOW


class _Client(AsyncClient):  # type: ignore[misc]
    """The library's client, through a session of our own.

    The library's own way signs for a host it cannot be told, logs the tokens, waits five minutes,
    and raises anything at all over an error that is not the JSON it expects.
    """

    def __init__(self, block: XBlock, session: ClientSession) -> None:
        super().__init__(return_type=ClientResponse)  # what ``request`` returns, untouched
        self._block = block
        self._base = str(block.api_base or API).rstrip("/")
        self.session = session

    async def request(
        self,
        method: str,
        route: str,
        params: Mapping[str, object] | None = None,
        json: object = None,
        user_auth: bool = False,
    ) -> dict[str, Any]:
        """Make one call and return the JSON of the answer.

        Raises ``_Declined``, ``_NoAnswer``, ``ValueError``.
        """
        asked = urlencode({k: str(v) for k, v in (params or {}).items()}, quote_via=quote)
        url = f"{self._base}{route}" + (f"?{asked}" if asked else "")
        try:
            async with self.session.request(
                method,
                URL(url, encoded=True),
                json=json,
                headers=self._proof(method, url, user_auth),
                allow_redirects=False,
            ) as answer:
                body = await _read(answer.content.iter_chunked(65536))
        except (ClientError, TimeoutError, OSError) as error:
            raise _NoAnswer(f"X did not answer ({type(error).__name__})") from None
        if not 200 <= answer.status < 300:
            raise _Declined(answer.status, answer.headers, body)
        return _object(body)

    def _proof(self, method: str, url: str, user_auth: bool) -> Mapping[str, str]:
        block = self._block
        if block.bearer_token and not user_auth:
            return {"Authorization": f"Bearer {block.bearer_token.get_secret_value()}"}
        keys = (block.consumer_key, block.consumer_secret)
        tokens = (block.access_token, block.access_token_secret)
        signer = Signer(*(secret.get_secret_value() for secret in (*keys, *tokens)))
        _, headers, _ = signer.sign(url, method)
        return dict(headers)


async def _read(chunks: AsyncIterator[bytes]) -> bytes:
    read = bytearray()
    async for chunk in chunks:
        read += chunk
        if len(read) > MAX_ANSWER:
            raise _NoAnswer("X's answer does not end")
    return bytes(read)


def _object(body: bytes) -> dict[str, Any]:
    value = json.loads(body)
    if not isinstance(value, dict):
        raise ValueError("not an answer of X's API")
    return value


@contextmanager
def _translated(*, writing: bool = False) -> Iterator[None]:
    """Turn what a call raises into our errors, without X's words: they may quote people."""
    try:
        yield
    except _Declined as error:
        raise _failure(error, writing, datetime.now(UTC)) from None
    except _NoAnswer as error:
        raise Unreachable(str(error)) from None
    except (ValueError, RecursionError):
        raise Unreachable("X's answer could not be read") from None


def _failure(error: _Declined, writing: bool, now: datetime) -> ChannelError:
    said = f"X answered {error.status}"
    if error.status == 402:
        return Throttled(f"{said}: the credits at X are used up", retry_after=HOUR)
    if error.status == 429 and error.capped:
        return Throttled(f"{said}: X's cap for this month is reached", retry_after=HOUR)
    if error.status == 429:
        return Throttled(f"{said}: too many requests", retry_after=error.wait(now))
    if words := MENDABLE.get(error.kind) or MENDABLE.get(error.status):
        return Unreachable(f"{said}: {words}")
    if not writing or error.status not in (400, 403, 409, 422):
        return Unreachable(said)
    words = next((ours for theirs, ours in REFUSALS.items() if theirs in error.detail), "")
    return Refused(f"{said}: {words}" if words else said)
