"""What partners send by REST: strict, frozen models of their bodies."""

import base64
import binascii
from datetime import date
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    StringConstraints,
    model_validator,
)

from adapters.contract import File
from normalizer.message import MAX_TEXT, Kind
from normalizer.text import has_words
from normalizer.tracking import is_valid

MOST_FILES = 20

Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
Degrees = Annotated[float, Field(allow_inf_nan=False)]


def _number(text: str) -> str:
    number = text.replace("-", "")
    if not is_valid(number):
        raise ValueError("is not a tracking number")
    return number


class ReportInput(BaseModel):
    """A strict, frozen part of a call."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class LocationInput(ReportInput):
    """A point, WGS 84, degrees."""

    latitude: Annotated[Degrees, Field(ge=-90, le=90)]
    longitude: Annotated[Degrees, Field(ge=-180, le=180)]


class Person(ReportInput):
    """Who reports. The same id (else phone, else email) is the same person to Kanal."""

    id: Line = ""
    name: Line = ""
    phone: Annotated[str, StringConstraints(strip_whitespace=True, max_length=50)] = ""
    email: Annotated[str, StringConstraints(strip_whitespace=True, max_length=320)] = ""

    @property
    def contact(self) -> str:
        """By what the person is known; "" without a person."""
        return self.id or self.phone or self.email


class AttachmentInput(ReportInput):
    """A file: its bytes in base64, or where it is kept."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    media_type: Annotated[str, Field(pattern=r"^[a-z0-9.+-]+/[a-z0-9.+-]+$", max_length=100)] = (
        "application/octet-stream"
    )
    content_base64: str | None = None
    url: Annotated[HttpUrl, Field(strict=False)] | None = None

    @model_validator(mode="after")
    def _bytes_or_address(self) -> Self:
        if (self.content_base64 is None) == (self.url is None):
            raise ValueError("give either content_base64 or url")
        if self.content_base64 is not None:
            try:
                base64.b64decode(self.content_base64, validate=True)
            except (binascii.Error, ValueError):
                raise ValueError("content_base64 is not base64") from None
        return self

    def file(self) -> File:
        """Return it as a file."""
        content = None
        if self.content_base64 is not None:
            content = base64.b64decode(self.content_base64)
        return File(self.name, self.media_type, content, str(self.url) if self.url else None)


class MessageInput(ReportInput):
    """What somebody says, and the files that come with it."""

    text: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TEXT)
    ]
    attachments: Annotated[
        tuple[AttachmentInput, ...], Field(max_length=MOST_FILES, strict=False)
    ] = ()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (has_words(self.text) or self.attachments or self.has_more):
            raise ValueError("text: has no letter and no digit, and nothing comes with it")
        return self

    @property
    def has_more(self) -> bool:
        """Tell whether something beside the text and the files says what it is about."""
        return False


class NewReport(MessageInput):
    """A report as a partner sends it. Only ``text`` is needed."""

    title: Line = ""
    kind: Kind | None = None
    """What the reporter chose; without it Kanal reads it from the words."""
    occurred_on: date | None = None
    address: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] = ""
    """Where it happened, in words."""
    location: LocationInput | None = None
    topic: Annotated[str, Field(pattern=r"^([a-z][a-z0-9-]{0,59})?$")] = ""
    """The id of a topic or of a group of topics, from /api/v1/topics: evidence, not an order."""
    agency: Line = ""
    """Which agency the reporter thinks must act, in words: a guess, never an order."""
    anonymous: bool = False
    """Anonim: hides who wrote from the agency."""
    confidential: bool = False
    """Rahasia: hides the report from the public."""
    public: bool = False
    """The reporter agrees that the masked words are shown in public once an operator released
    them. Never with anonymous or confidential, and never of a sensitive topic."""
    sender: Person = Person()
    reply_to: Annotated[str, AfterValidator(_number)] | None = None
    """The tracking number of an earlier report of the same sender that this adds to."""

    @property
    def has_more(self) -> bool:
        """Tell whether a heading or a place says what it is about."""
        return has_words(self.title) or self.location is not None
