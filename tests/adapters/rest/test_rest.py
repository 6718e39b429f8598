"""REST: strict JSON, an Idempotency-Key, and problems that say everything that is wrong."""

import base64
import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import (
    RECEIVED_ON,
    SENDER,
    AcceptedMessage,
    DuplicateId,
    Forged,
    Inbound,
    Invalid,
    Malformed,
    WebhookRequest,
)
from adapters.rest.channel import Rest
from normalizer.message import MAX_TEXT, Kind
from tests.adapters.examples import OTHER_KEY, PARTNER_KEY, PUBLIC_URL, build
from tests.adapters.partner_api.test_partner import parsed_or_refused

URL = f"{PUBLIC_URL}/api/v1/reports"
WHOLE = {
    "text": " Jalan rusak di depan pasar ",
    "title": "Jalan",
    "kind": "aspiration",
    "occurred_on": "2026-02-28",
    "address": "Jl. Pahlawan",
    "location": {"latitude": -7.25, "longitude": 112.75},
    "topic": "jalan-rusak",
    "agency": "Dinas PU",
    "anonymous": True,
    "confidential": True,
    "sender": {"id": "u-7", "name": "Siti", "phone": "+62811", "email": "siti@surel.example"},
    "attachments": [
        {"name": "a.jpg", "media_type": "image/jpeg", "content_base64": "/9j/"},
        {"name": "b", "url": "https://foto.example/b"},
    ],
    "reply_to": "4821-0937-5514",
}


def channel() -> Rest:
    built = build("rest")
    assert isinstance(built, Rest)
    return built


def hook(body: Any, url: str = URL, **headers: str) -> WebhookRequest:
    sent = {"authorization": f"Bearer {PARTNER_KEY}", RECEIVED_ON: "2026-03-02"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    return WebhookRequest(url, sent, body if isinstance(body, bytes) else json.dumps(body).encode())


def parsed(sent: WebhookRequest) -> Inbound:
    (said,) = channel().parse(sent)
    assert isinstance(said, Inbound)
    return said


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": f"Bearer {PARTNER_KEY}"}, 0),
        ({"authorization": f"bearer  {PARTNER_KEY}"}, 0),
        ({"x-api-key": OTHER_KEY}, 0),
        ({}, 401),
        ({"authorization": ""}, 401),
        ({"authorization": f"Basic {PARTNER_KEY}"}, 401),
        ({"authorization": "Bearer false"}, 403),
        ({"x-api-key": "ÿ"}, 403),
    ],
)
def test_a_key_is_needed_and_told_apart_from_a_wrong_one(
    headers: dict[str, str], status: int
) -> None:
    sent = WebhookRequest(URL, headers, b"")
    if not status:
        channel().verify(sent)
        return
    with pytest.raises(Forged) as raised:
        channel().verify(sent)
    answer = channel().refusal(sent, raised.value)
    assert (answer.status, answer.media_type) == (status, "application/problem+json")
    assert ("www-authenticate" in answer.headers) is (status == 401)


def test_a_report_keeps_all_that_was_said() -> None:
    said = parsed(hook(WHOLE))
    assert (said.text, said.subject) == ("Jalan rusak di depan pasar", "Jalan")
    assert (said.kind, said.occurred_on) == (Kind.ASPIRATION, date(2026, 2, 28))
    assert (said.address, said.topic, said.agency) == ("Jl. Pahlawan", "jalan-rusak", "Dinas PU")
    assert said.location == (-7.25, 112.75)
    assert (said.anonymous, said.confidential, said.explicit) == (True, True, True)
    assert (said.sender.address, said.sender.name) == ("kota/u-7", "Siti")
    assert said.token == "482109375514"
    assert [(f.name, f.media_type, f.content, f.url) for f in said.files] == [
        ("a.jpg", "image/jpeg", b"\xff\xd8\xff", None),
        ("b", "application/octet-stream", None, "https://foto.example/b"),
    ]


@pytest.mark.parametrize("text", ["🙏", ".", "\u200b\u2060?", "@lapor"])
def test_a_text_without_words_is_told_so_unless_something_comes_with_it(text: str) -> None:
    with pytest.raises(Invalid, match="no letter and no digit"):
        parsed(hook({"text": text}))
    assert parsed(hook(WHOLE | {"text": text})).text == text


def test_a_text_is_enough() -> None:
    said = parsed(hook({"text": "x"}))
    assert said.sender.address.startswith("kota/request:")
    assert (said.files, said.location, said.token, said.kind) == ((), None, None, None)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"text": ""}, "text"),
        ({"text": "  "}, "text"),
        ({"text": None}, "text"),
        ({"text": 7}, "text"),
        ({"text": "x" * (MAX_TEXT + 1)}, "text"),
        ({"kind": "praise"}, "kind"),
        ({"occurred_on": "yesterday"}, "occurred_on"),
        ({"location": {"latitude": 91, "longitude": 0}}, "location.latitude"),
        ({"location": {"latitude": 1}}, "location.longitude"),
        ({"topic": "../x"}, "topic"),
        ({"anonymous": "yes"}, "anonymous"),
        ({"sender": {"nik": "1"}}, "sender.nik"),
        ({"reply_to": "123"}, "reply_to"),
        ({"attachments": [{"name": "a"}]}, "attachments.0"),
        ({"attachments": [{"name": "a", "content_base64": "é"}]}, "attachments.0"),
        ({"attachments": [{"name": "a", "url": "file:///etc/passwd"}]}, "attachments.0.url"),
        ({"attachments": [{"name": "a", "url": "https://x/"}] * 21}, "attachments"),
        ({"priority": 1}, "priority"),
    ],
)
def test_what_is_wrong_is_told_by_its_name_and_not_repeated(
    change: dict[str, Any], told: str
) -> None:
    sent = hook(WHOLE | change)
    with pytest.raises(Invalid) as raised:
        channel().parse(sent)
    assert any(fault.startswith(f"{told}:") for fault in raised.value.faults)
    answer = channel().refusal(sent, raised.value)
    problem = json.loads(answer.body)
    assert answer.status == problem["status"] == 400
    assert problem["errors"] == list(raised.value.faults)
    assert "x" * 50 not in answer.body.decode()


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(Invalid) as raised:
        channel().parse(hook({"kind": "x", "anonymous": 1, "topic": "!"}))
    assert len(raised.value.faults) == 4


@pytest.mark.parametrize("text", ["\u200b" * 40, "\u2060\ufeff", "\u202a \u202c", "\x00\x1f"])
def test_a_text_of_which_nothing_is_seen_is_none(text: str) -> None:
    with pytest.raises(Invalid, match="text"):
        channel().parse(hook({"text": text}))


def _nulls(body: Any) -> Any:
    """Write null for everything that may be left out, everywhere."""
    return {
        **dict.fromkeys([*WHOLE, "public"]),
        **body,
        "sender": {"id": "u-7", "name": None, "phone": None, "email": None},
        "attachments": [None, {"name": "a", "content_base64": "/9j/", "url": None}],
    }


def test_null_is_as_nothing() -> None:
    said = parsed(hook(_nulls({"text": "x"})))
    assert (said.text, said.subject, said.kind, said.location) == ("x", None, None, None)
    assert (said.anonymous, said.token, said.topic) == (False, None, "")
    assert (said.sender.address, said.sender.name) == ("kota/u-7", None)
    assert [file.content for file in said.files] == [b"\xff\xd8\xff"]
    assert parsed(hook({"text": "null", "title": None})).text == "null"
    alone = parsed(hook({"text": "x", "sender": None, "attachments": None}))
    assert alone.files == ()


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
def test_json_is_read_with_a_byte_order_mark_and_without(encoding: str) -> None:
    body = json.dumps({"text": "Jalan é 😀"}, ensure_ascii=False).encode(encoding)
    assert parsed(hook(body)).text == "Jalan é 😀"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("image/JPEG", "image/jpeg"),
        ("IMAGE/Png", "image/png"),
        ("text/plain; charset=utf-8", "text/plain"),
        ('text/plain ;format="flowed"', "text/plain"),
        ("application/vnd.ms-excel.sheet.macroEnabled.12", None),
        ("image/svg+xml", "image/svg+xml"),
        ("", "application/octet-stream"),
        (None, "application/octet-stream"),
    ],
)
def test_a_media_type_is_read_in_any_case_and_without_its_parameters(
    given: str | None, kept: str | None
) -> None:
    sent = {"name": "a", "content_base64": "YQ==", "media_type": given}
    said = parsed(hook({"text": "x", "attachments": [sent]}))
    assert said.files[0].media_type == (kept or str(given).lower())


@pytest.mark.parametrize("given", ["jpeg", "image/", "/x", "image/a b", "a/b/c", "é/x"])
def test_what_is_no_media_type_is_told(given: str) -> None:
    sent = {"name": "a", "content_base64": "YQ==", "media_type": given}
    with pytest.raises(Invalid, match="media_type"):
        channel().parse(hook({"text": "x", "attachments": [sent]}))


CONTENT = bytes(range(256))
PLAIN = base64.b64encode(CONTENT).decode()


def _lines(text: str, end: str) -> str:
    return end.join(text[at : at + 76] for at in range(0, len(text), 76)) + end


@pytest.mark.parametrize(
    "written",
    [
        _lines(PLAIN, "\n"),
        _lines(PLAIN, "\r\n"),
        _lines(PLAIN, "\n    "),
        f" {PLAIN}\n",
        base64.encodebytes(CONTENT).decode(),
        base64.urlsafe_b64encode(CONTENT).decode(),
        base64.urlsafe_b64encode(CONTENT).decode().rstrip("="),
        PLAIN.rstrip("="),
        f"data:image/png;base64,{PLAIN}",
        f"DATA:text/plain;charset=utf-8;BASE64,{_lines(PLAIN, chr(10))}",
    ],
)
def test_base64_is_read_as_programs_write_it(written: str) -> None:
    sent = {"name": "a", "content_base64": written}
    assert parsed(hook({"text": "x", "attachments": [sent]})).files[0].content == CONTENT


@pytest.mark.parametrize(
    "written",
    [PLAIN.replace("+", " "), "+_==", "YQ=", "Y", "Y!==", "data:,YQ==", "data:x;base64,!"],
)
def test_base64_that_may_have_lost_something_is_refused(written: str) -> None:
    sent = {"name": "a", "content_base64": written}
    with pytest.raises(Invalid, match="base64"):
        channel().parse(hook({"text": "x", "attachments": [sent]}))


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"[" * 100_000, b'"\\ud800"', b"\xff"])
def test_what_is_no_json_object_is_told(body: bytes) -> None:
    with pytest.raises(Invalid):
        channel().parse(hook(body))


def test_the_key_is_the_id_or_else_content_and_day() -> None:
    assert parsed(hook(WHOLE, idempotency_key='"k-1"')).external_id == "key:k-1"
    one = parsed(hook(WHOLE)).external_id
    assert one == parsed(hook(WHOLE)).external_id
    assert one != parsed(hook(WHOLE | {"text": "lain"})).external_id
    assert one != parsed(hook(WHOLE, **{RECEIVED_ON: "2026-03-03"})).external_id


def test_what_is_added_names_its_report_by_the_address_it_is_sent_to() -> None:
    url = f"{URL}/4821-0937-5514/messages"
    said = parsed(hook({"text": "Masih rusak"}, url, **{SENDER: "u-7"}))
    assert (said.token, said.sender.address) == ("482109375514", "kota/u-7")
    with pytest.raises(Invalid):
        channel().parse(hook({"text": "x", "topic": "sampah"}, url))


def test_a_senders_header_counts_only_where_something_is_added() -> None:
    said = parsed(hook({"text": "x", "sender": {"id": "u-7"}}, **{SENDER: "u-8"}))
    assert said.sender.address == "kota/u-7"


def test_number_and_secret_are_told_with_the_address_of_the_report() -> None:
    sent = hook(WHOLE)
    answer = channel().reply(sent, [AcceptedMessage(parsed(sent), "482109375516", "abcd2345")])
    assert answer.status == 201
    assert answer.headers == {"location": f"{URL}/482109375516"}
    assert json.loads(answer.body) == {
        "tracking": "482109375516",
        "secret": "abcd2345",
        "status_url": f"{URL}/482109375516",
        "tracking_url": f"{URL}/482109375516?secret=abcd2345",
    }
    assert channel().reply(sent, []).status == 500


@pytest.mark.parametrize(
    ("error", "status"), [(DuplicateId(["used"]), 409), (Invalid(["x"]), 400), (Malformed(), 400)]
)
def test_each_error_has_its_status(error: Malformed, status: int) -> None:
    assert channel().refusal(hook(b""), error).status == status


@given(st.binary(max_size=300))
def test_the_bytes_of_a_file_arrive_as_they_were_sent(content: bytes) -> None:
    written = base64.b64encode(content).decode()
    said = parsed(hook({"text": "x", "attachments": [{"name": "a", "content_base64": written}]}))
    assert said.files[0].content == content


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*WHOLE, "x"]), VALUES | st.sampled_from([*WHOLE.values()])))
def test_any_object_is_a_report_or_a_list_of_faults(body: dict[str, Any]) -> None:
    sent = hook(body)
    said = parsed_or_refused(channel(), sent)
    if isinstance(said, Invalid):
        assert json.loads(channel().refusal(sent, said).body)["errors"]
        return
    assert said.text.strip()
