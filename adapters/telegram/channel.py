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
import re
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator
from telegram.error import TelegramError

from adapters.contract import (
    Author,
    ChannelSettings,
    Forged,
    Inbound,
    Malformed,
    MediaSource,
    Outgoing,
    Page,
    Poller,
    Receipt,
    Receiver,
    Reconciler,
    Refused,
    SafeUrl,
    Sender,
    Source,
    UnreadableItem,
    WebhookRequest,
)
from adapters.telegram.api import (
    PAGE,
    UPDATES,
    Bot,
    TelegramDeclined,
    TelegramTransport,
    translate_errors,
)
from adapters.telegram.payloads import (
    MAX_FILE,
    Callback,
    Chat,
    TelegramMessage,
    TelegramUpdate,
    read_update,
)
from config.words import mark

API = "https://api.telegram.org"
MAX_CHARACTERS = 4096

COMMANDS = frozenset(
    {"aduan", "anonim", "bantuan", "help", "lapor", "privacy", "privasi", "rahasia", "status"}
)
"""What is for us in a group even without our name; all others may be another bot's."""

_COMMAND = re.compile(r"/([A-Za-z0-9_]{1,64})(?:@(\w{1,64}))?(?!\S)")
_FILE = re.compile(
    r"telegram:(?P<id>[!->@-~]{1,400})\?unique=[^&]{1,400}(&size=(?P<size>\d{1,18}))?"
)
_ADDRESS = re.compile(r"(?:-?\d{1,19}@)?(-?\d{1,19})")


def _usable_token(token: SecretStr) -> SecretStr:
    if not re.fullmatch(r"\d{1,20}:[A-Za-z0-9_-]{1,128}", token.get_secret_value()):
        raise ValueError("a token is the bot's number, a colon, and letters: 123456:ABC-DEF...")
    return token


def _usable_secret(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", secret.get_secret_value()):
        raise ValueError("Telegram takes 1 to 256 letters, digits, _ and -")
    return secret


class TelegramBlock(ChannelSettings):
    """``type = "telegram"``: one bot, and how its messages come."""

    type: Literal["telegram"]
    token: Annotated[SecretStr, AfterValidator(_usable_token)]
    mode: Literal["webhook", "polling"] = "webhook"
    secret_token: Annotated[SecretStr, AfterValidator(_usable_secret)] | None = None
    """What Telegram sends with every call, so that we know it."""
    username: Annotated[str, Field(pattern=r"^\w{3,64}$")] | None = None
    """The bot's name without @; without it a mention in a group is not seen."""
    api_base: SafeUrl | None = None
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


class Telegram(Receiver, Poller, Reconciler, Sender, MediaSource):
    """What citizens write to one bot, and our answers."""

    settings = TelegramBlock
    block: TelegramBlock
    every: ClassVar[float] = 0.0

    def __init__(self, name: str, block: ChannelSettings, *, public_url: str) -> None:
        super().__init__(name, block, public_url=public_url)
        self._id = self.block.token.get_secret_value().partition(":")[0]
        self._bot: Bot | None = None

    @property
    def own(self) -> frozenset[str]:
        """Return the bot's id and name."""
        name = self.block.username
        return frozenset({self._id, *([f"@{name}"] if name else [])})

    def verify(self, hook: WebhookRequest) -> None:
        """Check the secret that we gave to Telegram. Raises ``Forged``."""
        if self.polling or self.block.secret_token is None:
            raise Forged("this channel polls and takes no calls")
        secret = self.block.secret_token.get_secret_value().encode()
        said = hook.headers.get("x-telegram-bot-api-secret-token", "").encode("utf-8", "replace")
        if not hmac.compare_digest(secret, said):
            raise Forged("the request has no valid X-Telegram-Bot-Api-Secret-Token")

    def parse(self, hook: WebhookRequest) -> list[Inbound | Receipt]:
        """Read one update. Raises ``Malformed``."""
        return self.reread(hook.body)

    def reread(self, raw: bytes) -> list[Inbound | Receipt]:
        """Read an update, or the list of updates that make one album. Raises ``Malformed``."""
        try:
            value = json.loads(raw)
        except (ValueError, RecursionError):
            raise Malformed("the body is not JSON") from None
        updates = [read_update(each) for each in (value if isinstance(value, list) else [value])]
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
        with translate_errors():
            hook = await self._api().get_webhook_info()
        failed = hook.last_error_date is not None and hook.last_error_date >= moment
        stuck = failed and hook.pending_update_count > 0 and not hook.has_custom_certificate
        if hook.url and not stuck:
            return
        with translate_errors():
            await self._api().delete_webhook()
        try:
            page = await self._page("", 0)
            while page.items or page.more:
                yield page
                page = await self._page(page.cursor, 0)
        finally:
            await self._listen(hook.url or self.hook_url, hook.max_connections)

    def alert_fault(self, to: str) -> str:
        """Say that an alert cannot be acknowledged in a group."""
        if to.startswith("-"):
            return "to: a group cannot acknowledge; name the chat of the post itself"
        return ""

    async def send(self, to: str, message: Outgoing) -> str:
        """Write to a chat and return ``BOT/CHAT/MESSAGE``. Raises ``ChannelError``."""
        address = _ADDRESS.fullmatch(to)
        if address is None:
            raise Refused("this is no address on Telegram")
        chat = int(address[1])
        text = fit_text(message.text, self.block.max_reply_characters or MAX_CHARACTERS)
        with translate_errors():
            await self._settle(message.thread)
            answered, choices = self._answered(chat, message.thread), message.choices
            try:
                return await self._write(chat, text, answered, choices)
            except TelegramDeclined as error:
                if error.moved_to is None:
                    raise
                return await self._write(error.moved_to, text, None, choices)

    async def source(self, url: str) -> Source:
        """Ask Telegram where a file is; the address holds the token and lasts for an hour.

        Raises ``Refused`` for what no bot is given, and other ``ChannelError``.
        """
        named = _FILE.fullmatch(url)
        if named is None:
            raise Refused("this is no file on Telegram")
        if int(named["size"] or 0) > MAX_FILE:
            raise Refused("the file is larger than Telegram gives to bots")
        with translate_errors():
            path = await self._api().path(named["id"])
        token = self.block.token.get_secret_value()
        found = f"{self._base}/file/bot{token}/{path}"
        return Source(found, trusted=self.block.api_base is not None)

    async def close(self) -> None:
        """Close the connections."""
        bot, self._bot = self._bot, None
        if bot is not None:
            await bot.request.shutdown()

    def _api(self) -> Bot:
        if self._bot is None:
            http = TelegramTransport(self.block.timeout, self.exchanges)
            self._bot = Bot(self.block.token.get_secret_value(), self._base, http)
        return self._bot

    @property
    def _base(self) -> str:
        return str(self.block.api_base or API).rstrip("/")

    async def _page(self, cursor: str, wait: int) -> Page:
        offset = int(cursor) if cursor.isascii() and cursor.isdigit() else None
        with translate_errors():
            try:
                found = await self._api().pending(offset, wait)
            except TelegramDeclined as error:
                if error.status != 409 or "webhook" not in error.description:
                    raise
                await self._api().delete_webhook()
                found = await self._api().pending(offset, wait)
            ids = [int(update["update_id"]) for update in found]
        items = tuple(item for raw in _packed(found) for item in self._items(raw))
        return Page(items, str(max(ids) + 1) if ids else cursor, len(found) >= PAGE)

    def _items(self, raw: bytes) -> Sequence[Inbound | Receipt | UnreadableItem]:
        try:
            return self.reread(raw)
        except Malformed as error:
            return [UnreadableItem(raw, str(error))]

    async def _listen(self, url: str, connections: int | None) -> None:
        secret = self.block.secret_token
        with translate_errors():
            await self._api().set_webhook(
                url,
                max_connections=connections,
                allowed_updates=UPDATES,
                secret_token=secret.get_secret_value() if secret else None,
            )

    async def _write(
        self, chat: int, text: str, answered: int | None, choices: Sequence[str]
    ) -> str:
        sent = await self._api().write(chat, text, answered, choices)
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
        self, updates: Sequence[TelegramUpdate], messages: Sequence[TelegramMessage], raw: bytes
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

    def _read(self, update: TelegramUpdate, raw: bytes) -> Inbound | None:
        if update.callback_query is not None:
            return self._pressed(update.update_id, update.callback_query, raw)
        if update.edited_message is not None:
            return self._edited(update.update_id, update.edited_message, raw)
        if update.message is not None and self._for_us(update.message):
            return self._inbound(update.update_id, update.message, raw)
        return None

    def _for_us(self, message: TelegramMessage) -> bool:
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

    def _inbound(self, update_id: int, message: TelegramMessage, raw: bytes) -> Inbound | None:
        files = tuple(message.files())
        text = "\n".join(filter(None, (plain(message.words, self.block.username), *message.more())))
        if not (text or files or message.place or message.unread) and message.is_service:
            return None  # somebody joined, pinned, renamed; or said no more than our name
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
            automatic="other_bot" if message.is_automatic else None,
            notes=tuple(message.notes()),
            in_public=message.chat.type != "private",
        )

    def _edited(self, update_id: int, message: TelegramMessage, raw: bytes) -> Inbound | None:
        """Read an edit; a live location that moved and a change that no person made are none."""
        if message.edit_date is None or message.place or not self._for_us(message):
            return None
        said = self._inbound(update_id, message, raw)
        if said is None:
            return None
        text = (
            said.text
            if _COMMAND.match(message.words)
            else f"{mark('corrected')} {said.text}".strip()
        )
        return replace(said, text=text, notes=("edited", *said.notes))

    def _pressed(self, update_id: int, query: Callback, raw: bytes) -> Inbound | None:
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
            sender=Author(_address(query.from_user.id, asked.chat), query.from_user.name or None),
            text=text,
            raw=raw,
            thread=names,
            in_public=asked.chat.type != "private",
        )

    def _thread(self, message: TelegramMessage) -> tuple[str, ...]:
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


def fit_text(text: str, most: int) -> str:
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


def _address(user: int, chat: Chat) -> str:
    """Address a person in a chat; in a group the answer goes to the group, as a reply."""
    return str(chat.id) if chat.type == "private" else f"{user}@{chat.id}"


def _sender(message: TelegramMessage) -> Author:
    if (chat := message.sender_chat) is not None:
        return Author(_address(chat.id, message.chat), chat.title)
    if (user := message.from_user) is not None:
        return Author(_address(user.id, message.chat), user.name or None)
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
