"""Open311: what clients of GeoReport really send, read as reports; all faults at once."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.contract import (
    RECEIVED_ON,
    SENDER,
    AcceptedMessage,
    Forged,
    Inbound,
    Invalid,
    WebhookRequest,
)
from adapters.open311 import georeport, query
from adapters.open311.channel import Open311
from adapters.open311.endpoint import PROGRESS, REPLIES
from adapters.open311.fields import MAX_DESCRIPTION, MOST_MEDIA
from adapters.open311.query import CLOSED
from adapters.partner_api import form
from config.words import words
from normalizer.report import Status
from tests.adapters.examples import OTHER_KEY, PARTNER_KEY, PUBLIC_URL, build
from tests.adapters.partner_api.test_partner import multipart, parsed_or_refused

REQUESTS = f"{PUBLIC_URL}/open311/v2/requests"
UPDATES = f"{PUBLIC_URL}/open311/v2/servicerequestupdates.xml"
PLACE = {"lat": "-0.5021", "long": "117.1536"}
REQUEST = {"api_key": PARTNER_KEY, "service_code": "jalan-rusak", **PLACE, "description": "Lubang"}

NOW = datetime(2026, 12, 1, tzinfo=UTC)
OPEN = set(Status) - CLOSED


def channel() -> Open311:
    built = build("open311")
    assert isinstance(built, Open311)
    return built


def hook(fields: Any, url: str = f"{REQUESTS}.xml", **headers: str) -> WebhookRequest:
    sent = {RECEIVED_ON: "2026-03-02"} | {n.replace("_", "-"): v for n, v in headers.items()}
    return WebhookRequest(url, sent, urlencode(fields, doseq=True).encode())


def parsed(sent: WebhookRequest) -> Inbound:
    (said,) = channel().parse(sent)
    assert isinstance(said, Inbound)
    return said


def read(**fields: Any) -> Inbound:
    return parsed(hook(REQUEST | fields))


def faults(sent: WebhookRequest) -> tuple[str, ...]:
    with pytest.raises(Invalid) as raised:
        channel().parse(sent)
    return raised.value.faults


@pytest.mark.parametrize(
    "sent",
    [
        hook({"api_key": PARTNER_KEY}),
        hook({"api_key": OTHER_KEY}),
        hook({}, f"{REQUESTS}.json?api_key={PARTNER_KEY}"),
        multipart(('name="api_key"', PARTNER_KEY.encode())),
        WebhookRequest("", {"content-type": "application/json"}, json.dumps(REQUEST).encode()),
    ],
)
def test_a_key_is_found_wherever_clients_put_it(sent: WebhookRequest) -> None:
    channel().verify(sent)


@pytest.mark.parametrize(
    "sent",
    [
        hook({}),
        hook({"api_key": ""}),
        hook({"api_key": PARTNER_KEY[:-1]}),
        hook({"api_key": [PARTNER_KEY[:-1], PARTNER_KEY]}),
        WebhookRequest("", {"authorization": f"Bearer {PARTNER_KEY}"}, b""),
        WebhookRequest("", {"content-type": "application/json"}, b"["),
    ],
)
def test_without_its_key_nobody_is_believed(sent: WebhookRequest) -> None:
    with pytest.raises(Forged):
        channel().verify(sent)


def test_a_request_becomes_a_report_with_all_it_says() -> None:
    said = read(
        description="Lubang besar\r\ndi depan pasar <b>Segiri</b>",
        address_string="Jl. Pahlawan",
        email="siti@surel.example",
        phone="+62811",
        first_name="Siti",
        last_name="Aminah",
        media_url=["https://foto.example/a/1.jpg", "https://foto.example/2"],
        **{"attribute[KEDALAMAN]": "30 cm", "attribute[jenis][]": ["aspal", "beton"]},
    )
    assert said.account == "kota"
    assert said.sender.address == "kota/siti@surel.example"
    assert said.sender.name == "Siti Aminah"
    assert said.text == (
        "Lubang besar\r\ndi depan pasar <b>Segiri</b>\nKEDALAMAN: 30 cm\njenis: aspal, beton"
    )
    assert said.location == (-0.5021, 117.1536)
    assert (said.topic, said.address) == ("jalan-rusak", "Jl. Pahlawan")
    assert [(f.name, f.url, f.content) for f in said.files] == [
        ("1.jpg", "https://foto.example/a/1.jpg", None),
        ("2", "https://foto.example/2", None),
    ]
    assert said.explicit
    assert said.raw


def test_uploaded_photos_come_along_under_every_name_clients_use() -> None:
    fields = [(f'name="{name}"', value.encode()) for name, value in REQUEST.items()]
    names = ("photo1", "photo2", "file_1", "media")
    photos = [(f'name="{name}"; filename="{name}.jpg"', name.encode()) for name in names]
    said = parsed(multipart(*fields, *photos))
    assert [(f.name, f.content) for f in said.files] == [(f"{n}.jpg", n.encode()) for n in names]


@pytest.mark.parametrize(
    ("fields", "contact"),
    [
        ({"email": "a@b.example", "phone": "1", "account_id": "7"}, "kota/a@b.example"),
        ({"phone": "+62811", "device_id": "d"}, "kota/+62811"),
        ({"account_id": "7", "device_id": "d"}, "kota/account:7"),
        ({"device_id": "d"}, "kota/device:d"),
    ],
)
def test_the_reporter_is_known_by_the_best_that_is_given(
    fields: dict[str, str], contact: str
) -> None:
    assert read(**fields).sender.address == contact


def test_a_request_without_a_contact_is_from_nobody_else() -> None:
    one, other = read(), read(description="Lubang lain")
    assert one.sender.address.startswith("kota/request:")
    assert one.sender != other.sender


def test_two_partners_cannot_speak_for_each_others_people() -> None:
    both = [read(api_key=key, email="a@b.example") for key in (PARTNER_KEY, OTHER_KEY)]
    assert [said.sender.address for said in both] == ["kota/a@b.example", "kios/a@b.example"]
    assert both[0].account != both[1].account


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({}, {}, True),
        ({"description": "Lubang"}, {"description": "Lubang lain"}, False),
        ({}, {"lat": "-0.5022"}, False),
        ({"email": "a@b.example"}, {"email": "c@d.example"}, False),
        ({}, {"service_code": "sampah"}, False),
        ({}, {"api_key": OTHER_KEY}, True),  # but the account differs
        ({"attribute[fixmystreet_id]": "7"}, {"attribute[fixmystreet_id]": "7", "lat": "1"}, True),
        ({"attribute[fixmystreet_id]": "7"}, {"attribute[fixmystreet_id]": "8"}, False),
    ],
)
def test_a_repeat_has_the_same_id_and_another_request_another(
    one: dict[str, str], other: dict[str, str], same: bool
) -> None:
    assert (read(**one).external_id == read(**other).external_id) is same


def test_an_idempotency_key_is_the_id_whatever_is_said() -> None:
    keyed = [parsed(hook(REQUEST | more, idempotency_key="k1")) for more in ({}, {"lat": "1"})]
    assert {said.external_id for said in keyed} == {"key:k1"}


def test_the_same_words_next_year_are_a_new_request() -> None:
    later = WebhookRequest(f"{REQUESTS}.xml", {RECEIVED_ON: "2027-03-02"}, hook(REQUEST).body)
    assert parsed(later).external_id != parsed(hook(REQUEST)).external_id


def test_what_only_programs_understand_is_not_read_to_an_officer() -> None:
    said = read(
        description="Jalan rusak\n\nLubang besar",
        **{
            "attribute[fixmystreet_id]": "123",
            "attribute[easting]": "1",
            "attribute[northing]": "2",
            "attribute[title]": "Jalan rusak",
            "attribute[description]": "Lubang besar",
        },
    )
    assert said.text == "Jalan rusak\n\nLubang besar"
    assert said.subject == "Jalan rusak"


def test_a_request_without_words_says_at_least_what_was_chosen() -> None:
    assert read(description="").text == "jalan rusak"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"service_code": ""}, "service_code"),
        ({"lat": ""}, "lat and long"),
        ({"lat": "north"}, "lat"),
        ({"lat": "NaN"}, "lat"),
        ({"long": "180.5"}, "long"),
        ({"lat": "", "long": ""}, "one of them is required"),
        ({"description": "x" * (MAX_DESCRIPTION + 1)}, "description"),
        ({"email": "x" * 321}, "email"),
        ({"media_url": "ftp://x/y"}, "media_url"),
        ({"media_url": "https://[x"}, "media_url"),
        ({"media_url": ["https://x/y"] * (MOST_MEDIA + 1)}, "media_url"),
    ],
)
def test_what_is_wrong_is_told_by_its_name(fields: dict[str, Any], told: str) -> None:
    assert any(told in fault for fault in faults(hook(REQUEST | fields)))


@pytest.mark.parametrize(
    "fields",
    [
        {"lat": "", "long": "", "address_string": "Jl. Pahlawan 1"},
        {"lat": "", "long": "", "address_id": "AB-1"},
        {"lat": "90", "long": "-180"},
        {"description": "x" * MAX_DESCRIPTION},
        {"jurisdiction_id": "", "device_id": "", "zip": "75123"},
    ],
)
def test_what_the_specification_allows_is_taken(fields: dict[str, str]) -> None:
    assert read(**fields).topic == "jalan-rusak"


def test_everything_that_is_wrong_is_told_at_once() -> None:
    bad = {"lat": "x", "media_url": "y", "description": "z" * 5000}
    assert len(faults(hook(bad))) >= 5


def test_an_update_adds_to_the_request_it_names() -> None:
    fields = {
        "api_key": PARTNER_KEY,
        "service_request_id": "482109375516",
        "update_id": "77",
        "description": "Masih rusak",
        "email": "orang.lain@surel.example",
        "status": "OPEN",
    }
    said = parsed(hook(fields, UPDATES))
    assert (said.token, said.external_id, said.text) == ("482109375516", "update:77", "Masih rusak")
    assert said.sender.address == "kota/orang.lain@surel.example"
    known = parsed(hook(fields, UPDATES, **{SENDER: "siti@surel.example"}))
    assert known.sender.address == "kota/siti@surel.example"


def _answered(url: str, *, update: bool = False) -> Any:
    sent = hook(REQUEST | {"service_request_id": "1", "update_id": "77"}, url)
    filed = AcceptedMessage(parsed(sent), "482109375516", "s3cret")
    return channel().reply(sent, [filed])


def test_the_number_is_told_at_once_and_no_secret() -> None:
    xml, told = _answered(f"{REQUESTS}.xml"), _answered(f"{REQUESTS}.json?x=1")
    assert xml.status == told.status == 201
    (number,) = ElementTree.fromstring(xml.body).iterfind("request/service_request_id")
    assert number.text == "482109375516" == json.loads(told.body)[0]["service_request_id"]
    assert b"s3cret" not in xml.body + told.body
    (id,) = ElementTree.fromstring(_answered(UPDATES).body).iterfind("request_update/update_id")
    assert id.text == "77"


def test_what_got_no_number_is_never_answered_as_if_it_had() -> None:
    assert channel().reply(hook(REQUEST), []).status == 500


@pytest.mark.parametrize(
    ("description", "attributes", "lines"),
    [
        (
            "Saya jatuh pada 12 November",
            {"attribute[ada_korban]": "ya", "attribute[jumlah]": "2"},
            ["ada korban: ya", "jumlah: 2"],
        ),
        ("Bagian a rusak", {"attribute[multi][]": ["a", "b"]}, ["multi: a, b"]),
        ("a\nb", {"attribute[multi]": ["a", "b"]}, ["multi: a, b"]),
        ("Korban\nya", {"attribute[korban]": "ya"}, ["korban: ya"]),
        ("Jalan rusak di sini", {"attribute[title]": "Jalan rusak"}, ["title: Jalan rusak"]),
        ("x", {"attribute[jenis][0]": "a", "attribute[jenis][1]": "b"}, ["jenis: a, b"]),
        ("x", {"attribute[pipa][garis_tengah]": "30"}, ["pipa garis tengah: 30"]),
        ("x", {f"attribute[{'k' * 300}]": "y"}, [f"{'k' * 300}: y"]),
    ],
)
def test_no_attribute_is_lost_because_the_description_has_its_letters(
    description: str, attributes: dict[str, Any], lines: list[str]
) -> None:
    assert read(description=description, **attributes).text == "\n".join([description, *lines])


VALUE = st.text("abya2 ", min_size=1, max_size=6).map(str.strip).filter(bool)


@settings(max_examples=40)
@given(st.lists(VALUE, max_size=3).map("\n".join), st.lists(VALUE, min_size=1, max_size=4))
def test_every_value_of_an_attribute_is_read_in_its_order(
    description: str, values: list[str]
) -> None:
    said = read(**{"description": description, "attribute[k][]": values})
    assert said.text.splitlines()[-1] == f"k: {', '.join(values)}"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"status": "OPEN"}, "Masih bermasalah."),
        ({"status": "FIXED"}, "Sudah diperbaiki."),
        ({"status": "In Progress"}, "Sedang dikerjakan."),
        ({"status": "action-scheduled"}, "Penanganan sudah dijadwalkan."),
        ({"status": "CLOSED", "description": "Sudah beres"}, "Sudah beres\nSelesai."),
        ({"status": "OPEN", "description": "Masih"}, "Masih"),
        ({"status": "odd", "description": "Masih"}, "Masih"),
        ({"media_url": "https://foto.example/1"}, ""),
    ],
)
def test_an_update_may_be_a_status_or_a_photo_alone(fields: dict[str, str], text: str) -> None:
    assert parsed(hook({"service_request_id": "482109375516"} | fields, UPDATES)).text == text


@pytest.mark.parametrize("fields", [{}, {"status": ""}, {"status": "odd"}])
def test_an_update_that_says_nothing_is_told_so(fields: dict[str, str]) -> None:
    (said,) = faults(hook({"service_request_id": "482109375516"} | fields, UPDATES))
    assert said.startswith("description: is required")


def test_two_states_one_after_the_other_are_two_updates() -> None:
    sent = [hook({"service_request_id": "1", "status": s}, UPDATES) for s in ("OPEN", "FIXED")]
    assert len({parsed(each).external_id for each in sent}) == 2


def test_every_status_of_fixmystreet_has_its_words() -> None:
    known = words("labels").table("update_status").keys()
    assert set(REPLIES) | set(PROGRESS.values()) <= known
    assert {"unchanged", "open", "planned", "action_scheduled", "cancelled", "reopen"} <= known


@pytest.mark.parametrize(
    ("asked", "statuses"),
    [
        ("status=OPEN", OPEN),
        ("status=Closed", CLOSED),
        ("status=OPEN,Closed", set(Status)),
        ("status=Open&status=CLOSED", set(Status)),
    ],
)
def test_a_status_may_be_written_in_capitals(asked: str, statuses: set[Status]) -> None:
    wanted = query.read_filter(form.query(f"https://x/?{asked}"), NOW)
    assert set(wanted.statuses or Status) == statuses


@pytest.mark.parametrize(
    ("asked", "since", "until"),
    [
        ("start_date=2026-11-29", "2026-11-28T17:00:00", None),
        ("start_date=2026-11-29&end_date=2026-11-29", "2026-11-28T17:00:00", "2026-11-29T17:00:00"),
        ("start_date=2026-08-31&end_date=2026-11-29", "2026-08-30T17:00:00", "2026-11-29T17:00:00"),
        ("start_date=2026-11-29t00:00:00z", "2026-11-29T00:00:00", None),
        ("start_date=2026-11-29T07:00:00+07:00", "2026-11-29T00:00:00", None),
    ],
)
def test_a_day_alone_is_one_of_western_indonesia(asked: str, since: str, until: str | None) -> None:
    wanted = query.read_filter(form.query(f"https://x/?{asked}"), NOW)
    assert wanted.since == datetime.fromisoformat(since).replace(tzinfo=UTC)
    if until:
        assert wanted.until == datetime.fromisoformat(until).replace(tzinfo=UTC)


@pytest.mark.parametrize("asked", ["start_date=2026-11-29T10:00:00", "start_date=29/11/2026"])
def test_a_time_without_its_zone_is_not_guessed(asked: str) -> None:
    with pytest.raises(query.QueryFault):
        query.read_filter(form.query(f"https://x/?{asked}"), NOW)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://x/requests.JSON", "json"),
        ("https://x/requests.Json?a=b.xml", "json"),
        ("https://x/requests.XML?a=b.json", "xml"),
        ("https://x/requests", "xml"),
    ],
)
def test_the_format_may_be_written_in_capitals(url: str, kind: str) -> None:
    assert georeport.format_of(url) == kind


WORDS = st.sampled_from(
    ["lat", "long", "api_key", "service_code", "attribute[x]", "attribute[", "media_url", "1e999"]
)
TEXTS = WORDS | st.text(max_size=12)


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=9), st.sampled_from([UPDATES, f"{REQUESTS}.xml"]))
def test_any_form_is_a_request_or_a_list_of_faults(fields: list[tuple[str, str]], url: str) -> None:
    sent = WebhookRequest(url, {}, urlencode(fields, errors="replace").encode())
    said = parsed_or_refused(channel(), sent)
    if isinstance(said, Invalid):
        answer = channel().refusal(sent, said)
        assert answer.status == 400
        assert len(ElementTree.fromstring(answer.body)) == len(said.faults) > 0
        return
    assert said.external_id
    assert said.sender.address
