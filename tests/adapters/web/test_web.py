"""The web form: what a page may send, what is told when it is wrong, and whom it is from."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.contract import (
    AcceptedMessage,
    Forged,
    Inbound,
    Malformed,
    Outgoing,
    Throttled,
    WebhookRequest,
)
from adapters.load import BadBlock
from adapters.web.channel import FIELDS, MORE_FIELDS, MOST_FILE_BYTES, Web, Wrong, key_of, mend
from adapters.web.words import mending
from normalizer.message import Kind
from tests.adapters.examples import PUBLIC_URL, build
from tests.adapters.web.forms import JPEG, PNG, Attached, filled, multipart, posted

MP4 = b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 20


@pytest.fixture
def web() -> Web:
    return made()


def made(**changes: Any) -> Web:
    channel = build("web", **changes)
    assert isinstance(channel, Web)
    return channel


def read(web: Web, hook: WebhookRequest) -> Inbound:
    web.verify(hook)
    (said,) = web.parse(hook)
    assert isinstance(said, Inbound)
    return said


def wrong(web: Web, hook: WebhookRequest) -> Mapping[str, str]:
    with pytest.raises(Wrong) as raised:
        web.parse(hook)
    return raised.value.fields


@pytest.mark.parametrize("encoded", [False, True], ids=["multipart", "urlencoded"])
def test_a_whole_form_becomes_a_message(web: Web, encoded: bool) -> None:
    values = filled(
        anonim="yes",
        rahasia="yes",
        agency="Dinas Perhubungan",
        latitude="-7.3166",
        longitude="112.7500",
        accuracy="12",
        location_consent="yes",
        name="Siti",
        contact="siti@desa.example",
        body="Baris satu cukup panjang.\r\nBaris dua.",
    )
    hook = posted(values, encoded=encoded)
    said = read(web, hook)
    assert (said.subject, said.text) == (
        "Lampu jalan mati",
        "Baris satu cukup panjang.\nBaris dua.",
    )
    assert said.address == "Kecamatan Wonocolo, Kota Surabaya"
    assert said.location == (-7.3166, 112.75)
    assert said.occurred_on == date(2026, 2, 21)
    assert (said.kind, said.topic, said.agency) == (
        Kind.COMPLAINT,
        "perhubungan",
        "Dinas Perhubungan",
    )
    assert (said.anonymous, said.confidential) == (True, True)
    assert (said.sender.name, said.sender.contact) == ("Siti", "siti@desa.example")
    assert (said.account, said.raw) == (PUBLIC_URL, hook.body)
    assert said.automatic is None


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"origin": "https://evil.example"}, "Origin"),
        ({"origin": f"{PUBLIC_URL}.evil.example"}, "Origin"),
        ({"origin": PUBLIC_URL.replace("https", "http")}, "Origin"),
        ({"origin": "null"}, "Origin"),
        ({"origin": ""}, "Origin"),
        ({"sec-fetch-site": "cross-site"}, "Sec-Fetch-Site"),
        ({"sec-fetch-site": "same-site"}, "Sec-Fetch-Site"),
        ({"sec-fetch-site": "none"}, "Sec-Fetch-Site"),
    ],
)
def test_what_no_page_of_ours_sent_is_forged(web: Web, headers: dict[str, str], why: str) -> None:
    hook = posted(filled())
    with pytest.raises(Forged, match=why) as raised:
        web.verify(replace(hook, headers={**hook.headers, **headers}))
    answer = web.refusal(hook, raised.value)
    assert answer.status == 403
    assert "halaman kami" in json.loads(answer.body)["title"]


def test_an_older_browser_sends_only_an_origin(web: Web) -> None:
    hook = posted(filled())
    web.verify(replace(hook, headers={"origin": PUBLIC_URL.upper()}))
    with pytest.raises(Forged):
        web.verify(replace(hook, headers={}))


def rows(names: str, table: Sequence[tuple[Any, ...]]) -> pytest.MarkDecorator:
    """Run a test on every row of a table whose first column says what it is."""
    return pytest.mark.parametrize(
        tuple(names.split(", ")), [row[1:] for row in table], ids=[row[0] for row in table]
    )


FAULTS: list[tuple[str, dict[str, str | None], set[str]]] = [
    ("title too short", {"title": "ab"}, {"title"}),
    ("title of blanks", {"title": "          "}, {"title"}),
    ("title too long", {"title": "x" * 151}, {"title"}),
    ("no title", {"title": None}, {"title"}),
    ("body too short", {"body": "rusak"}, {"body"}),
    ("body of nothing seen", {"body": "\u200b" * 40}, {"body"}),
    ("body of spaces", {"body": f"a{' ' * 30}b"}, {"body"}),
    ("body of signs", {"body": "🙏" * 20 + "!" * 20}, {"body"}),
    ("body too long", {"body": "x" * 10_001}, {"body"}),
    ("a command", {"body": "STATUS 4821-0937-5514 tolong"}, {"body"}),
    ("no day", {"date": "kemarin"}, {"date"}),
    ("a day that never was", {"date": "2026-02-30"}, {"date"}),
    ("a day next year", {"date": "2027-11-30"}, {"date"}),
    ("the day after tomorrow", {"date": "2026-03-04"}, {"date"}),
    ("no place", {"address": ""}, {"address"}),
    ("a body of marks", {"body": "\u200b" * 40}, {"body"}),
    ("a body of other marks", {"body": "\u2800\u3164\u200e " * 10}, {"body"}),
    ("a body of blanks", {"body": "a" + " " * 30 + "b"}, {"body"}),
    ("a title of marks", {"title": "\u2060\u200d" * 9}, {"title"}),
    (
        "a phone that knows no place",
        {"latitude": "0", "longitude": "0.0", "location_consent": "yes"},
        {"location"},
    ),
    (
        "abroad",
        {"latitude": "51.5", "longitude": "-0.12", "location_consent": "yes"},
        {"location"},
    ),
    ("place too long", {"address": "x" * 501}, {"address"}),
    ("position without consent", {"address": "", "latitude": "1", "longitude": "2"}, {"address"}),
    (
        "no such place on earth",
        {"latitude": "91", "longitude": "2", "location_consent": "yes"},
        {"location"},
    ),
    (
        "not a number",
        {"latitude": "nan", "longitude": "2", "location_consent": "yes"},
        {"location"},
    ),
    (
        "not a consent",
        {"latitude": "1", "longitude": "2", "location_consent": "maybe"},
        {"location_consent"},
    ),
    ("agency too long", {"agency": "x" * 201}, {"agency"}),
    ("topic is no id", {"topic": "<b>"}, {"topic"}),
    ("kind unknown", {"kind": "prank"}, {"kind"}),
    ("kind by supervision", {"kind": "supervised_complaint"}, {"kind"}),
    ("no kind", {"kind": None}, {"kind"}),
    ("box neither on nor off", {"anonim": "1", "rahasia": "on"}, {"anonim", "rahasia"}),
    ("contact is neither", {"contact": "di rumah"}, {"contact"}),
    ("name too long", {"name": "x" * 101}, {"name"}),
    ("no key", {"key": None}, {"form"}),
    ("key is no UUID", {"key": "1"}, {"form"}),
    ("unknown field", {"admin": "yes"}, {"form"}),
    (
        "all at once",
        {"title": "", "body": "", "date": "x", "contact": "x", "address": ""},
        {"title", "body", "date", "contact", "address"},
    ),
]


@rows("changes, fields", FAULTS)
def test_faults_are_told_by_field_in_both_languages(
    web: Web, changes: dict[str, str | None], fields: set[str]
) -> None:
    values = filled(**changes)
    told = {language: wrong(web, posted(values, language=language)) for language in ("id", "en")}
    assert set(told["id"]) == set(told["en"]) == fields
    for field in fields:
        assert told["id"][field] != told["en"][field]
        assert "{" not in told["id"][field] + told["en"][field]
    with pytest.raises(Wrong) as raised:
        web.parse(posted(values))
    answer = web.refusal(posted(values), raised.value)
    assert answer.status == 400
    assert json.loads(answer.body)["faults"] == told["id"]


@pytest.mark.parametrize(
    "contact",
    [
        *("0812-3456-7890", "+62 812 3456 7890", "siti@desa.example", "", None),
        *("(0541) 123456", "+62 (812) 3456-7890", "0812–3456–7890", "0812—3456—7890"),
        *("0812−3456−7890", "0812.3456.7890", "0812/34567890", "0812_3456_7890"),
        *("0812 34 56 78 90", "62812 3456 7890", "(+62)812-3456-7890", "+62-(0)812-3456-7890"),
        *("0812 3456 7890 (WA)", "WA: 0812-3456-7890", "hp.081234567890", "tel:+6281234567890"),
        *("0812-3456-7890 / 0856 1234 5678", "0812 3456 7890 atau siti@desa.example"),
        *("siti@desa.example (surel)", "<siti@desa.example>", "０８１２３４５６７８９０"),
        *("021-5551234 ext 12", "+60 12-345 6789", "1500123"),
    ],
)
def test_a_contact_that_can_be_reached_is_kept_as_it_was_written(
    web: Web, contact: str | None
) -> None:
    said = read(web, posted(filled(contact=contact)))
    assert said.sender.contact == (contact or None)


@pytest.mark.parametrize(
    "contact",
    [
        "0812\u00a03456\u00a07890",
        "\u202a0812 3456 7890\u202c",
        "\u20660812 3456\u200b 7890\u2069",
        "\u200e0812 3456 7890\ufeff",
        "0812\u20093456\u202f7890",
    ],
)
def test_a_number_copied_from_a_telephone_loses_only_what_nobody_sees(
    web: Web, contact: str
) -> None:
    assert read(web, posted(filled(contact=contact))).sender.contact == "0812 3456 7890"


@pytest.mark.parametrize(
    "contact", ["di rumah", "12345", "rumah nomor 12", "siti@", "@desa", "08" * 110, "<>", "-"]
)
def test_what_reaches_nobody_is_told(web: Web, contact: str) -> None:
    assert set(wrong(web, posted(filled(contact=contact)))) == {"contact"}


@pytest.mark.parametrize("day", ["2026-03-02", "2026-03-03"])
def test_today_is_no_day_to_come_where_it_is_tomorrow_already(web: Web, day: str) -> None:
    assert read(web, posted(filled(date=day))).occurred_on == date.fromisoformat(day)


@pytest.mark.parametrize(
    ("kind", "address"),
    [("aspiration", ""), ("information_request", ""), ("complaint", "Kota Medan")],
)
def test_only_a_complaint_must_say_where(web: Web, kind: str, address: str) -> None:
    assert read(web, posted(filled(kind=kind, address=address))).kind == Kind(kind)


def test_the_position_of_the_phone_is_place_enough(web: Web) -> None:
    point = {"latitude": "-6.2", "longitude": "106.8", "location_consent": "yes"}
    assert read(web, posted(filled(address="", **point))).location == (-6.2, 106.8)


ATTACHED: list[tuple[str, Attached, set[str]]] = [
    ("photo and film", [("a.jpg", JPEG), ("b.mp4", MP4)], set()),
    ("five", [(f"{n}.png", PNG) for n in range(5)], set()),
    ("six", [(f"{n}.png", PNG) for n in range(6)], {"attachments"}),
    ("as large as may be", [("a.jpg", JPEG.ljust(MOST_FILE_BYTES, b"\0"))], set()),
    ("one byte more", [("a.jpg", JPEG.ljust(MOST_FILE_BYTES + 1, b"\0"))], {"attachments"}),
    ("a program", [("a.jpg", b"MZ\x90\x00")], {"attachments"}),
    ("a page", [("a.pdf", b"<!doctype html><script>")], {"attachments"}),
]


@rows("files, fields", ATTACHED)
def test_attachments(web: Web, files: Attached, fields: set[str]) -> None:
    hook = posted(filled(), files)
    if fields:
        assert set(wrong(web, hook)) == fields
        return
    said = read(web, hook)
    assert [(file.name, file.content) for file in said.files] == list(files)
    assert all(file.media_type.startswith(("image/", "video/")) for file in said.files)


def test_a_file_in_a_field_that_takes_none_is_refused(web: Web) -> None:
    hook = posted(filled())
    body = multipart(filled(), [("a.jpg", JPEG)], field="title")
    assert set(wrong(web, replace(hook, body=body))) == {"form"}


def test_a_field_sent_twice_is_refused(web: Web) -> None:
    hook = posted(filled(), encoded=True)
    assert "title" in wrong(web, replace(hook, body=hook.body + b"&title=Judul+lain"))


LETTERS = [chr(0x100 + n) for n in range(70)]
BROKEN: list[tuple[str, str, bytes]] = [
    ("no type", "", b"title=x"),
    ("JSON", "application/json", b"{}"),
    ("no boundary", "multipart/form-data", multipart(filled())),
    ("another boundary", "multipart/form-data; boundary=yy", multipart(filled())),
    ("cut off", "multipart/form-data; boundary=xx", multipart(filled())[:-40]),
    ("no name", "multipart/form-data; boundary=xx", b"--xx\r\n\r\nx\r\n--xx--\r\n"),
    ("endless parts", "multipart/form-data; boundary=xx", multipart(dict.fromkeys(LETTERS, ""))),
    ("endless fields", "application/x-www-form-urlencoded", b"&".join([b"a=b"] * 70)),
    ("a giant field", "multipart/form-data; boundary=xx", multipart({"title": "x" * 100_001})),
]


@rows("kind, body", BROKEN)
def test_what_is_no_form_is_refused_in_words(web: Web, kind: str, body: bytes) -> None:
    hook = WebhookRequest(f"{PUBLIC_URL}/in/door", {"content-type": kind}, body)
    assert wrong(web, hook) == {"form": mending("id")["unreadable"]}


def test_a_repeat_is_the_same_message_and_other_content_another(web: Web) -> None:
    values = filled()
    first, again = read(web, posted(values)), read(web, posted(values, encoded=True))
    other = read(web, posted(values | {"body": "Ini laporan lain dengan kunci yang sama."}))
    with_photo = read(web, posted(values, [("a.jpg", JPEG)]))
    assert first.external_id == again.external_id
    assert len({each.external_id for each in (first, other, with_photo)}) == 3
    assert first.sender == other.sender


def test_strangers_are_never_one_person_whatever_contact_they_type(web: Web) -> None:
    mine, theirs = (read(web, posted(filled(contact="siti@desa.example"))) for _ in range(2))
    assert mine.sender.address != theirs.sender.address


def test_the_key_is_in_nothing_that_others_get(web: Web) -> None:
    values = filled()
    said = read(web, posted(values))
    assert key_of(said.sender.address) == values["key"]
    assert values["key"] not in said.external_id + said.account + said.text


def test_an_addition_comes_from_whoever_has_the_key(web: Web) -> None:
    key, number = str(uuid4()), "482109375514"
    values = {"key": str(uuid4()), "follows": key, "number": number, "body": "ya", "website": ""}
    said = read(web, posted(values, encoded=True))
    assert (said.text, said.token) == ("ya", number)
    assert said.sender == read(web, posted(filled(key=key))).sender
    assert set(values) == MORE_FIELDS


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"body": ""}, "body"),
        ({"body": "x" * 10_001}, "body"),
        ({"body": "bantuan"}, "body"),
        ({"follows": "1"}, "form"),
        ({"number": "12"}, "number"),
        ({"title": "Judul"}, "form"),
    ],
)
def test_faults_of_an_addition(web: Web, changes: dict[str, str], field: str) -> None:
    values = {"key": str(uuid4()), "follows": str(uuid4()), "number": "482109375514", "body": "ya"}
    assert field in wrong(web, posted(values | changes, encoded=True))


def test_what_fills_in_the_hidden_field_is_set_aside(web: Web) -> None:
    said = read(web, posted(filled(website="https://cheap.example")))
    assert said.automatic
    answer = web.reply(posted(filled()), [])
    assert answer.status == 202
    assert "diperiksa petugas" in json.loads(answer.body)["held"]


def test_the_answer_names_number_and_secret_and_keeps_the_secret_out_of_logs(web: Web) -> None:
    hook = posted(filled())
    answer = web.reply(hook, [AcceptedMessage(read(web, hook), "482109375514", "2fdxaj56")])
    assert answer.status == 201
    said = json.loads(answer.body)
    assert said["tracking"] == "482109375514"
    assert said["written"] == "4821-0937-5514"
    assert said["secret"] == "2fdxaj56"
    assert said["url"] == f"{PUBLIC_URL}/lacak/482109375514#2fdxaj56"


def test_one_too_many_is_told_when_to_come_again(web: Web) -> None:
    answer = web.refusal(posted(filled(), language="en"), Throttled(retry_after=61.5))
    assert (answer.status, answer.headers["retry-after"]) == (429, "62")
    assert "2 minutes" in json.loads(answer.body)["title"]


def test_anything_else_unreadable_is_refused_too(web: Web) -> None:
    answer = web.refusal(posted(filled()), Malformed())
    assert (answer.status, "form" in json.loads(answer.body)["faults"]) == (400, True)


async def test_an_answer_stays_on_the_tracking_page(web: Web) -> None:
    assert await web.send("web:1", Outgoing("letter-1", "halo")) == "letter-1"


def test_every_word_is_said_in_both_languages() -> None:
    assert mending("id").keys() == mending("en").keys()
    assert mend("id").keys() == mend("en").keys()
    assert set(filled(anonim="yes", rahasia="yes", publik="yes")) == FIELDS


@pytest.mark.parametrize("changes", [{"max_bytes": 1}, {"posts_per_hour": 0}, {"max_bytes": 10**9}])
def test_settings_out_of_reason_are_faults(changes: dict[str, int]) -> None:
    with pytest.raises(BadBlock):
        made(**changes)


NAMES = st.sampled_from([*sorted(FIELDS | MORE_FIELDS), "x"])
SAID = st.text(max_size=30) | st.sampled_from(["yes", "complaint", "2026-01-01", str(uuid4())])
PARTS = st.dictionaries(NAMES, SAID, max_size=12)
BYTES = st.binary(max_size=60) | st.sampled_from([JPEG, PNG, b"%PDF-1.7"])
UPLOADED = st.lists(st.tuples(st.text('ab."\\/\u202e', max_size=8), BYTES), max_size=7)


@given(parts=PARTS, files=UPLOADED, whole=st.booleans(), cut=st.integers(0, 40))
@settings(max_examples=300, deadline=None)
def test_whatever_a_page_sends_is_a_message_or_told_in_words(
    parts: dict[str, str], files: Attached, whole: bool, cut: int
) -> None:
    web = made()
    values = filled(**parts) if whole else parts
    hook = posted(values, files)
    hook = replace(hook, body=hook.body[: len(hook.body) - cut])
    web.verify(hook)
    said = _said(web, hook)
    if isinstance(said, Wrong):
        assert said.fields
        assert all(said.fields.values())
        assert web.refusal(hook, said).status == 400
        return
    assert said.external_id
    assert said.sender.address.startswith("web:")
    assert len(said.files) <= 5


def _said(web: Web, hook: WebhookRequest) -> Inbound | Wrong:
    try:
        return read(web, hook)
    except Wrong as error:
        return error
