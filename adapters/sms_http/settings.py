"""The settings of one gateway: who may call, what its fields are named, how it is called.

Table by table: ``access``, ``incoming``, ``receipts``, ``answer`` for what it brings; ``outgoing``
for what it is sent. A ``preset`` fills in what is known of a provider; the block's own keys win.
"""

import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)

from adapters.contract import ChannelSettings, SafeUrl
from adapters.sms.coding import Default
from adapters.sms_http import templates
from config import presets

FOLDER = "sms"
"""The folder of ``config/`` with the presets."""
FILLED = frozenset(
    {"to", "to_digits", "to_local", "sender", "text", "gsm_text", "ucs2_hex", "coding", "id"}
    | {"callback"}
)
"""What a template may name beside ``credentials``; docs/channels/sms.md says what each is."""
_SAFE_IN_URL = re.compile(r"[A-Za-z0-9._~-]+")

Alphabet = Literal["gsm", "ascii", "latin-1", "windows-1252", "utf-8", "utf-16-be", "utf-16-le"]
"""``gsm``: one septet in each octet."""
State = Literal["sent", "delivered", "failed", "pending", "opted_out"]
"""What a provider's word says of a message; ``pending`` is not worth noting."""
Meaning = Literal["temporary", "throttled", "settings", "refused", "wrong_number", "opted_out"]
"""What an error means: try again, slow down, mend the settings; or never, for this message."""

Name = Annotated[str, Field(max_length=200)]
Template = Annotated[str, Field(max_length=20_000), AfterValidator(templates.check)]
Secret = Annotated[SecretStr, Field(min_length=16)]


def _as_text(keys: Mapping[Any, Any]) -> Any:
    """Write words of a table in small letters: providers are not of one mind about them."""
    return {str(key).casefold(): value for key, value in keys.items()}


def _checked_tree(value: Any) -> Any:
    for text in _strings(value):
        templates.check(text)
    return value


def _strings(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, Mapping) else ():
        yield from _strings(inner)
    for inner in value if isinstance(value, list) else ():
        yield from _strings(inner)


def _network(written: Any) -> Any:
    try:
        return ip_network(written)
    except ValueError:
        said = f"{written!r} is no network: write 10.1.0.0/16, or one address"
        raise ValueError(said) from None


class SmsSection(BaseModel):
    """One table of the block."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SmsToken(SmsSection):
    """A word that every call carries."""

    place: Literal["query", "header", "body"] = "query"
    name: Annotated[str, Field(min_length=1, max_length=200)] = "token"
    values: Annotated[tuple[Secret, ...], Field(min_length=1)]
    """Newest first: all are taken, so that one can be changed without losing a message."""

    @model_validator(mode="after")
    def _survives_a_url(self) -> Self:
        words = (each.get_secret_value() for each in self.values)
        if self.place == "query" and not all(map(_SAFE_IN_URL.fullmatch, words)):
            raise ValueError("a token in a query is made of letters, figures and . _ ~ - alone")
        return self


class SmsSignature(SmsSection):
    """An HMAC over the body of every call."""

    header: Annotated[str, Field(min_length=1, max_length=200)]
    secrets: Annotated[tuple[Secret, ...], Field(min_length=1)]
    algorithm: Literal["sha1", "sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: Annotated[str, Field(max_length=40)] = ""
    """What stands before the signature in its header ("sha256=")."""


class SmsAccess(SmsSection):
    """How a call proves that it is the gateway's. What is set here must all fit."""

    token: SmsToken | None = None
    signature: SmsSignature | None = None
    allow: tuple[Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)], ...] = ()
    """Networks the gateway calls from."""

    @model_validator(mode="after")
    def _closed(self) -> Self:
        if not (self.token or self.signature or self.allow):
            raise ValueError("anybody could call: set token, signature or allow")
        if any(isinstance(net, IPv6Network) and net.prefixlen > 64 for net in self.allow):
            raise ValueError("allow: of IPv6 write a network of /64 or wider, callers are known so")
        return self


class SmsFields(SmsSection):
    """The provider's name of each field; in JSON a path ("message.content.0.text"). "" = none."""

    sender: Name = ""
    recipient: Name = ""
    text: Name = ""
    id: Name = ""
    time: Name = ""
    charset: Name = ""
    """The field that names an alphabet ("UTF-16BE")."""
    coding: Name = ""
    """The field that holds a number of ``codings``."""
    hex: Name = ""
    """The field with the octets of the text in hexadecimal; wins over ``text``."""
    udh: Name = ""
    """The field with the user data header of a part, in hexadecimal or as octets."""
    reference: Name = ""
    part: Name = ""
    parts: Name = ""


class SmsIncoming(SmsSection):
    """How a message comes."""

    methods: tuple[Literal["GET", "POST"], ...] = ("GET", "POST")
    items: Name = ""
    """The path of the list in a JSON document that brings several messages."""
    fields: SmsFields = SmsFields()
    charsets: dict[str, Alphabet] = {}
    """Names of alphabets that the provider alone uses."""
    codings: Literal["smpp"] | dict[str, Alphabet] = {}
    """What the numbers of ``coding`` mean; "smpp": those of ``data_coding``."""
    default_alphabet: Default = "gsm"
    """What data coding 0 means, where ``codings`` are those of SMPP."""
    hours_from_utc: Annotated[float, Field(ge=-12, le=14)] = 0
    """Of times that are written without a zone; 7 is WIB."""
    repeat_seconds: Annotated[float, Field(gt=0, le=86_400)] = 120
    """How long equal words of one sender are one message, where it has neither id nor time."""


class SmsReceiptFields(SmsSection):
    """The provider's names; a call that has ``status`` is a receipt."""

    id: Name = ""
    status: Name = ""
    error: Name = ""


class SmsReceipts(SmsSection):
    """How a provider says what became of a message of ours."""

    fields: SmsReceiptFields = SmsReceiptFields()
    states: Annotated[dict[str, State], BeforeValidator(_as_text)] = {}


class SmsAnswer(SmsSection):
    """What the provider wants to hear once a call is safe."""

    status: Annotated[int, Field(ge=200, le=299)] = 200
    media_type: Annotated[str, Field(pattern=r"^[a-z]+/[a-z0-9.+-]+$")] = "text/plain"
    body: Annotated[str, Field(max_length=1_000)] = ""


class SmsReply(SmsSection):
    """Where the answer to a call of ours says what came of it."""

    format: Literal["text", "json"] = "text"
    """In ``text``, ``id`` and ``code`` are regular expressions with one group; in ``json`` paths,
    in which * stands for every item of a list."""
    id: Name = ""
    """Where the provider's id of the message stands; without it the id is ours."""
    code: Name = ""
    """Where the provider's own code of success or error stands."""
    ok: tuple[str, ...] = ()
    """The codes that say it was taken."""

    @model_validator(mode="after")
    def _patterns(self) -> Self:
        if self.code and not self.ok:
            raise ValueError("ok: say which code means that a message was taken")
        for name in ("id", "code") if self.format == "text" else ():
            if (pattern := getattr(self, name)) and _groups(pattern) != 1:
                raise ValueError(f"{name}: a regular expression with one group in ( ) is needed")
        return self


def _groups(pattern: str) -> int:
    """Count the groups of a regular expression; one that cannot be read has none."""
    try:
        return re.compile(pattern).groups
    except re.error:
        return 0


class SmsErrors(SmsSection):
    """What an answer means that is no success: by words in it, else its code, else its status."""

    code: Annotated[dict[str, Meaning], BeforeValidator(_as_text)] = {}
    words: Annotated[dict[str, Meaning], BeforeValidator(_as_text)] = {}
    status: Annotated[dict[str, Meaning], BeforeValidator(_as_text)] = {}
    wait_seconds: Annotated[float, Field(gt=0, le=3600)] = 5.0
    """How long to wait where we are to slow down and no Retry-After says so."""


class SmsOutgoing(SmsSection):
    """How a message is sent: templates of a query, headers, and one kind of body."""

    method: Literal["GET", "POST"] = "POST"
    query: dict[str, Template] = {}
    headers: dict[str, Template] = {}
    form: dict[str, Template] = {}
    json_body: Annotated[dict[str, Any], AfterValidator(_checked_tree)] = {}
    xml_body: Template = ""
    callback: Template = ""
    """The query of the address for receipts; ``{callback}`` is the whole, our token included."""
    coding: dict[Literal["gsm", "ucs2"], str] = {}
    """What ``{coding}`` says for each alphabet."""
    reply: SmsReply = SmsReply()
    errors: SmsErrors = SmsErrors()
    timeout: Annotated[float, Field(gt=0, le=60)] = 10.0

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        bodies = [name for name in ("form", "json_body", "xml_body") if getattr(self, name)]
        if len(bodies) > 1:
            raise ValueError(f"one kind of body, not {' and '.join(bodies)}")
        if bodies and self.method == "GET":
            raise ValueError(f"a GET has no {bodies[0]}: use query, or POST")
        return self


class SmsHttpBlock(ChannelSettings):
    """``type = "sms_http"``: one number at a gateway that speaks HTTP."""

    type: Literal["sms_http"]
    preset: str = ""
    url: SafeUrl | None = None
    """Where messages are sent to; without it nothing is sent."""
    number: Annotated[str, Field(pattern=r"^\+?[0-9]{3,15}$")]
    """Where citizens write to."""
    sender: Annotated[str, Field(pattern=r"^(\+?[0-9]{3,15}|[A-Za-z0-9 ._-]{1,11})$")] = ""
    """Whom our messages are from; without it ``number``. A name is registered with the networks,
    and no phone can answer it."""
    answer_to: Annotated[str, Field(pattern=r"^[!-~]{0,100}$")] = ""
    """The number or link that texts name for answers; without it, below a name, ``number``."""
    credentials: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")], SecretStr] = {}
    """What templates fill in by name: the user, password or key at the provider."""
    plain_gsm: bool = True
    """Write in plain GSM 7-bit alone, as Indonesian networks want; False: in UCS-2 if need be."""
    access: SmsAccess
    incoming: SmsIncoming = SmsIncoming()
    receipts: SmsReceipts = SmsReceipts()
    answer: SmsAnswer = SmsAnswer()
    outgoing: SmsOutgoing = SmsOutgoing()
    sends_per_second: float = 10.0
    max_reply_characters: Annotated[int, Field(ge=40, le=10_000)] | None = 459

    @model_validator(mode="before")
    @classmethod
    def _on_preset(cls, values: Any) -> Any:
        if not isinstance(values, Mapping) or not (name := values.get("preset")):
            return values
        return presets.below(FOLDER, str(name), values)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        fields = self.incoming.fields
        if bool(fields.sender) != bool(fields.text or fields.hex):
            raise ValueError("incoming.fields needs sender and text, or neither to send only")
        if not (fields.sender or self.url):
            raise ValueError("name the fields of incoming messages, or a url to send to, or both")
        out = self.outgoing
        if shadowed := FILLED & self.credentials.keys():
            raise ValueError(f"credentials.{min(shadowed)}: that name is taken, choose another one")
        places = (out.query, out.headers, out.form, out.json_body, out.xml_body, out.callback)
        unknown = set(templates.names(places)) - FILLED - self.credentials.keys()
        if self.url and unknown:
            missing = ", ".join(f"credentials.{name}" for name in sorted(unknown))
            raise ValueError(f"outgoing fills in what is not set: set {missing}")
        if "callback" in set(templates.names(out.callback)):
            raise ValueError("outgoing.callback cannot fill in itself")
        return self
