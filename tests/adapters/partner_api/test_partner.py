"""Keys, forms and documents that the doors for other programs share."""

import json
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from hypothesis import given
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
