"""What Telegram sends, as far as we use it: strict models of https://core.telegram.org/bots/api.

Not the library's own reading, which refuses a whole message over an unused field (a poll without
its newest field, a sender of whom it is not said whether it is a bot).
"""

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from adapters.contract import File, Malformed

MAX_FILE = 20_000_000
"""Bytes of the largest file that Telegram's own servers give to a bot."""

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

Number = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Words = Annotated[str, AfterValidator(lambda said: said.encode("utf-8", "replace").decode())]
"""Half a surrogate pair is legal in JSON and cannot be stored."""
Moment = Annotated[int, Field(ge=0, lt=2**32)]
"""Seconds since 1970."""
Handle = Annotated[str, Field(pattern=r"^[!-~]{1,400}$")]


class TelegramPayload(BaseModel):
    """The part of one of Telegram's objects that we use."""

    model_config = ConfigDict(strict=True, frozen=True)


class Chat(TelegramPayload):
    id: Number
    type: str
    title: Words | None = None


class TelegramUser(TelegramPayload):
    id: Number
    is_bot: bool = False
    first_name: Words = ""
    last_name: Words | None = None

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name or ''}".strip()


class TelegramMedia(TelegramPayload):
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


class TelegramLocation(TelegramPayload):
    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]


class Venue(TelegramPayload):
    location: TelegramLocation
    title: Words
    address: Words


class Contact(TelegramPayload):
    phone_number: Words
    first_name: Words
    last_name: Words | None = None


class Sticker(TelegramPayload):
    emoji: Words | None = None


class Button(TelegramPayload):
    text: Words
    callback_data: object = None


class Keyboard(TelegramPayload):
    inline_keyboard: list[list[Button]] = []


class TelegramId(TelegramPayload):
    """As much of a message as its neighbours need."""

    message_id: Number
    chat: Chat
    from_user: TelegramUser | None = Field(None, alias="from")
    reply_to_message: "TelegramId | None" = None
    reply_markup: Keyboard | None = None

    def label(self, data: str | None) -> str | None:
        """Return what stands on the button that carries ``data``."""
        rows = self.reply_markup.inline_keyboard if self.reply_markup else []
        return next((b.text for row in rows for b in row if b.callback_data == data), None)


class TelegramMessage(TelegramId):
    model_config = ConfigDict(extra="allow")  # what else it has is looked up in ``UNREAD``

    date: Moment
    edit_date: Moment | None = None
    sender_chat: Chat | None = None
    media_group_id: Handle | None = None
    is_topic_message: bool = False
    message_thread_id: Number | None = None
    text: Words | None = None
    caption: Words | None = None
    photo: list[TelegramMedia] = []
    animation: TelegramMedia | None = None
    audio: TelegramMedia | None = None
    document: TelegramMedia | None = None
    video: TelegramMedia | None = None
    video_note: TelegramMedia | None = None
    voice: TelegramMedia | None = None
    location: TelegramLocation | None = None
    venue: Venue | None = None
    contact: Contact | None = None
    sticker: Sticker | None = None

    @property
    def words(self) -> str:
        return self.text or self.caption or ""

    @property
    def place(self) -> tuple[float, float] | None:
        found = self.location or (self.venue and self.venue.location)
        return (found.latitude, found.longitude) if found else None

    @property
    def answers(self) -> "TelegramId | None":
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

    def media(self) -> Iterator[tuple[str, TelegramMedia]]:
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
        yield from (f"not_read: {kind}" for kind in self.unread)
        if "forward_origin" in (self.model_extra or {}):
            yield "forwarded"
        if any((found.file_size or 0) > MAX_FILE for _, found in self.media()):
            yield "large_file"


class Callback(TelegramPayload):
    id: Handle
    from_user: TelegramUser = Field(alias="from")
    message: TelegramId | None = None
    data: Words | None = None


class TelegramUpdate(TelegramPayload):
    update_id: Number
    message: TelegramMessage | None = None
    edited_message: TelegramMessage | None = None
    callback_query: Callback | None = None


def read_update(value: object) -> TelegramUpdate:
    try:
        return TelegramUpdate.model_validate(value)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise Malformed(f"an update without a usable {where or 'form'}") from None
