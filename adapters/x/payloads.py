"""What X sends, as far as we use it: https://docs.x.com/x-api/fundamentals/data-dictionary."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import unescape
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from adapters.contract import File, Malformed
from adapters.x.dialect import KINDS as REFERENCES
from adapters.x.dialect import rename

SMALL = 0.02
"""Degrees: a place smaller than this (about two kilometres) is as good as a point."""
KINDS: Mapping[str, tuple[str, str]] = {
    ".jpg": ("foto", "image/jpeg"),
    ".png": ("foto", "image/png"),
    ".webp": ("foto", "image/webp"),
    ".mp4": ("video", "video/mp4"),
}
"""Names and media types of files by the ending of their address."""
_HANDLES = re.compile(r"\s*(?:[.\s]*@\w{1,20}\b)*[\s,:]*")
_MEDIA = re.compile(r"https://[!-~]{1,1900}")
_ENDING = re.compile(r"\.\w{2,4}(?=$|\?)")

Id = Annotated[str, Field(pattern=r"^[0-9]{1,19}$")]
Key = Annotated[str, Field(pattern=r"^[!-~]{1,100}$")]
Words = Annotated[str, AfterValidator(lambda said: said.encode("utf-8", "replace").decode())]
"""Half a surrogate pair is legal in JSON and cannot be stored."""


class XPayload(BaseModel):
    """The part of one of X's objects that we use, by today's names and with strict types."""

    model_config = ConfigDict(strict=True, frozen=True)

    _by_todays_names = model_validator(mode="before")(rename)


class Reference(XPayload):
    type: str
    id: Id


class Url(XPayload):
    url: str
    expanded_url: Annotated[Words, Field(max_length=4000)] = ""
    media_key: str | None = None


class Entities(XPayload):
    urls: list[Url] = []


class Note(XPayload):
    """The whole text of a post longer than 280 characters."""

    text: Words
    entities: Entities = Entities()


class PostText(XPayload):
    """As much of a post as its neighbours need."""

    id: Id
    text: Words
    author_id: Id | None = None
    entities: Entities = Entities()
    note_post: Note | None = None
    referenced_posts: list[Reference] = []

    @property
    def words(self) -> str:
        """What was written: real links for X's own, none for files and quoted posts."""
        said = self.note_post or self
        own = [f"/status/{self.id}/", *(f"/status/{each.id}" for each in self.referenced_posts)]
        text = said.text
        for link in filter(_is_short, (*said.entities.urls, *self.entities.urls)):
            gone = link.media_key or any(each in link.expanded_url for each in own)
            text = text.replace(link.url, "" if gone else link.expanded_url or link.url, 1)
        return unescape(text).strip()

    @property
    def own_words(self) -> str:
        """The words without the names that X puts before a reply."""
        words = self.words
        names = _HANDLES.match(words)
        return words[names.end() :] if names else words

    def references(self, kind: str) -> list[str]:
        """Return the ids of the posts this one refers to in a way: reposted, quoted, …"""
        found = self.referenced_posts
        return [each.id for each in found if REFERENCES.get(each.type, each.type) == kind]


class Bounds(XPayload):
    bbox: list[float] = []
    """West, south, east, north."""


class XPlace(XPayload):
    id: Key
    full_name: Words = ""
    geo: Bounds = Bounds()

    @property
    def point(self) -> tuple[float, float] | None:
        """The middle of a small place."""
        if len(self.geo.bbox) != 4:
            return None
        west, south, east, north = self.geo.bbox
        if not (0 <= east - west <= SMALL and 0 <= north - south <= SMALL):
            return None
        return _on_earth([(west + east) / 2, (south + north) / 2])


class XPoint(XPayload):
    coordinates: list[float] = []
    """Longitude and latitude."""


class Geo(XPayload):
    coordinates: XPoint = XPoint()
    place_id: Key | None = None


class Attachments(XPayload):
    media_keys: list[Key] = []


class Variant(XPayload):
    url: str = ""
    content_type: str = ""
    bit_rate: int = 0


class XMedia(XPayload):
    media_key: Key
    url: str | None = None
    preview_image_url: str | None = None
    variants: list[Variant] = []

    @property
    def address(self) -> str | None:
        """Where the file is: of a film the best one, of a photo itself."""
        films = [each for each in self.variants if each.content_type == "video/mp4"]
        best = max(films, key=lambda film: film.bit_rate).url if films else None
        found = best or self.url or self.preview_image_url or ""
        return found if is_file(found) else None


class XPost(PostText):
    author_id: Id
    conversation_id: Id | None = None
    in_reply_to_user_id: Id | None = None
    created_at: str | None = None
    edit_history_post_ids: list[Id] = []
    attachments: Attachments = Attachments()
    geo: Geo = Geo()

    @property
    def about(self) -> tuple[str, ...]:
        return (*self.references("quoted"), *self.references("replied_to"))

    @property
    def thread(self) -> tuple[str, ...]:
        """The posts this one belongs to, the nearest last."""
        root = (self.conversation_id,) if self.conversation_id else ()
        names = dict.fromkeys((*root, *self.edit_history_post_ids, *self.about))
        return tuple(name for name in names if name != self.id)

    @property
    def sent_at(self) -> datetime | None:
        try:
            moment = datetime.fromisoformat(self.created_at or "")
            return moment.astimezone(UTC) if moment.tzinfo else None
        except (ValueError, OverflowError):
            return None

    @property
    def point(self) -> tuple[float, float] | None:
        return _on_earth(self.geo.coordinates.coordinates)

    def at(self, place: XPlace) -> bool:
        return place.id == self.geo.place_id

    def files(self, media: Iterable[XMedia]) -> Iterator[File]:
        known = {each.media_key: each.address for each in media}
        found = filter(None, (known.get(key) for key in self.attachments.media_keys))
        for number, url in enumerate(found, 1):
            ending = _ENDING.findall(url.partition("?")[0])
            kind = ending[-1].lower() if ending and ending[-1].lower() in KINDS else ".jpg"
            name, media_type = KINDS[kind]
            yield File(f"{name}-{number}{kind}", media_type, url=url)

    def notes(self, files: int) -> Iterator[str]:
        """Yield what an officer should know; ``files`` of its files have an address."""
        if len(self.edit_history_post_ids) > 1:
            yield "edited"
        if files < len(self.attachments.media_keys):
            yield "file_not_shown"


class XUser(XPayload):
    id: Id
    name: Words = ""
    username: Words = ""

    @property
    def display_name(self) -> str:
        return f"{self.name} (@{self.username})" if self.username else self.name


class Includes(XPayload):
    media: list[XMedia] = []
    places: list[XPlace] = []
    posts: list[PostText] = []
    users: list[XUser] = []


class Single(XPayload):
    """One post as we keep it: the shape in which X gives a single one."""

    data: XPost
    includes: Includes = Includes()


class NewPost(XPayload):
    id: Id


class CreatedPost(XPayload):
    data: NewPost


class NewMessage(XPayload):
    dm_event_id: Id


class XMessage(XPayload):
    data: NewMessage


def is_id(name: str) -> bool:
    """Tell whether this is a number that X gives to posts and accounts."""
    return re.fullmatch(r"[0-9]{1,19}", name) is not None


def is_file(url: str) -> bool:
    """Tell whether this can be the address of a file on X."""
    return _MEDIA.fullmatch(url) is not None


def _is_short(link: Url) -> bool:
    return re.fullmatch(r"https?://t\.co/\w{1,40}", link.url) is not None


def _on_earth(point: Sequence[float]) -> tuple[float, float] | None:
    if len(point) != 2 or not (abs(point[0]) <= 180 and abs(point[1]) <= 90):
        return None
    return point[1], point[0]


def read_post(raw: bytes) -> Single:
    """Read one post as we keep it. Raises ``Malformed``."""
    try:
        return Single.model_validate(json.loads(raw))
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise Malformed(f"a post without a usable {where or 'form'}") from None
    except (ValueError, RecursionError):
        raise Malformed("the post is not JSON") from None
