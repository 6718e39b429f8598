"""What Telegram sends, as far as we use it: strict models of https://core.telegram.org/bots/api.

Not the library's own reading, which refuses a whole message over an unused field (a poll without
its newest field, a sender of whom it is not said whether it is a bot).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from adapters.contract import File, Malformed
from normalizer.text import vocabulary

MAX_FILE = 20_000_000
"""Bytes of the largest file that Telegram's own servers give to a bot."""

FILES: Mapping[str, tuple[str, str]] = {
    "photo": ("foto.jpg", "image/jpeg"),
    "animation": ("animasi.mp4", "video/mp4"),
    "live_photo": ("foto-bergerak.mp4", "video/mp4"),
    "audio": ("audio.mp3", "audio/mpeg"),
    "document": ("dokumen", "application/octet-stream"),
    "video": ("video.mp4", "video/mp4"),
    "video_note": ("video.mp4", "video/mp4"),
    "voice": ("suara.ogg", "audio/ogg"),
}
"""The kinds of file: name and media type where Telegram gives none."""
SERVICE = vocabulary(
    """boost_added channel_chat_created chat_background_set chat_owner_changed chat_owner_left
    chat_shared checklist_tasks_added checklist_tasks_done connected_website delete_chat_photo
    direct_message_price_changed forum_topic_closed forum_topic_created forum_topic_edited
    forum_topic_reopened general_forum_topic_hidden general_forum_topic_unhidden gift
    gift_upgrade_sent giveaway_completed giveaway_created group_chat_created left_chat_member
    left_chat_participant managed_bot_created message_auto_delete_timer_changed
    migrate_from_chat_id migrate_to_chat_id new_chat_member new_chat_members
    new_chat_participant new_chat_photo new_chat_title paid_message_price_changed pinned_message
    poll_option_added poll_option_deleted proximity_alert_triggered refunded_payment
    successful_payment suggested_post_approval_failed suggested_post_approved
    suggested_post_declined suggested_post_paid suggested_post_refunded supergroup_chat_created
    unique_gift user_shared users_shared video_chat_ended video_chat_participants_invited
    video_chat_scheduled video_chat_started write_access_allowed"""
)
"""What Telegram tells of a chat: no person wrote it."""
METADATA = vocabulary(
    """author_signature business_connection_id caption_entities chat date direct_messages_topic
    edit_date effect_id entities external_reply forward_date forward_from forward_from_chat
    forward_from_message_id forward_origin forward_sender_name forward_signature from
    guest_bot_caller_chat guest_bot_caller_user guest_query_id has_media_spoiler
    has_protected_content is_automatic_forward is_from_offline is_paid_post is_topic_message
    link_preview_options media_group_id message_id message_thread_id paid_star_count quote
    reply_markup reply_to_checklist_task_id reply_to_message reply_to_poll_option_id
    reply_to_story sender_boost_count sender_business_bot sender_chat sender_tag
    show_caption_above_media suggested_post_info via_bot"""
)
"""What is said about a message. A kind that is neither here nor above is what somebody sent: a
poll, a dice, or what Telegram thinks of next year. Its sender is asked what it is about."""
IGNORED_UPDATES = vocabulary(
    """business_connection business_message channel_post chat_boost chat_join_request chat_member
    chosen_inline_result deleted_business_messages edited_business_message edited_channel_post
    guest_message inline_query managed_bot message_reaction message_reaction_count
    my_chat_member poll poll_answer pre_checkout_query purchased_paid_media removed_chat_boost
    shipping_query"""
)
"""Updates that a webhook set by hand may bring: none is a message to the bot."""
_KIND = re.compile(r"[a-z_]{1,40}")
_MOST_UNREAD = 5

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


class WebAppData(TelegramPayload):
    """What somebody filled in on a page that was opened from a button."""

    data: Words
    button_text: Words = ""


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
    model_config = ConfigDict(extra="allow")  # what else it has may be what somebody sent

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
    live_photo: TelegramMedia | None = None
    video: TelegramMedia | None = None
    video_note: TelegramMedia | None = None
    voice: TelegramMedia | None = None
    location: TelegramLocation | None = None
    venue: Venue | None = None
    contact: Contact | None = None
    sticker: Sticker | None = None
    web_app_data: WebAppData | None = None

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
        """The kinds that somebody sent and that have no words for us.

        Beside words, what is new and no object is said about a message, not sent by somebody.
        """
        said = self.words or any(self.media()) or self.place or any(self.more())
        others = sorted(
            kind
            for kind, value in (self.model_extra or {}).items()
            if kind not in SERVICE | METADATA and not (said and not isinstance(value, dict | list))
        )
        if self.sticker and not self.sticker.emoji:
            others.append("sticker")
        return [kind if _KIND.fullmatch(kind) else "other" for kind in others[:_MOST_UNREAD]]

    @property
    def is_service(self) -> bool:
        """Tell whether no person wrote to us by it, where it has no words."""
        told = not SERVICE.isdisjoint(self.model_extra or {})
        return told or self.chat.type != "private"

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
        if self.web_app_data:
            yield from (self.web_app_data.button_text, self.web_app_data.data)

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
    model_config = ConfigDict(extra="allow")  # other kinds of updates

    update_id: Number
    message: TelegramMessage | None = None
    edited_message: TelegramMessage | None = None
    callback_query: Callback | None = None

    @property
    def is_known(self) -> bool:
        """Tell whether it is of a kind that we read, or may leave unread."""
        others = (self.model_extra or {}).keys()
        return bool(self.message or self.edited_message or self.callback_query) or (
            others <= IGNORED_UPDATES
        )


def read_update(value: object) -> TelegramUpdate:
    try:
        update = TelegramUpdate.model_validate(value)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise Malformed(f"an update without a usable {where or 'form'}") from None
    if not update.is_known:
        raise Malformed("an update of a kind that is not known")
    return update
