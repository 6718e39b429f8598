"""X: posts that mention an account, by polling; answers as replies to them. https://docs.x.com/x-api

Read: ``GET /2/users/:id/mentions``. It lists newest first: a backlog is read page by page, each
page is filed before the next is fetched, and ``Mark`` says how far that went. Write: ``POST
/2/tweets``, and a direct message for what answers no post. X knows no idempotency key, but refuses
the same words twice: an answer whose receipt was lost is not posted again.

All of it costs money. ``reads_per_month`` and ``posts_per_month`` are the most that this block
spends; what X itself says about money (402, and 429 over its monthly cap) and about haste (429)
are told apart. The reads are counted in the cursor and survive a restart; the posts are counted in
the process that sends them.
"""

import math
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from adapters.contract import (
    Author,
    ChannelSettings,
    Inbound,
    Malformed,
    MediaSource,
    Outgoing,
    Page,
    Poller,
    Receipt,
    Refused,
    SafeUrl,
    Sender,
    Source,
    UnreadableItem,
)
from adapters.x.account import AccountBlock, Username
from adapters.x.api import Client, XDeclined, translate_errors
from adapters.x.budget import HOUR, PostBudget, used_up
from adapters.x.cursor import Mark
from adapters.x.dialect import DIALECTS, Query
from adapters.x.page import PostPage, alone
from adapters.x.payloads import (
    CreatedPost,
    Includes,
    PostText,
    XMessage,
    XPost,
    XUser,
    is_file,
    is_id,
    read_post,
)
from adapters.x.text_length import fit_text
from config.words import mark

API = "https://api.x.com"
PAGE, SMALLEST_PAGE = 100, 5
"""Posts in one page: the most and the fewest that X takes."""
EMPTY_PAGES = 8
"""X may give pages with nothing in them before the last one; it lists 800 posts at most."""
MAX_CHARACTERS = 280
LONGEST_POST = 25_000
"""Characters that X takes from accounts that pay for it."""
LONGEST_MESSAGE = 10_000

OF_AN_AGENCY = "agency_account"
CARRIED = "carried_along"

_HASHTAG = re.compile(r"#lapor", re.IGNORECASE)


class XBlock(AccountBlock):
    """``type = "x"``: one account, the app that acts for it, and what it may spend."""

    type: Literal["x"]
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


class X(Poller, Sender, MediaSource):
    """What citizens write to one account, and our answers."""

    settings = XBlock
    overhears = True
    block: XBlock

    def __init__(self, name: str, block: ChannelSettings, *, public_url: str) -> None:
        super().__init__(name, block, public_url=public_url)
        self._client: Client | None = None
        self._dialect, self._asked_at = DIALECTS[0], -math.inf
        """The names that X knew the last time, and when (monotonic) today's were last tried."""
        self._budget = PostBudget(self.block.posts_per_month)
        self._officials = frozenset(each.lower() for each in self.block.officials)
        self._our_name = re.compile(rf"(?<![\w@])@{self.block.username}\b[ ,:]*", re.IGNORECASE)

    @property
    def own(self) -> frozenset[str]:
        """Return the account's id and name."""
        return frozenset({self.block.user_id, f"@{self.block.username}"})

    @property
    def every(self) -> float:
        """Seconds between two looks."""
        return self.block.every_seconds

    async def poll(self, cursor: str) -> Page:
        """Fetch one page of mentions; of a backlog the newest first. Raises ``ChannelError``."""
        mark = Mark.read(cursor, datetime.now(UTC))
        left = self.block.reads_per_month - mark.reads
        if left < SMALLEST_PAGE:
            raise used_up("reads", self.block.reads_per_month, mark.month)
        with translate_errors():
            listed = await self._listed(mark, min(PAGE, left))
        items = [item for post in listed.posts for item in self._items(post, listed.includes)]
        return Page(tuple(reversed(items)), str(mark.after(listed)), more=listed.goes_on)

    def reread(self, raw: bytes) -> list[Inbound | Receipt]:
        """Read one post with what was included for it. Raises ``Malformed``."""
        single = read_post(raw)
        post = single.data
        if post.author_id == self.block.user_id or post.references("reposted"):
            return []
        return [self._inbound(post, single.includes, raw)]

    async def send(self, to: str, message: Outgoing) -> str:
        """Reply to the newest post of the thread and return the id. Raises ``ChannelError``.

        ``to`` is the citizen's number; without a post to reply to they get a direct message.
        """
        if not is_id(to):
            raise Refused("this is no address on X")
        with self._budget.one(), translate_errors(writing=True):
            return await self._write(to, message)

    async def source(self, url: str) -> Source:
        """Say where a file is: X gives them to everybody, for nothing. Raises ``Refused``."""
        if not is_file(url):
            raise Refused("this is no file on X")
        return Source(url)

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.http.close()

    def _api(self) -> Client:
        if self._client is None:
            base = str(self.block.api_base or API).rstrip("/")
            self._client = Client(self.block, base, self.block.timeout, self.exchanges)
        return self._client

    async def _listed(self, mark: Mark, most: int) -> PostPage:
        """Fetch the first page that has something in it, or the last one.

        A server that does not know the names that we use is asked by the others. Those that it
        knows are used from then on, and today's are tried again once an hour; where it knows
        neither, its first words are told.
        """
        first: XDeclined | None = None
        now = time.monotonic()
        preferred = DIALECTS[0] if now - self._asked_at >= HOUR else self._dialect
        for names in sorted(DIALECTS, key=lambda each: each is not preferred):
            if names is DIALECTS[0]:
                self._asked_at = now
            try:
                listed = await self._listed_by(names, mark, most)
            except XDeclined as error:
                if error.status != 400:
                    raise
                first = first or error
                continue
            if listed.is_understood:
                self._dialect = names
                return listed
        raise first or ValueError("posts without what was asked for")

    async def _listed_by(self, names: Query, mark: Mark, most: int) -> PostPage:
        asked = {**names, **mark.query(), "max_results": str(most)}
        for _ in range(EMPTY_PAGES):
            listed = PostPage.read(await self._api().mentions(asked))
            if listed.posts or not listed.token:
                return listed
            asked["pagination_token"] = listed.token
        raise ValueError("nothing but empty pages")

    async def _write(self, to: str, message: Outgoing) -> str:
        answered = next(filter(is_id, reversed(message.thread)), None)
        if answered is None:
            text = message.text[:LONGEST_MESSAGE]
            sent = await self._api().create_direct_message(participant_id=to, text=text)
            return XMessage.model_validate(sent).data.dm_event_id
        text = fit_text(message.text, self.block.max_reply_characters or MAX_CHARACTERS)
        sent = await self._api().create_tweet(text=text, in_reply_to_tweet_id=answered)
        return CreatedPost.model_validate(sent).data.id

    def _items(
        self, post: object, includes: Mapping[str, Any]
    ) -> Sequence[Inbound | Receipt | UnreadableItem]:
        raw = alone(post, includes)
        try:
            return self.reread(raw)
        except Malformed as error:
            return [UnreadableItem(raw, str(error))]

    def _inbound(self, post: XPost, includes: Includes, raw: bytes) -> Inbound:
        author = next((user for user in includes.users if user.id == post.author_id), None)
        place = next((each for each in includes.places if post.at(each)), None)
        others = [each for each in includes.posts if self._is_news(post, each)]
        files = tuple(post.files(includes.media))
        text = self._our_name.sub("", post.own_words).strip()
        quotes = (f"{mark('quoted')} {other.own_words}" for other in others)
        return Inbound(
            channel=self.name,
            account=self.block.user_id,
            external_id=post.id,
            sender=Author(post.author_id, author.display_name if author else None),
            text="\n".join(filter(None, (text, place.full_name if place else "", *quotes))),
            raw=raw,
            files=files,
            location=post.point or (place.point if place else None),
            sent_at=post.sent_at,
            thread=post.thread,
            automatic=self._why_none(post, author, includes.posts),
            notes=tuple(post.notes(len(files))),
            in_public=True,
        )

    def _is_news(self, post: XPost, other: PostText) -> bool:
        """Tell whether a post that another one is about says what we have not read yet."""
        theirs = other.author_id != self.block.user_id
        return theirs and other.id in post.about and not self._our_name.search(other.words)

    def _why_none(
        self, post: XPost, author: XUser | None, others: Iterable[PostText]
    ) -> str | None:
        """Say why a post is no report, or None.

        X puts the names of all who take part before a reply: below a report our name is in every
        answer. It was written for us where the post replied to does not have it.
        """
        if author and author.username.lower() in self._officials:
            return OF_AN_AGENCY
        to_us = post.in_reply_to_user_id in (self.block.user_id, post.author_id, None)
        written = post.own_words
        if to_us or self._our_name.search(written) or _HASHTAG.search(written):
            return None
        parents = post.references("replied_to")
        had_it = any(o.id in parents and self._our_name.search(o.words) for o in others)
        return CARRIED if had_it else None


CHANNEL = X
