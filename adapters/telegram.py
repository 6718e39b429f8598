"""Telegram: what citizens write to a bot, by webhook or by long polling; answers by the Bot API.

https://core.telegram.org/bots/api. The key of a message is its update id: a webhook that is tried
again and a page that is fetched again bring the same. ``thread`` names the message itself last
(``BOT/CHAT/MESSAGE``), so that answers can reply to it, and an edit, a reply and the parts of an
album (which come one by one) share a name with what they belong to. Telegram knows no idempotency
key: a citizen may get an answer twice when its own answer to us was lost. In groups only what is
addressed to the bot is read. Every URL of the API holds the token: none is logged or quoted.
"""

import hmac
import json
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal, Self

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar
from pydantic import (
    AfterValidator,
    AnyHttpUrl,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from telegram import Bot
from telegram.error import TelegramError
from telegram.request import BaseRequest, RequestData

from adapters.base import (
    Block,
    ChannelError,
    File,
    Forged,
    Hook,
    Inbound,
    Malformed,
    Outgoing,
    Page,
    Poller,
    Receipt,
    Receiver,
    Reconciler,
    Refused,
    Sender,
    Sends,
    Throttled,
    Unreachable,
    Unreadable,
)

logging.getLogger("telegram").setLevel(logging.WARNING)  # below, the library logs token and texts

API = "https://api.telegram.org"
PAGE = 100
"""The most updates that Telegram gives at once."""
UPDATES = ("message", "edited_message", "callback_query")
MAX_CHARACTERS = 4096
MAX_FILE = 20_000_000
"""Bytes of the largest file that Telegram's own servers give to a bot."""
MAX_ANSWER = 20_000_000
"""Bytes of one answer of the API; a hundred long messages are about two million."""
LONGEST_WAIT = 3600.0
CORRECTED = "Ralat:"
"""What an edited message begins with: officers read it below the first version."""

FILES: Mapping[str, tuple[str, str]] = {
    "photo": ("foto.jpg", "image/jpeg"),
    "animation": ("animasi.mp4", "video/mp4"),
    "audio": ("audio.mp3", "audio/mpeg"),
    "document": ("dokumen", "application/octet-stream"),
    "video": ("video.mp4", "video/mp4"),
    "video_note": ("video.mp4", "video/mp4"),
    "voice": ("suara.ogg", "audio/ogg"),
}
"""The kinds of file: name and media type where Telegram gives none."""
UNREAD = ("checklist", "dice", "game", "giveaway", "invoice", "paid_media", "poll", "story")
"""Kinds without words for us: still a message, so that its sender is asked what it is about."""

COMMANDS = frozenset({"aduan", "anonim", "bantuan", "help", "lapor", "rahasia", "status"})
"""What is for us in a group even without our name; all others may be another bot's."""

MENDABLE: Mapping[int, str] = {
    401: "the token was refused",
    404: "the token or api_base is wrong",
    409: "another program fetches the updates of this bot",
}
"""Errors that an operator can mend; an answer refused for good because of them would be lost."""
REFUSALS: Mapping[str, str] = {
    "blocked by the user": "the citizen has blocked the bot",
    "user is deactivated": "the citizen's account is gone",
    "chat not found": "there is no such chat",
    "can't initiate conversation": "the citizen has not written to the bot",
    "bot was kicked": "the bot is no longer in the group",
    "not a member": "the bot is not in the group",
    "rights to send": "the bot may not write in the group",
    "text is empty": "the text is empty",
    "bad webhook": "server.public_url cannot be called by Telegram",
}
"""Telegram's words for what will never work, and ours: its own may name people."""

_COMMAND = re.compile(r"/([A-Za-z0-9_]{1,64})(?:@(\w{1,64}))?(?!\S)")
_ADDRESS = re.compile(r"(?:-?\d{1,19}@)?(-?\d{1,19})")
_LOOPBACK = re.compile(r"localhost|127(\.\d{1,3}){3}|\[::1\]")


def _private_or_encrypted(url: AnyHttpUrl) -> AnyHttpUrl:
    if url.scheme != "https" and not _LOOPBACK.fullmatch(url.host or ""):
        raise ValueError("http is for this machine only; the token would travel in the clear")
    return url


def _usable_token(token: SecretStr) -> SecretStr:
    if not re.fullmatch(r"\d{1,20}:[A-Za-z0-9_-]{1,128}", token.get_secret_value()):
        raise ValueError("a token is the bot's number, a colon, and letters: 123456:ABC-DEF...")
    return token


def _usable_secret(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", secret.get_secret_value()):
        raise ValueError("Telegram takes 1 to 256 letters, digits, _ and -")
    return secret


class TelegramBlock(Block):
    """``type = "telegram"``: one bot, and how its messages come."""

    type: Literal["telegram"]
    token: Annotated[SecretStr, AfterValidator(_usable_token)]
    mode: Literal["webhook", "polling"] = "webhook"
    secret_token: Annotated[SecretStr, AfterValidator(_usable_secret)] | None = None
    """What Telegram sends with every call, so that we know it."""
    username: Annotated[str, Field(pattern=r"^\w{3,64}$")] | None = None
    """The bot's name without @; without it a mention in a group is not seen."""
    api_base: Annotated[AnyHttpUrl, AfterValidator(_private_or_encrypted)] | None = None
    """Another host that speaks the Bot API (a server of your own, a test double)."""
    timeout: Annotated[float, Field(gt=0, le=60)] = 10.0
    poll_timeout: Annotated[int, Field(ge=0, le=45)] = 25
    """Seconds for which Telegram holds a poll open while there is no news."""
    sends_per_second: float = 25.0
    max_reply_characters: Annotated[int, Field(ge=40, le=MAX_CHARACTERS)] | None = None

    @model_validator(mode="after")
    def _proven(self) -> Self:
        if self.mode == "webhook" and self.secret_token is None:
            raise ValueError('set secret_token, or mode = "polling"')
        return self


class Telegram(Receiver, Poller, Reconciler, Sends):
    """What citizens write to one bot, and our answers."""

    settings = TelegramBlock
    block: TelegramBlock
    every: ClassVar[float] = 0.0

    def __init__(self, name: str, block: Block, *, public_url: str) -> None:
        super().__init__(name, block, public_url=public_url)
        self._id = self.block.token.get_secret_value().partition(":")[0]
        self._bot: _Bot | None = None

    def verify(self, hook: Hook) -> None:
        """Check the secret that we gave to Telegram. Raises ``Forged``."""
        if self.polling or self.block.secret_token is None:
            raise Forged("this channel polls and takes no calls")
        secret = self.block.secret_token.get_secret_value().encode()
        said = hook.headers.get("x-telegram-bot-api-secret-token", "").encode("utf-8", "replace")
        if not hmac.compare_digest(secret, said):
            raise Forged("the request has no valid X-Telegram-Bot-Api-Secret-Token")

    def parse(self, hook: Hook) -> list[Inbound | Receipt]:
        """Read one update. Raises ``Malformed``."""
        return self.reread(hook.body)

    def reread(self, raw: bytes) -> list[Inbound | Receipt]:
        """Read an update, or the list of updates that make one album. Raises ``Malformed``."""
        try:
            value = json.loads(raw)
        except (ValueError, RecursionError):
            raise Malformed("the body is not JSON") from None
        updates = [_checked(each) for each in (value if isinstance(value, list) else [value])]
        messages = [update.message for update in updates if update.message]
        if len(messages) == len(updates) > 1:
            return self._album(updates, messages, raw)
        return [said for each in updates if (said := self._read(each, raw)) is not None]

    @property
    def polling(self) -> bool:
        """Tell whether the block chose polling."""
        return self.block.mode == "polling"

    async def poll(self, cursor: str) -> Page:
        """Fetch the updates from ``cursor`` (an update id) on; a webhook in the way is removed.

        Asking for what comes next lets Telegram forget what came before. Raises ``ChannelError``.
        """
        return await self._page(cursor, self.block.poll_timeout)

    async def since(self, moment: datetime) -> AsyncGenerator[Page, None]:
        """Fetch what Telegram could not bring by webhook since ``moment``; set a missing webhook.

        While a webhook is set nothing can be fetched: it is taken away for the time being. Should
        we die in between, the next call finds none set and goes on. One that cannot be put back as
        it was (with a certificate of its own) is left alone. Raises ``ChannelError``.
        """
        if self.polling:
            return
        with _translated():
            hook = await self._api().get_webhook_info()
        failed = hook.last_error_date is not None and hook.last_error_date >= moment
        stuck = failed and hook.pending_update_count > 0 and not hook.has_custom_certificate
        if hook.url and not stuck:
            return
        with _translated():
            await self._api().delete_webhook()
        try:
            page = await self._page("", 0)
            while page.items or page.more:
                yield page
                page = await self._page(page.cursor, 0)
        finally:
            await self._listen(hook.url or self.hook_url, hook.max_connections)

    async def send(self, to: str, message: Outgoing) -> str:
        """Write to a chat and return ``BOT/CHAT/MESSAGE``. Raises ``ChannelError``."""
        address = _ADDRESS.fullmatch(to)
        if address is None:
            raise Refused("this is no address on Telegram")
        chat = int(address[1])
        text = fitted(message.text, self.block.max_reply_characters or MAX_CHARACTERS)
        with _translated():
            await self._settle(message.thread)
            try:
                return await self._write(chat, text, self._answered(chat, message.thread))
            except _Declined as error:
                if error.moved_to is None:
                    raise
                return await self._write(error.moved_to, text, None)

    async def close(self) -> None:
        """Close the connections."""
        bot, self._bot = self._bot, None
        if bot is not None:
            await bot.request.shutdown()

    def _api(self) -> "_Bot":
        if self._bot is None:
            base = str(self.block.api_base or API).rstrip("/")
            http = _Http(self.block.timeout)
            self._bot = _Bot(self.block.token.get_secret_value(), base, http)
        return self._bot

    async def _page(self, cursor: str, wait: int) -> Page:
        offset = int(cursor) if cursor.isascii() and cursor.isdigit() else None
        with _translated():
            try:
                found = await self._api().pending(offset, wait)
            except _Declined as error:
                if error.status != 409 or "webhook" not in error.description:
                    raise
                await self._api().delete_webhook()
                found = await self._api().pending(offset, wait)
            ids = [int(update["update_id"]) for update in found]
        items = tuple(item for raw in _packed(found) for item in self._items(raw))
        return Page(items, str(max(ids) + 1) if ids else cursor, len(found) >= PAGE)

    def _items(self, raw: bytes) -> Sequence[Inbound | Receipt | Unreadable]:
        try:
            return self.reread(raw)
        except Malformed as error:
            return [Unreadable(raw, str(error))]

    async def _listen(self, url: str, connections: int | None) -> None:
        secret = self.block.secret_token
        with _translated():
            await self._api().set_webhook(
                url,
                max_connections=connections,
                allowed_updates=UPDATES,
                secret_token=secret.get_secret_value() if secret else None,
            )

    async def _write(self, chat: int, text: str, answered: int | None) -> str:
        sent = await self._api().write(chat, text, answered)
        return self._name(sent.chat.id, sent.message_id)

    async def _settle(self, thread: Sequence[str]) -> None:
        """End the progress bar of the newest button that was pressed; it does not matter much."""
        pressed = f"{self._id}/callback/"
        if newest := next((name for name in reversed(thread) if name.startswith(pressed)), None):
            with suppress(TelegramError):
                await self._api().answer_callback_query(newest.removeprefix(pressed))

    def _answered(self, chat: int, thread: Sequence[str]) -> int | None:
        """Return the id of the newest message of a chat that a thread names."""
        name = re.compile(rf"{self._id}/{chat}/(\d{{1,19}})")
        found = (name.fullmatch(each) for each in reversed(thread))
        return next((int(match[1]) for match in found if match), None)

    def _name(self, chat: int, message: int | str) -> str:
        return f"{self._id}/{chat}/{message}"

    def _album(
        self, updates: Sequence["_Update"], messages: Sequence["_Message"], raw: bytes
    ) -> list[Inbound | Receipt]:
        """Read the parts of an album as one message; who addressed us in one meant us in all."""
        if not any(map(self._for_us, messages)):
            return []
        parts = [
            self._inbound(update.update_id, message, raw)
            for update, message in zip(updates, messages, strict=True)
        ]
        found = [part for part in parts if part is not None]
        return [_joined(found)] if found else []

    def _read(self, update: "_Update", raw: bytes) -> Inbound | None:
        if update.callback_query is not None:
            return self._pressed(update.update_id, update.callback_query, raw)
        if update.edited_message is not None:
            return self._edited(update.update_id, update.edited_message, raw)
        if update.message is not None and self._for_us(update.message):
            return self._inbound(update.update_id, update.message, raw)
        return None

    def _for_us(self, message: "_Message") -> bool:
        """In groups a message is for us if it is a command, mentions us, or replies to us."""
        if message.chat.type == "private":
            return True
        if message.chat.type == "channel":
            return False
        ours = (self.block.username or "").lower()
        if command := _COMMAND.match(message.words):
            named = command[2]
            return named.lower() == ours if named else command[1].lower() in COMMANDS
        replied = message.answers
        if replied and replied.from_user and str(replied.from_user.id) == self._id:
            return True
        return bool(ours) and _mention(ours).search(message.words) is not None

    def _inbound(self, update_id: int, message: "_Message", raw: bytes) -> Inbound | None:
        files = tuple(message.files())
        text = "\n".join(filter(None, (plain(message.words, self.block.username), *message.more())))
        if not (text or files or message.place or message.unread):
            return None  # somebody joined, pinned, renamed
        return Inbound(
            channel=self.name,
            account=self._id,
            external_id=str(update_id),
            sender=_sender(message),
            text=text,
            raw=raw,
            files=files,
            location=message.place,
            sent_at=datetime.fromtimestamp(message.date, UTC),
            thread=self._thread(message),
            automatic="written by another bot" if message.is_automatic else None,
            notes=tuple(message.notes()),
        )

    def _edited(self, update_id: int, message: "_Message", raw: bytes) -> Inbound | None:
        """Read an edit; a live location that moved and a change that nobody made are none."""
        if message.edit_date is None or message.place or not self._for_us(message):
            return None
        said = self._inbound(update_id, message, raw)
        if said is None:
            return None
        text = said.text if _COMMAND.match(message.words) else f"{CORRECTED} {said.text}".strip()
        return replace(said, text=text, notes=("edited", *said.notes))

    def _pressed(self, update_id: int, query: "_Callback", raw: bytes) -> Inbound | None:
        """Read a button as if its words had been written, by the one who was asked."""
        asked = query.message
        if asked is None:
            return None
        meant = asked.reply_to_message and asked.reply_to_message.from_user
        if asked.chat.type != "private" and not (meant and meant.id == query.from_user.id):
            return None
        text = asked.label(query.data) or query.data
        names = (self._name(asked.chat.id, asked.message_id), f"{self._id}/callback/{query.id}")
        if not text:
            return None
        return Inbound(
            channel=self.name,
            account=self._id,
            external_id=str(update_id),
            sender=Sender(_address(query.from_user.id, asked.chat), query.from_user.name or None),
            text=text,
            raw=raw,
            thread=names,
        )

    def _thread(self, message: "_Message") -> tuple[str, ...]:
        chat, replied, album = message.chat.id, message.answers, message.media_group_id
        names = [self._name(chat, replied.message_id)] if replied else []
        names += [self._name(chat, f"album-{album}")] if album else []
        return (*names, self._name(chat, message.message_id))


CHANNEL = Telegram


def plain(words: str, username: str | None = None) -> str:
    """Write a message as it would stand in an SMS: ``/status@bot 4821`` becomes ``STATUS 4821``.

    What follows ``/start`` is a link's doing, no word of the citizen.
    """
    if command := _COMMAND.match(words):
        name = command[1].upper().replace("_", " ")
        return name if name == "START" else name + words[command.end() :]
    return _mention(username.lower()).sub("", words).strip() if username else words


def fitted(text: str, most: int) -> str:
    """Cut a text at a word so that it has at most ``most`` UTF-16 units, Telegram's measure."""
    units = text.encode("utf-16-le", "replace")
    if len(units) <= 2 * most:
        return text
    head = units[: 2 * most - 2].decode("utf-16-le", "ignore")
    space = head.rfind(" ")
    return (head[:space] if space > len(head) // 2 else head).rstrip() + "…"


@lru_cache(maxsize=8)
def _mention(username: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w@.])@{re.escape(username)}(?!\w)[ ,:]*", re.IGNORECASE)


Number = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Words = Annotated[str, AfterValidator(lambda said: said.encode("utf-8", "replace").decode())]
"""Half a surrogate pair is legal in JSON and cannot be stored."""
Moment = Annotated[int, Field(ge=0, lt=2**32)]
"""Seconds since 1970."""
Handle = Annotated[str, Field(pattern=r"^[!-~]{1,400}$")]


class _Seen(BaseModel):
    """The part of one of Telegram's objects that we use, with strict types.

    Not the library's own reading, which refuses a whole message over what nobody uses (a poll
    without its newest field, a sender of whom it is not said whether it is a bot).
    """

    model_config = ConfigDict(strict=True, frozen=True)


class _Chat(_Seen):
    id: Number
    type: str
    title: Words | None = None


class _User(_Seen):
    id: Number
    is_bot: bool = False
    first_name: Words = ""
    last_name: Words | None = None

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name or ''}".strip()


class _Media(_Seen):
    file_id: Handle
    file_unique_id: Handle
    file_size: Annotated[int, Field(ge=0)] | None = None
    file_name: Words | None = None
    mime_type: Words | None = None
    width: int = 0

    @property
    def reference(self) -> str:
        """What it takes to fetch the file: by its id at the API, never by a URL with the token."""
        size = f"&size={self.file_size}" if self.file_size is not None else ""
        return f"telegram:{self.file_id}?unique={self.file_unique_id}{size}"


class _Location(_Seen):
    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]


class _Venue(_Seen):
    location: _Location
    title: Words
    address: Words


class _Contact(_Seen):
    phone_number: Words
    first_name: Words
    last_name: Words | None = None


class _Sticker(_Seen):
    emoji: Words | None = None


class _Button(_Seen):
    text: Words
    callback_data: object = None


class _Keyboard(_Seen):
    inline_keyboard: list[list[_Button]] = []


class _Named(_Seen):
    """As much of a message as its neighbours need."""

    message_id: Number
    chat: _Chat
    from_user: _User | None = Field(None, alias="from")
    reply_to_message: "_Named | None" = None
    reply_markup: _Keyboard | None = None

    def label(self, data: str | None) -> str | None:
        """Return what stands on the button that carries ``data``."""
        rows = self.reply_markup.inline_keyboard if self.reply_markup else []
        return next((b.text for row in rows for b in row if b.callback_data == data), None)


class _Message(_Named):
    model_config = ConfigDict(extra="allow")  # what else it has is looked up in ``UNREAD``

    date: Moment
    edit_date: Moment | None = None
    sender_chat: _Chat | None = None
    media_group_id: Handle | None = None
    is_topic_message: bool = False
    message_thread_id: Number | None = None
    text: Words | None = None
    caption: Words | None = None
    photo: list[_Media] = []
    animation: _Media | None = None
    audio: _Media | None = None
    document: _Media | None = None
    video: _Media | None = None
    video_note: _Media | None = None
    voice: _Media | None = None
    location: _Location | None = None
    venue: _Venue | None = None
    contact: _Contact | None = None
    sticker: _Sticker | None = None

    @property
    def words(self) -> str:
        return self.text or self.caption or ""

    @property
    def place(self) -> tuple[float, float] | None:
        found = self.location or (self.venue and self.venue.location)
        return (found.latitude, found.longitude) if found else None

    @property
    def answers(self) -> "_Named | None":
        """What it replies to; every message of a forum's topic replies to the topic's first."""
        replied = self.reply_to_message
        if replied and self.is_topic_message and replied.message_id == self.message_thread_id:
            return None
        return replied

    @property
    def unread(self) -> list[str]:
        return [kind for kind in UNREAD if kind in (self.model_extra or {})]

    @property
    def is_automatic(self) -> bool:
        """Anonymous administrators write as a chat; Telegram fills in a bot for them."""
        return self.sender_chat is None and self.from_user is not None and self.from_user.is_bot

    def media(self) -> Iterator[tuple[str, _Media]]:
        """Yield each file with its kind: of a photo the largest size, an animation once."""
        for kind in FILES:
            found = getattr(self, kind)
            if kind == "photo" and found:
                yield kind, max(found, key=lambda size: size.width)
            elif found and not (kind == "document" and self.animation):
                yield kind, found

    def files(self) -> Iterator[File]:
        for kind, found in self.media():
            name, media_type = FILES[kind]
            yield File(found.file_name or name, found.mime_type or media_type, url=found.reference)

    def more(self) -> Iterator[str]:
        """Yield the words that are not in the text: of a place, a contact, a sticker."""
        if self.venue:
            yield from (self.venue.title, self.venue.address)
        if self.contact:
            person = self.contact
            yield " ".join(filter(None, (person.first_name, person.last_name, person.phone_number)))
        if self.sticker and self.sticker.emoji:
            yield self.sticker.emoji

    def notes(self) -> Iterator[str]:
        yield from (f"not read: {kind}" for kind in self.unread)
        if "forward_origin" in (self.model_extra or {}):
            yield "forwarded"
        if any((found.file_size or 0) > MAX_FILE for _, found in self.media()):
            yield "a file is larger than Telegram gives to bots"


class _Callback(_Seen):
    id: Handle
    from_user: _User = Field(alias="from")
    message: _Named | None = None
    data: Words | None = None


class _Update(_Seen):
    update_id: Number
    message: _Message | None = None
    edited_message: _Message | None = None
    callback_query: _Callback | None = None


def _checked(value: object) -> _Update:
    try:
        return _Update.model_validate(value)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise Malformed(f"an update without a usable {where or 'form'}") from None


def _address(user: int, chat: _Chat) -> str:
    """Address a person in a chat; in a group the answer goes to the group, as a reply."""
    return str(chat.id) if chat.type == "private" else f"{user}@{chat.id}"


def _sender(message: _Message) -> Sender:
    if (chat := message.sender_chat) is not None:
        return Sender(_address(chat.id, message.chat), chat.title)
    if (user := message.from_user) is not None:
        return Sender(_address(user.id, message.chat), user.name or None)
    raise Malformed("a message without a sender")


def _joined(parts: Sequence[Inbound]) -> Inbound:
    return replace(
        parts[0],
        text="\n".join(part.text for part in parts if part.text),
        files=tuple(file for part in parts for file in part.files),
        thread=tuple(dict.fromkeys(name for part in parts for name in part.thread)),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )


def _packed(updates: Iterable[Mapping[str, Any]]) -> list[bytes]:
    """Write each update down as it came; the parts of an album that came together are a list."""
    groups: dict[object, list[Mapping[str, Any]]] = {}
    for update in updates:
        groups.setdefault(_album(update) or update["update_id"], []).append(update)
    return [json.dumps(g if len(g) > 1 else g[0]).encode() for g in groups.values()]


def _album(update: Mapping[str, Any]) -> str | None:
    message = update.get("message")
    found = message.get("media_group_id") if isinstance(message, dict) else None
    return f"{message.get('chat')} {found}" if isinstance(message, dict) and found else None


_UNREADABLE = (
    TelegramError,
    *(ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError),
)
"""What the library raises over an answer that is not what it expects."""


class _NoAnswer(TelegramError):
    """Telegram could not be reached."""


class _Declined(TelegramError):
    """Telegram answered with an error: https://core.telegram.org/bots/api#making-requests."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"status {status}")
        self.status = status
        try:
            said = _Error.model_validate_json(body)
        except ValidationError:  # a page of HTML, most likely
            said = _Error()
        self.description = said.description.lower()
        self.retry_after = said.parameters.retry_after
        self.moved_to = said.parameters.migrate_to_chat_id


class _Parameters(BaseModel):
    retry_after: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    migrate_to_chat_id: Number | None = None


class _Error(BaseModel):
    description: str = ""
    parameters: _Parameters = _Parameters()


class _Http(BaseRequest):
    """What the bot sends through: one session with a deadline.

    The library's own client logs every URL, and with it the token.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._session: ClientSession | None = None

    @property
    def read_timeout(self) -> float:
        return self._timeout

    async def initialize(self) -> None:
        if self._session is None:
            self._session = ClientSession(cookie_jar=DummyCookieJar())

    async def shutdown(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: object = None,
        *_: object,
        **__: object,
    ) -> tuple[int, bytes]:
        await self.initialize()
        assert self._session is not None
        seconds = read_timeout if isinstance(read_timeout, float) else self._timeout
        try:
            async with self._session.request(
                method,
                url,
                data=request_data.json_parameters if request_data else None,
                timeout=ClientTimeout(total=seconds),
                allow_redirects=False,
            ) as answer:
                body = await _read(answer.content.iter_chunked(65536))
        except (ClientError, TimeoutError, OSError) as error:
            raise _NoAnswer(type(error).__name__) from None
        if answer.status != 200:
            raise _Declined(answer.status, body)
        return answer.status, body

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        value = json.loads(payload)
        if not isinstance(value, dict) or "result" not in value:
            raise ValueError("not an answer of the Bot API")
        return value


async def _read(chunks: AsyncIterator[bytes]) -> bytes:
    read = bytearray()
    async for chunk in chunks:
        read += chunk
        if len(read) > MAX_ANSWER:
            raise _NoAnswer("the answer does not end")
    return bytes(read)


class _Bot(Bot):
    """The library's bot, through our own connection."""

    def __init__(self, token: str, base: str, http: _Http) -> None:
        super().__init__(token, f"{base}/bot", f"{base}/file/bot", http, http)

    def __repr__(self) -> str:
        return "Bot"  # the library's has the token in it

    async def write(self, chat: int, text: str, answered: int | None) -> _Named:
        """Send a message; the library's own method fails after sending if it dislikes the date."""
        reply = {"message_id": answered, "allow_sending_without_reply": True}
        data = {
            "chat_id": chat,
            "text": text,
            "reply_parameters": reply if answered else None,
            "link_preview_options": {"is_disabled": True},
        }
        return _Named.model_validate(await self._post("sendMessage", data))

    async def pending(self, offset: int | None, wait: int) -> list[dict[str, Any]]:
        """Fetch updates as they are: the library's own method fails as a whole if it reads one not.

        Waits for news up to ``wait`` seconds.
        """
        data = {"limit": PAGE, "timeout": wait, "allowed_updates": UPDATES, "offset": offset}
        seconds = wait + (self.request.read_timeout or 0.0)
        found: list[dict[str, Any]] = await self._post("getUpdates", data, read_timeout=seconds)
        return found


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what the library raises into our errors, without its words: they may quote people."""
    try:
        yield
    except _Declined as error:
        raise _failure(error) from None
    except _NoAnswer as error:
        raise Unreachable(f"Telegram did not answer ({error})") from None
    except _UNREADABLE:
        raise Unreachable("Telegram's answer could not be read") from None


def _failure(error: _Declined) -> ChannelError:
    said = f"Telegram answered {error.status}"
    if error.retry_after is not None or error.status == 429:
        wait = min(max(error.retry_after or 5.0, 1.0), LONGEST_WAIT)
        return Throttled(said, retry_after=wait)
    if words := MENDABLE.get(error.status):
        return Unreachable(f"{said}: {words}")
    if not 400 <= error.status < 500 or error.status == 408:
        return Unreachable(said)
    words = next((ours for theirs, ours in REFUSALS.items() if theirs in error.description), "")
    return Refused(f"{said}: {words}" if words else said)
