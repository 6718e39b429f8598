"""What partners send by REST: strict, frozen models of their bodies.

A name whose value is null is as one that was left out. What is strict here is strict in the schema.
"""

import base64
import binascii
import re
from datetime import date
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    StringConstraints,
    model_validator,
)
from pydantic_core import from_json, to_json

from adapters.contract import File
from adapters.partner_api.encoding import decode_json
from normalizer.message import MAX_TEXT, Kind
from normalizer.text import SEEN, has_words
from normalizer.tracking import is_valid

MOST_FILES = 20
OCTETS = "application/octet-stream"
NUMBER = r"^[1-9][0-9]{3}-?[0-9]{4}-?[0-9]{4}$"
_NAME = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
MEDIA_TYPE = rf"^({_NAME}/{_NAME}[ \t]*(;.*)?)?$"
"""RFC 6838 4.2, with parameters or without; "" is none."""
HTTP_URL = r"^[Hh][Tt][Tt][Pp][Ss]?://[^/?#]"
"""For the schema only."""
_BREAK = re.compile(r"[ \t]*[\r\n][ \t\r\n]*")
_DATA_URL = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)
_URL_SAFE = str.maketrans("-_", "+/")


def _in_base64(letters: str) -> str:
    one = rf"(?:[{letters}][\r\n]*)"
    return rf"(?:{one}{{4}})*(?:{one}{{2}}(?:==[\r\n]*)?|{one}{{3}}(?:=[\r\n]*)?)?"


BASE64 = (
    r"^([Dd][Aa][Tt][Aa]:[^,]{0,200};[Bb][Aa][Ss][Ee]64,)?"
    rf"({_in_base64('A-Za-z0-9+/')}|{_in_base64('A-Za-z0-9_-')})$"
)
"""For the schema only: what ``decode_base64`` reads."""

Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
Degrees = Annotated[float, Field(allow_inf_nan=False)]


def read_body(body: bytes, label: str = "") -> bytes | str:
    """Return the JSON of a body without a byte order mark and without what is null.

    Raises ``Invalid``. What is no JSON is returned as it is: its model says so.
    """
    text = decode_json(body, label)
    if "null" not in text:
        return text
    try:
        return to_json(_without_nulls(from_json(text)))
    except ValueError:
        return text


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value if each is not None]
    return value


def decode_base64(written: str) -> bytes:
    """Return the bytes of base64 as programs write it. Raises ``ValueError``.

    Lines may be broken (RFC 2045 6.8), the alphabet may be that of URLs (RFC 4648 5) and then
    without its padding, and a data URL (RFC 2397) may be around it. A blank within a line is
    refused: it may be a "+" that was lost on the way.
    """
    text = _BREAK.sub("", written.strip())
    if found := _DATA_URL.match(text):
        text = text[found.end() :]
    if "-" in text or "_" in text:
        if "+" in text or "/" in text:
            raise ValueError("two alphabets")
        text = text.translate(_URL_SAFE)
    if "=" not in text:
        text += "=" * (-len(text) % 4)
    return base64.b64decode(text, validate=True)


def _media_type(text: str) -> str:
    return text.partition(";")[0].strip().lower() or OCTETS


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


def _one_of_two(schema: dict[str, Any]) -> None:
    schema["oneOf"] = [
        {"required": [name], "properties": {name: {"type": "string"}}}
        for name in ("content_base64", "url")
    ]


class AttachmentInput(ReportInput):
    """A file: its bytes in base64, or where it is kept."""

    model_config = ConfigDict(json_schema_extra=_one_of_two)

    name: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    media_type: Annotated[
        str, Field(pattern=MEDIA_TYPE, max_length=255), AfterValidator(_media_type)
    ] = OCTETS
    content_base64: (
        Annotated[str, Field(json_schema_extra={"contentEncoding": "base64", "pattern": BASE64})]
        | None
    ) = Field(default=None, description="In the common or the URL alphabet, in lines or not")
    url: Annotated[HttpUrl, Field(strict=False, json_schema_extra={"pattern": HTTP_URL})] | None = (
        None
    )

    @model_validator(mode="after")
    def _bytes_or_address(self) -> Self:
        if (self.content_base64 is None) == (self.url is None):
            raise ValueError("give either content_base64 or url")
        if self.content_base64 is not None:
            try:
                decode_base64(self.content_base64)
            except (binascii.Error, ValueError):
                raise ValueError("content_base64 is not base64") from None
        return self

    def file(self) -> File:
        """Return it as a file."""
        content = None
        if self.content_base64 is not None:
            content = decode_base64(self.content_base64)
        return File(self.name, self.media_type, content, str(self.url) if self.url else None)


class MessageInput(ReportInput):
    """What somebody says, and the files that come with it."""

    text: Annotated[
        str,
        StringConstraints(strip_whitespace=True, max_length=MAX_TEXT, pattern=SEEN),
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
    reply_to: Annotated[str, Field(pattern=NUMBER), AfterValidator(_number)] | None = None
    """The tracking number of an earlier report of the same sender that this adds to."""

    @property
    def has_more(self) -> bool:
        """Tell whether a heading or a place says what it is about."""
        return has_words(self.title) or self.location is not None
