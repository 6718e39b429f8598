"""Keys, forms and documents that the doors for other programs share."""

import json
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.contract import (
    RECEIVED_ON,
    Inbound,
    Invalid,
    PartnerKey,
    PartnerKeys,
    Receiver,
    WebhookRequest,
)
from adapters.open311 import georeport
from adapters.partner_api import form, identity
from adapters.partner_api.channel import PartnerBlock
from adapters.partner_api.form import MOST_FIELDS, MOST_FILES
from tests.adapters.examples import OTHER_KEY, PARTNER_KEY

KEYS = {
    "kota": PartnerKey.model_validate({"key": PARTNER_KEY, "scopes": ["read"]}),
    "kios": PartnerKey(key_sha256=sha256(OTHER_KEY.encode()).hexdigest()),
}
BOUNDARY = "----x"


def hook(
    body: bytes, kind: str = "", url: str = "https://lapor.example/x", **more: str
) -> WebhookRequest:
    return WebhookRequest(url, {"content-type": kind} | more, body)


def multipart(*parts: tuple[str, bytes]) -> WebhookRequest:
    """Write parts as (what stands in Content-Disposition, content)."""
    body = b"".join(
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode()
        + content
        + b"\r\n"
        for head, content in parts
    )
    return hook(body + f"--{BOUNDARY}--\r\n".encode(), f"multipart/form-data; boundary={BOUNDARY}")


def parsed_or_refused(channel: Receiver, sent: WebhookRequest) -> Inbound | Invalid:
    """Return the one message of a hook, or what is wrong with it."""
    try:
        (said,) = channel.parse(sent)
    except Invalid as error:
        return error
    assert isinstance(said, Inbound)
    return said


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (PARTNER_KEY, "kota"),
        (OTHER_KEY, "kios"),
        (PARTNER_KEY.upper(), None),
        (PARTNER_KEY + " ", None),
        ("", None),
        ("\ud800", None),
        (sha256(OTHER_KEY.encode()).hexdigest(), None),
    ],
)
def test_a_key_names_its_partner_and_nothing_else_does(given: str, name: str | None) -> None:
    caller = PartnerKeys(KEYS).partner(given)
    assert (caller.name if caller else None) == name


def test_a_key_opens_only_what_its_scopes_say() -> None:
    caller = PartnerKeys(KEYS).partner(OTHER_KEY)
    assert caller is not None
    assert [caller.may(scope) for scope in ("report", "read", "update")] == [True, False, False]


@pytest.mark.parametrize(
    "key",
    [
        {},
        {"key": "short"},
        {"key": PARTNER_KEY, "key_sha256": "0" * 64},
        {"key_sha256": "0" * 63},
        {"key_sha256": "G" * 64},
        {"key": PARTNER_KEY, "scopes": []},
        {"key": PARTNER_KEY, "scopes": ["admin"]},
        {"key": PARTNER_KEY, "per_minute": 0},
        {"key": PARTNER_KEY, "agency": "pln"},
        {"key": "kunci rahasia yang panjang\nsekali"},
        {"key": PARTNER_KEY, "typo": 1},
    ],
)
def test_a_key_that_is_none_is_refused_without_being_told(key: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as raised:
        PartnerBlock.model_validate({"type": "x", "keys": {"kota": key}})
    said = [error["msg"] for error in raised.value.errors()]
    assert PARTNER_KEY not in "".join(said)


@pytest.mark.parametrize("name", ["", "Kota", "-kota", "kota/a", "kota a", "k" * 41])
def test_a_partners_name_is_fit_for_an_address(name: str) -> None:
    with pytest.raises(ValidationError):
        PartnerBlock.model_validate({"type": "x", "keys": {name: {"key": PARTNER_KEY}}})


@pytest.mark.parametrize(
    ("sent", "fields"),
    [
        (hook(b"a=1&a=2&b=+x%20&c="), {"a": ("1", "2"), "b": ("x",)}),
        (
            hook("nama=Siti%20é".encode(), "application/x-www-form-urlencoded; charset=utf-8"),
            {"nama": ("Siti é",)},
        ),
        (multipart(('name="a"', b" 1 "), ('name="b"', b"")), {"a": ("1",)}),
        (
            hook(b'{"a": 1, "b": [true, null, "x"], "attribute": {"c": 2.5}}', "application/json"),
            {"a": ("1",), "b": ("true", "x"), "attribute[c]": ("2.5",)},
        ),
        (hook(b"", "APPLICATION/JSON".lower()), None),
        (hook(b"[1]", "application/json"), None),
        (hook(b'{"a": {"b": {"c": 1}}}', "application/json"), None),
        (hook(b"[" * 100_000, "application/json"), None),
        (hook(b"a=1", "text/csv"), None),
        (hook(b"--x", "multipart/form-data; boundary=y"), None),
        (hook(b"--x\r\n", "multipart/form-data"), None),
        (hook(multipart(('name="a"', b"1")).body[:-10], multipart().headers["content-type"]), None),
        (hook(b"&".join(b"a=1" for _ in range(MOST_FIELDS + 1))), None),
        (multipart(*[('name="a"', b"1")] * (MOST_FIELDS + 1)), None),
        (multipart(*[('name="a"; filename="b"', b"1")] * (MOST_FILES + 1)), None),
    ],
)
def test_forms_are_read_as_their_clients_send_them(sent: WebhookRequest, fields: Any) -> None:
    if fields is None:
        with pytest.raises(Invalid) as raised:
            form.read(sent)
        assert raised.value.faults
    else:
        assert form.read(sent).fields == fields


LATIN = "application/x-www-form-urlencoded; charset="
PART = b"Caf\xe9"


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (hook(b"a=caf%E9", LATIN + "iso-8859-1"), "café"),
        (hook(b"a=caf\xe9", LATIN + '"ISO-8859-1"'), "café"),
        (hook(b"a=%80%201", LATIN + "latin1"), "€ 1"),
        (hook(b"a=%93ya%94", LATIN + "Windows-1252"), "“ya”"),
        (hook(b"a=%A4", LATIN + "iso-8859-15"), "€"),
        (hook(b"a=%8A%BF", LATIN + "Shift_JIS"), "漢"),
        (hook(b"a=%C3%A9", LATIN + "UTF-8"), "é"),
        (hook("a=é".encode("utf-16"), LATIN + "utf-16"), "é"),
        (hook(b"a=%C3%A9"), "é"),
        (multipart(('name="a"\r\nContent-Type: text/plain; charset=iso-8859-1', PART)), "Café"),
        (multipart(('name="_charset_"', b"windows-1252"), ('name="a"', PART)), "Café"),
        (multipart(('name="a"', PART), ('name="_charset_"', b"iso-8859-1")), "Café"),
        (hook(b'\xef\xbb\xbf{"a": "\xc3\xa9"}', "application/json"), "é"),
        (hook('{"a": "é"}'.encode("utf-16"), "application/json"), "é"),
        (hook(b'{"a": "\xe9"}', "application/json; charset=iso-8859-1"), "é"),
        (hook(b"a=caf%E9"), None),
        (hook(b"a=caf\xe9"), None),
        (hook(b"a=%ED%A0%80"), None),
        (hook(b"caf%E9=1"), None),
        (hook(b"a=%FF", LATIN + "utf-8"), None),
        (hook(b"a=%8A", LATIN + "sjis"), None),
        (hook(b"a=1", LATIN + "klingon"), None),
        (hook(b"a=1", LATIN + "base64"), None),
        (hook(b"a=" + b"a" * 100_000 + b"-9", LATIN + "punycode"), None),
        (multipart(('name="a"', PART)), None),
        (multipart(('name="_charset_"', b"klingon"), ('name="a"', b"1")), None),
        (hook(b'{"a": "\xe9"}', "application/json"), None),
        (hook(b'{"a": "\xed\xa0\x80"}', "application/json"), None),
    ],
)
def test_letters_are_read_in_their_charset_or_refused(
    sent: WebhookRequest, text: str | None
) -> None:
    if text is None:
        with pytest.raises(Invalid, match=r"charset|text|content type"):
            form.read(sent)
    else:
        assert form.read(sent).first("a") == text


def test_a_query_that_is_no_utf8_is_told() -> None:
    with pytest.raises(Invalid):
        form.query("https://x/?service_request_id=caf%E9")


@pytest.mark.parametrize(
    "charset", ["utf-8", "iso-8859-1", "iso-8859-15", "windows-1250", "koi8-r", "big5", "utf-16-le"]
)
@settings(max_examples=15)
@given(text=st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=9))
def test_what_a_charset_can_write_comes_out_of_it(charset: str, text: str) -> None:
    written = text.encode("cp1252" if charset == "iso-8859-1" else charset, "ignore")
    kept = written.decode("cp1252" if charset == "iso-8859-1" else charset)
    if charset == "utf-16-le":
        body = urlencode({"a": kept}).encode(charset)
    else:
        body = b"a=" + "".join(f"%{byte:02x}" for byte in written).encode()
    assert form.read(hook(body, LATIN + charset)).first("a") == kept.strip()


def test_files_of_a_form_keep_name_type_and_bytes() -> None:
    photo = b"\xff\xd8\xff\x00\r\n--not-the-end" * 100_000
    read = form.read(multipart(('name="photo1"; filename="foto é.jpg"', photo), ('name="a"', b"1")))
    (file,) = read.files
    assert (file.name, file.content) == ("foto é.jpg", photo)
    assert file.media_type == "application/octet-stream"


@given(st.dictionaries(st.text(min_size=1, max_size=9), st.text(max_size=20), max_size=8))
def test_a_form_comes_out_as_it_went_in(fields: dict[str, str]) -> None:
    clean = {n: v.strip() for n, v in fields.items() if v.strip()}
    try:
        body = urlencode(fields).encode()
    except UnicodeEncodeError:
        return
    assert form.read(hook(body)).fields == {n: (v,) for n, v in clean.items()}


@given(st.binary(max_size=200), st.sampled_from(["", "multipart/form-data; boundary=x", "json"]))
def test_any_bytes_are_a_form_or_an_error_of_ours(body: bytes, kind: str) -> None:
    try:
        read = form.read(hook(body, kind))
        asked = form.query(f"https://x/?{body.decode('latin-1')}")
    except Invalid:
        return
    assert all(value for fields in (read.fields, asked.fields) for value in fields.values())


@pytest.mark.parametrize(
    ("header", "key"), [("k-1", "k-1"), ('"k-1"', "k-1"), ('"', '"'), ("", ""), ("  a ", "a")]
)
def test_an_idempotency_key_may_stand_in_quotes(header: str, key: str) -> None:
    assert identity.idempotency_key(WebhookRequest("", {"idempotency-key": header}, b"")) == key


@pytest.mark.parametrize("header", ["k" * 256, "kunci é", "a\x00b"])
def test_an_idempotency_key_that_is_none_is_told(header: str) -> None:
    with pytest.raises(Invalid):
        identity.idempotency_key(WebhookRequest("", {"idempotency-key": header}, b""))


def test_content_is_known_again_on_the_same_day_only() -> None:
    days = [WebhookRequest("", {RECEIVED_ON: day}, b"") for day in ("2026-03-02", "2026-03-03")]
    first, second = (identity.by_content(day, ["a", b"b"]) for day in days)
    assert first == identity.by_content(days[0], ["a", b"b"])
    assert len({first, second, identity.by_content(days[0], ["ab", b""])}) == 3


GOLDEN = [
    {"service_code": "a-1", "metadata": False, "group": 'B & "C" <d>', "lat": -7.25, "x": None}
]


def test_a_list_in_both_formats() -> None:
    xml = georeport.document("xml", "services", GOLDEN)
    assert xml.media_type == "text/xml; charset=utf-8"
    assert xml.body.decode() == (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        "<services><service><service_code>a-1</service_code><metadata>false</metadata>"
        '<group>B &amp; "C" &lt;d&gt;</group><lat>-7.25</lat><x /></service></services>'
    )
    told = georeport.document("json", "services", GOLDEN)
    assert told.media_type == "application/json; charset=utf-8"
    assert json.loads(told.body) == GOLDEN


@pytest.mark.parametrize("form_", ["xml", "json"])
def test_an_empty_list_is_an_empty_list(form_: georeport.Format) -> None:
    body = georeport.document(form_, "service_requests", []).body
    assert body.endswith({"xml": b"<service_requests />", "json": b"[]"}[form_])


TEXT = st.text(st.characters(codec=None, exclude_categories=())) | st.sampled_from(
    ["\x00", "\x0b]]>", "\ud800", "\uffff", "💡", "\r\n"]
)


@given(st.lists(st.dictionaries(st.sampled_from(["description", "lat"]), TEXT), max_size=3))
def test_whatever_was_written_both_formats_can_be_read(found: list[dict[str, str]]) -> None:
    ElementTree.fromstring(georeport.document("xml", "service_requests", found).body)
    told = json.loads(georeport.document("json", "service_requests", found).body.decode())
    assert [set(each) for each in told] == [set(each) for each in found]
