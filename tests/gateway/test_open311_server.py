"""Open311 over real HTTP, by the table of GeoReport v2 and the habits of its clients."""

import asyncio
import functools
import io
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import georeport
import pytest

from gateway.casework.agencies import Reply
from gateway.intake.load import LoadLimits
from gateway.store.engine import Unavailable
from normalizer.report import Status
from tests.gateway.making import LAMP, ROAD, UNCLEAR, made_parts
from tests.gateway.partners import AGENCY, CITY, KIOSK, O311, SLOW, WORKS, Heard, Town, town

SURABAYA = {"lat": "-7.2575", "long": "112.7521"}
HOLE = {**SURABAYA, "description": "Jalan rusak parah dan berlubang"}
ID = re.compile(r"[A-Za-z0-9_-]+")
FIELDS = (
    *("service_request_id", "status", "status_notes", "service_name", "service_code"),
    *("description", "agency_responsible", "service_notice", "requested_datetime"),
    *("updated_datetime", "expected_datetime", "address", "address_id", "zipcode", "lat", "long"),
    "media_url",
)
MEDIA = {"xml": "text/xml; charset=utf-8", "json": "application/json; charset=utf-8"}
FORMS = pytest.mark.parametrize("form", ["xml", "json"])


@pytest.fixture
async def here(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    async with town(sqlite_url, tmp_path) as built:
        yield built
        assert (await built.house.store.events.audit())[1] == []


@pytest.fixture
async def both(database_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    """The same on both kinds of database."""
    async with town(database_url, tmp_path) as built:
        yield built


def refused(answer: Heard, status: int, form: str = "json") -> list[str]:
    """Check that an answer is a list of errors of the protocol; return what it says."""
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == MEDIA[form]
    if form == "xml":
        assert answer.xml.tag == "errors"
        codes, said = answer.texts("code"), answer.texts("description")
    else:
        codes, said = ([error[key] for error in answer.json] for key in ("code", "description"))
    assert codes == [str(status)] * len(said)
    assert said
    return said


# what can be reported


@FORMS
async def test_discovery_says_where_and_what(here: Town, form: str) -> None:
    answer = await here.get(f"{O311}/discovery.{form}")
    assert (answer.status, answer.headers["content-type"]) == (200, MEDIA[form])
    if form == "xml":
        assert answer.body.decode() == (
            '<?xml version="1.0" encoding="utf-8"?>\n'
            "<discovery><changeset>2026-03-02T03:04:05Z</changeset>"
            "<contact>kanal@lapor.example</contact><key_service /><endpoints><endpoint>"
            "<specification>http://wiki.open311.org/GeoReport_v2</specification>"
            "<url>https://lapor.example/open311/v2</url>"
            "<changeset>2026-03-02T03:04:05Z</changeset><type>production</type>"
            "<formats><format>text/xml; charset=utf-8</format>"
            "<format>application/json; charset=utf-8</format></formats>"
            "</endpoint></endpoints></discovery>"
        )
    else:
        (endpoint,) = answer.json["endpoints"]
        assert endpoint["url"] == "https://lapor.example/open311/v2"


@FORMS
async def test_every_topic_is_a_service(here: Town, form: str) -> None:
    answer = await here.get(f"{O311}/services.{form}")
    topics = made_parts().routing.topics
    if form == "xml":
        assert answer.body.startswith(
            b'<?xml version="1.0" encoding="utf-8"?>\n<services><service>'
        )
        codes = answer.texts("service_code")
        assert set(answer.texts("metadata")) == {"false"}
        assert set(answer.texts("type")) == {"realtime"}
        assert all(answer.texts("group"))
    else:
        codes = [service["service_code"] for service in answer.json]
        assert {service["metadata"] for service in answer.json} == {False}
    assert codes == sorted(topics.rows)
    assert all(ID.fullmatch(code) for code in codes)


async def test_keywords_that_mean_something_to_clients_are_left_out(here: Town) -> None:
    listed = (await here.get(f"{O311}/services.json")).json
    words = {word for service in listed for word in service["keywords"].split(",")}
    assert words & {"private", "inactive", "staff"} == set()
    assert len(words) > 100


@FORMS
async def test_a_service_is_defined_and_an_unknown_one_is_not(here: Town, form: str) -> None:
    found = await here.get(f"{O311}/services/jalan-rusak.{form}")
    assert found.status == 200
    if form == "json":
        assert found.json == {"service_code": "jalan-rusak", "attributes": []}
    else:
        assert found.xml.tag == "service_definition"
    refused(await here.get(f"{O311}/services/terbang.{form}"), 404, form)


async def test_a_broken_list_is_no_list(here: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients delete what a list lacks: better an error than half of it."""

    async def away(*_: Any, **__: Any) -> None:
        raise Unavailable("down")

    monkeypatch.setattr("gateway.store.public.PublicQueries.newest", away)
    answer = await here.get(f"{O311}/requests.json")
    refused(answer, 503)
    assert answer.headers["retry-after"] == "5"


# sending


@FORMS
async def test_the_number_comes_back_at_once(both: Town, form: str) -> None:
    answer = await both.request(form=form, **HOLE)
    assert (answer.status, answer.headers["content-type"]) == (201, MEDIA[form])
    if form == "xml":
        number = answer.texts("service_request_id")[0]
        assert [child.tag for child in answer.xml[0]] == [
            "service_request_id",
            "service_notice",
            "account_id",
        ]
    else:
        number = answer.json[0]["service_request_id"]
    assert ID.fullmatch(number)
    token = await both.get(f"{O311}/tokens/{number}.json")
    assert token.json == [{"service_request_id": number, "token": number}]
    assert await both.waiting() == 1
    await both.routed()
    report = (await both.house.file(number)).report
    assert report.assignment is not None
    assert report.assignment.agency is not None
    assert report.assignment.agency.id == WORKS


async def test_photos_of_a_multipart_form_are_stored(here: Town) -> None:
    form = aiohttp.FormData()
    for name, value in ({"api_key": CITY, "service_code": "jalan-rusak"} | HOLE).items():
        form.add_field(name, value)
    photo = io.BytesIO(b"\xff\xd8\xff" * 500_000)
    form.add_field("photo1", photo, filename="a.jpg", content_type="image/jpeg")
    answer = await here.post(f"{O311}/requests.xml", form)
    assert answer.status == 201
    await here.routed()
    (attachment,) = (await here.house.newest()).report.attachments
    assert (attachment.name, attachment.size) == ("a.jpg", 1_500_000)


async def test_a_json_body_is_taken(here: Town) -> None:
    said = json.dumps(
        {"api_key": CITY, "service_code": "jalan-rusak", "attribute": {"x": 1}} | HOLE
    )
    answer = await here.post(f"{O311}/requests.json", said, content_type="application/json")
    assert answer.status == 201


@FORMS
async def test_without_a_key_that_may_nothing_is_taken(here: Town, form: str) -> None:
    for key in ("", "wrong", AGENCY):
        refused(await here.request(key, form=form, **HOLE), 403, form)
    assert (await here.held(), await here.waiting()) == (0, 0)


@FORMS
async def test_all_that_is_wrong_is_told_at_once(here: Town, form: str) -> None:
    said = refused(await here.request(form=form, lat="x", description="y" * 4001), 400, form)
    assert len(said) == 3
    unknown = refused(await here.request(form=form, service_code="terbang", lat="x"), 404, form)
    assert unknown[0].startswith("service_code")
    assert len(unknown) == 3
    assert (await here.held(), await here.waiting()) == (0, 0)


async def test_what_is_too_large_is_told(sqlite_url: str, tmp_path: Path) -> None:
    async with town(sqlite_url, tmp_path, open311={"max_bytes": 1024}) as here:
        refused(await here.request(description="x" * 2000), 413)


@pytest.mark.parametrize(
    ("jurisdiction", "status"), [("", 201), ("surabaya.go.id", 201), ("elsewhere", 404)]
)
async def test_another_jurisdiction_is_not_served(
    sqlite_url: str, tmp_path: Path, jurisdiction: str, status: int
) -> None:
    async with town(sqlite_url, tmp_path, open311={"jurisdiction": "surabaya.go.id"}) as here:
        sent = await here.request(jurisdiction_id=jurisdiction, **HOLE)
        assert sent.status == status
        asked = await here.get(f"{O311}/services.json", jurisdiction_id=jurisdiction)
        assert asked.status == (200 if status == 201 else 404)


async def test_words_that_look_like_a_command_are_a_report(here: Town) -> None:
    number = await here.numbered(**SURABAYA | {"description": "bantuan"}, service_code="bansos")
    assert (await here.house.file(number)).report.text == "bantuan"


async def test_nobody_is_asked_who_could_not_answer(here: Town) -> None:
    await here.numbered(description="jalan berlubang", address_string="dekat pasar")
    assert (await here.house.newest()).report.status is Status.TRIAGE


async def test_fixmystreet_sends_all_again_and_gets_the_same_number(both: Town) -> None:
    """As FMS does after a timeout: multipart, its id, the photo once more, another api call."""
    numbers = set()
    for attempt in range(3):
        form = aiohttp.FormData()
        fields = {"api_key": CITY, "service_code": "jalan-rusak", "email": "siti@surel.example"}
        fields |= HOLE | {"attribute[fixmystreet_id]": "4711", "attribute[title]": "Lubang"}
        for name, value in fields.items():
            form.add_field(name, value)
        form.add_field("photo1", b"\xff\xd8photo", filename="0.jpeg")
        answer = await both.post(f"{O311}/requests.xml", form)
        assert answer.status == 201
        numbers.add(answer.texts("service_request_id")[0])
        if attempt:
            await both.routed()
    assert len(numbers) == 1
    assert await both.house.counted("reports") == 1
    assert await both.held() == 0


async def test_many_attempts_at_once_make_one_report(here: Town) -> None:
    answers = await asyncio.gather(*(here.request(**HOLE) for _ in range(12)))
    assert len({answer.json[0]["service_request_id"] for answer in answers}) == 1
    await here.routed()
    assert await here.house.counted("reports") == 1


# reading


@FORMS
async def test_a_request_is_shown_with_every_element_clients_expect(here: Town, form: str) -> None:
    number = await here.numbered(**HOLE)
    answer = await here.get(f"{O311}/requests/{number}.{form}")
    assert answer.status == 200
    if form == "xml":
        assert answer.xml.tag == "service_requests"
        assert tuple(child.tag for child in answer.xml[0]) == FIELDS
    else:
        (shown,) = answer.json
        assert tuple(shown) == FIELDS
        assert (shown["service_request_id"], shown["status"]) == (number, "open")
        assert (shown["service_code"], shown["lat"], shown["long"]) == ("jalan-rusak", None, None)
        assert shown["requested_datetime"] == "2026-03-02T03:04:05Z"
        assert shown["agency_responsible"].endswith("Kota Surabaya")


async def test_extensions_are_given_to_who_asks(here: Town) -> None:
    number = await here.numbered(**HOLE)
    (shown,) = (await here.get(f"{O311}/requests/{number}.json", extensions="true")).json
    more = shown["extended_attributes"]
    assert more["agency_id"] == WORKS
    assert "Topik: Jalan rusak" in more["routing_reason"]


async def test_an_unknown_request_is_not_found(here: Town) -> None:
    for id in ("482109375516", "x", "1" * 12, "%00"):
        refused(await here.get(f"{O311}/requests/{id}.json"), 404)
        refused(await here.get(f"{O311}/tokens/{id}.xml"), 404, "xml")


async def test_what_is_public_names_nobody(here: Town) -> None:
    number = await here.numbered(
        **HOLE | {"description": f"{ROAD}, hubungi 0812-3456-7890 atau siti@surel.example"},
        address_string="Jl. Kenanga 17 (rumah saya)",
        email="siti@surel.example",
        first_name="Siti",
    )
    for path in (f"requests/{number}.json", "requests.json", "servicerequestupdates.json"):
        answer = await here.get(f"{O311}/{path}", extensions="true")
        assert answer.status == 200
        for word in ("0812", "siti", "Siti", "Kenanga", "7.2575"):
            assert word not in answer.body.decode()
    (shown,) = (await here.get(f"{O311}/requests.json")).json
    hidden = {name: shown[name] for name in ("description", "address", "lat", "long", "media_url")}
    assert hidden == {"description": "", "address": "Kota Surabaya", "lat": None, "long": None} | {
        "media_url": ""
    }
    (own,) = (await here.get(f"{O311}/requests/{number}.json", api_key=CITY)).json
    assert "0812-3456-7890" in own["description"]
    assert (own["lat"], own["address"]) == (-7.2575, "Jl. Kenanga 17 (rumah saya)")


async def test_a_confidential_report_is_shown_to_nobody_but_who_sent_it(both: Town) -> None:
    number = await both.numbered(**HOLE | {"description": f"RAHASIA {ROAD}"})
    assert (await both.house.newest()).report.confidential
    for key in ({}, {"api_key": KIOSK}, {"api_key": "wrong"}):
        refused(await both.get(f"{O311}/requests/{number}.json", **key), 404)
        assert (await both.get(f"{O311}/requests.json", **key)).json == []
        wanted = {"service_request_id": number} | key
        assert (await both.get(f"{O311}/requests.json", **wanted)).json == []
        assert (await both.get(f"{O311}/servicerequestupdates.json", **key)).json == []
    (own,) = (await both.get(f"{O311}/requests.json", api_key=CITY)).json
    assert own["service_request_id"] == number


async def test_what_no_agency_has_is_in_no_list(here: Town) -> None:
    await here.house.report(UNCLEAR)
    report = (await here.house.newest()).report
    assert (await here.get(f"{O311}/requests.json")).json == []
    assert (await here.get(f"{O311}/servicerequestupdates.json")).json == []
    refused(await here.get(f"{O311}/requests/{report.tracking}.json", extensions="true"), 404)


SENSITIVE = (
    "saya diperkosa ayah tiri di Kelurahan Dago Kota Bandung, saya baru lima belas tahun",
    "penderita HIV ditolak puskesmas Garuda Kota Bandung",
    "ANONIM lurah Dago Kota Bandung minta uang untuk surat tanah",
    "ANONIM guru SD Negeri 7 Kota Bandung memukul anak saya kelas 3B",
    "sertifikat tanah saya di Kota Bandung diserobot tetangga",
    "kepala sekolah SMA di Kota Semarang minta pungutan liar tiap bulan",
)


@pytest.mark.parametrize("text", SENSITIVE)
async def test_a_sensitive_report_has_no_public_row(here: Town, text: str) -> None:
    await here.house.report(text)
    report = (await here.house.newest()).report
    assert (await here.get(f"{O311}/requests.json")).json == []
    assert (await here.get(f"{O311}/servicerequestupdates.json")).json == []
    refused(await here.get(f"{O311}/requests/{report.tracking}.json"), 404)


async def test_reports_of_every_channel_are_listed_newest_first(both: Town) -> None:
    await both.house.report(ROAD)
    both.house.clock.pass_(hours=1)
    await both.house.report(LAMP, "+628990000999")
    listed = (await both.get(f"{O311}/requests.json")).json
    assert [each["service_code"] for each in listed] == ["lampu-jalan", "jalan-rusak"]


LISTS: tuple[tuple[dict[str, str], list[str]], ...] = (
    ({}, ["lampu-jalan", "jalan-rusak"]),
    ({"service_code": "jalan-rusak"}, ["jalan-rusak"]),
    ({"service_code": "jalan-rusak,lampu-jalan"}, ["lampu-jalan", "jalan-rusak"]),
    ({"service_code": "terbang"}, []),
    ({"service_code": ""}, ["lampu-jalan", "jalan-rusak"]),
    ({"status": "open"}, ["lampu-jalan", "jalan-rusak"]),
    ({"status": "closed"}, []),
    ({"status": "open,closed"}, ["lampu-jalan", "jalan-rusak"]),
    ({"page_size": "1"}, ["lampu-jalan"]),
    ({"page": "2", "page_size": "1"}, ["jalan-rusak"]),
    ({"page": "3", "page_size": "1"}, []),
    ({"start_date": "2026-03-02T04:00:00Z"}, ["lampu-jalan"]),
    ({"end_date": "2026-03-02T04:00:00Z"}, ["jalan-rusak"]),
    ({"start_date": "2026-03-02T10:04:05+07:00"}, ["lampu-jalan", "jalan-rusak"]),
    ({"start_date": "2025-01-01T00:00:00Z"}, []),
    ({"updated_after": "2026-03-02T04:00:00Z"}, ["lampu-jalan"]),
    ({"updated_before": "2026-03-02T04:00:00Z"}, ["jalan-rusak"]),
)


async def test_a_list_holds_what_was_asked_for(here: Town) -> None:
    await here.house.report(ROAD)
    here.house.clock.pass_(hours=1)
    await here.house.report(LAMP, "+628990000999")
    here.house.clock.pass_(hours=1)
    for query, codes in LISTS:
        listed = (await here.get(f"{O311}/requests.json", **query)).json
        assert [each["service_code"] for each in listed] == codes, query


async def test_without_dates_a_list_goes_back_ninety_days(here: Town) -> None:
    number = (await here.house.report(ROAD)).report.tracking
    here.house.clock.pass_(days=91)
    assert (await here.get(f"{O311}/requests.json")).json == []
    named = await here.get(f"{O311}/requests.json", service_request_id=f"x,{number}")
    assert [each["service_request_id"] for each in named.json] == [number]


MISTAKES: tuple[tuple[dict[str, str], int], ...] = (
    ({"start_date": "yesterday"}, 1),
    ({"start_date": "01/01/2026"}, 1),
    ({"start_date": "2026-01-01T00:00:00"}, 1),
    ({"start_date": "2026-03-02T00:00:00Z", "end_date": "2026-03-01T00:00:00Z"}, 1),
    ({"start_date": "2025-03-02T00:00:00Z", "end_date": "2026-03-01T00:00:00Z"}, 1),
    ({"start_date": "9999-12-31T23:59:59Z"}, 1),
    ({"end_date": "0001-01-01T00:00:00Z"}, 1),
    ({"status": "done", "page": "0", "page_size": "x"}, 3),
    ({"updated_after": "x", "updated_before": "y", "start_date": "z"}, 3),
    ({"page": "²"}, 1),
)


async def test_what_cannot_be_meant_is_told(here: Town) -> None:
    for form in MEDIA:
        for query, count in MISTAKES:
            said = refused(await here.get(f"{O311}/requests.{form}", **query), 400, form)
            assert len(said) == count, query


async def test_a_number_that_was_told_shows_the_report_it_went_into(here: Town) -> None:
    known = {"email": "siti@surel.example"}
    first = await here.numbered(**HOLE, **known)
    again = await here.numbered(**HOLE | {"description": f"{HOLE['description']}."}, **known)
    assert first != again
    assert await here.house.counted("reports") == 1
    (shown,) = (await here.get(f"{O311}/requests/{again}.json")).json
    assert (shown["service_request_id"], shown["service_code"]) == (again, "jalan-rusak")


async def test_georeport_reads_what_we_write(here: Town) -> None:
    number = await here.numbered(**HOLE)
    for kind in ("xml", "json"):
        client = georeport.GeoReport(f"{here.url}{O311}", output_format=kind)
        services = await asyncio.to_thread(client.get_service_list)
        assert "jalan-rusak" in {service["service_code"] for service in services}
        definition = await asyncio.to_thread(client.get_service_definition, "jalan-rusak")
        assert definition["service_code"] == "jalan-rusak"
        listed = await asyncio.to_thread(
            functools.partial(client.get_service_requests, status="open")
        )
        one = listed[0] if isinstance(listed, list) else listed
        shown = await asyncio.to_thread(client.get_service_request, number)
        assert one["service_request_id"] == shown["service_request_id"] == number


# updates


async def _replied(here: Town, number: str, kind: str, text: str) -> None:
    reply = Reply.model_validate({"kind": kind, "text": text})
    await here.house.agencies.reply(WORKS, number, reply, key="")


async def test_what_happened_is_told_in_order_to_who_sent_it(both: Town) -> None:
    number = await both.numbered(**HOLE)
    both.house.clock.pass_(hours=1)
    await _replied(both, number, "progress", "Regu kami turun besok, Bu Siti.")
    both.house.clock.pass_(hours=1)
    await _replied(both, number, "answer", "Sudah diperbaiki.")
    both.house.clock.pass_(minutes=1)
    answer = await both.get(f"{O311}/servicerequestupdates.xml", api_key=CITY)
    assert answer.xml.tag == "service_request_updates"
    assert answer.texts("status") == ["open", "investigating", "in_progress", "closed"]
    assert answer.texts("description")[2:] == [
        "Regu kami turun besok, Bu Siti.",
        "Sudah diperbaiki.",
    ]
    ids = answer.texts("update_id")
    assert len(set(ids)) == 4
    assert all(ID.fullmatch(id) for id in ids)
    assert set(answer.texts("service_request_id")) == {number}
    public = await both.get(f"{O311}/servicerequestupdates.xml")
    assert len(public.texts("status")) == 4
    assert "Siti" not in public.body.decode()
    (shown,) = (await both.get(f"{O311}/requests/{number}.json")).json
    assert (shown["status"], shown["status_notes"]) == ("closed", "Sudah Ditanggapi")


async def test_an_update_is_in_the_window_its_written_time_is_in(here: Town) -> None:
    await here.numbered(**HOLE)
    at = "2026-03-02T03:04:05Z"
    for since, until, count in ((at, at, 2), ("2026-03-02T03:04:06Z", "2026-03-02T04:00:00Z", 0)):
        query = {"start_date": since, "end_date": until, "api_key": CITY}
        assert len((await here.get(f"{O311}/servicerequestupdates.json", **query)).json) == count
    refused(await here.get(f"{O311}/servicerequestupdates.json", start_date="x"), 400)


async def _update(here: Town, key: str, number: str, **fields: str) -> Heard:
    said = {"api_key": key, "service_request_id": number, "update_id": "77"}
    return await here.post(f"{O311}/servicerequestupdates.json", said | fields)


async def test_a_partner_adds_what_its_reporter_says(here: Town) -> None:
    number = await here.numbered(**HOLE, email="siti@surel.example")
    for _ in range(2):
        answer = await _update(here, CITY, number, description="Sekarang makin dalam")
        assert (answer.status, answer.json) == (201, [{"update_id": "77"}])
        await here.routed()
    file = await here.house.file(number)
    assert file.report.text.endswith("Sekarang makin dalam")
    assert [event.kind for event in file.events].count("followed_up") == 1
    assert await here.house.counted("reports") == 1


async def test_an_agencys_update_is_its_answer(here: Town) -> None:
    number = await here.numbered(**HOLE)
    for status, becomes in (("IN_PROGRESS", Status.IN_PROGRESS), ("FIXED", Status.ANSWERED)):
        more = {"update_id": status, "status": status, "description": f"Kabar {status}"}
        for _ in range(2):
            assert (await _update(here, AGENCY, number, **more)).status == 201
        assert (await here.house.file(number)).report.status is becomes
    await here.house.notify()
    kinds = [event.kind for event in (await here.house.file(number)).events]
    assert kinds.count("agency_replied") == 2


async def test_overload_refuses_reports_and_neither_agencies_nor_strangers(
    here: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await here.numbered(**HOLE)
    monkeypatch.setattr(here.house.door.load, "_limits", LoadLimits(bytes=0, small=0))
    more = {"status": "IN_PROGRESS", "description": "Sedang kami perbaiki"}
    assert (await _update(here, AGENCY, number, **more)).status == 201
    refused(await here.request("kanal_of-a-stranger", **HOLE), 403)
    assert here.house.door.load.shed() == {}, "no room was taken, and none refused"
    refused(await here.request(CITY, **HOLE), 503)
    refused(await _update(here, CITY, number, description="Makin dalam"), 503)


async def test_an_agency_that_is_not_responsible_says_so(here: Town) -> None:
    number = await here.numbered(**HOLE)
    more = {"status": "NOT_COUNCILS_RESPONSIBILITY", "description": "Bukan kami"}
    assert (await _update(here, AGENCY, number, **more)).status == 201
    assert (await here.house.file(number)).report.status is Status.TRIAGE


async def test_an_update_may_be_a_status_alone(here: Town) -> None:
    number = await here.numbered(**HOLE, email="siti@surel.example")
    assert (await _update(here, CITY, number, status="FIXED")).status == 201
    assert (await _update(here, AGENCY, number, status="Planned")).status == 201
    await here.routed()
    file = await here.house.file(number)
    assert file.report.text.endswith("Sudah diperbaiki.")
    assert file.report.status is Status.IN_PROGRESS
    assert any("Sudah direncanakan." in each.text for each in file.notifications)


async def test_a_point_of_zeros_is_no_place_and_said_so(here: Town) -> None:
    number = await here.numbered(lat="0", long="0.0", description=f"{HOLE['description']} di sini")
    report = (await here.house.file(number)).report
    assert (report.coordinates, report.notes) == (None, ("point_outside_indonesia",))
    (shown,) = (await here.get(f"{O311}/requests/{number}.JSON")).json
    assert (shown["lat"], shown["long"]) == (None, None)


async def test_nobody_adds_to_what_is_not_theirs(here: Town) -> None:
    await here.house.report(LAMP)
    number = (await here.house.newest()).report.tracking
    for key, status in (("", 403), (KIOSK, 403), (SLOW, 403), (CITY, 404), (AGENCY, 404)):
        refused(await _update(here, key, number, description="x"), status)
        refused(await _update(here, key, "482109375516", description="x"), status)


async def test_an_update_says_what_it_lacks(here: Town) -> None:
    refused(await _update(here, CITY, ""), 400)


# limits and wrong ways in


async def test_who_calls_too_often_must_wait(here: Town) -> None:
    answers = [await here.get(f"{O311}/requests.xml", api_key=SLOW) for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert answers[0].headers["ratelimit-policy"] == '"minute";q=3;w=60'
    assert answers[0].headers["ratelimit"].startswith('"minute";r=2;t=')
    refused(answers[3], 429, "xml")
    assert 0 < int(answers[3].headers["retry-after"]) <= 60
    assert (await here.get(f"{O311}/requests.xml", api_key=CITY)).status == 200


async def test_strangers_have_a_limit_of_their_own(sqlite_url: str, tmp_path: Path) -> None:
    async with town(sqlite_url, tmp_path, open311={"public_per_minute": 2}) as here:
        codes = [(await here.request("wrong", **HOLE)).status for _ in range(3)]
        assert codes == [403, 403, 429]
        assert (await here.request(CITY, **HOLE)).status == 201


WAYS = (
    ("GET", "", 404),
    ("GET", "/", 404),
    ("GET", "/services", 404),
    ("GET", "/services.csv", 404),
    ("GET", "/requests.CSV", 404),
    ("GET", "/a/b/c.xml", 404),
    ("POST", "/services.xml", 405),
    ("DELETE", "/requests.xml", 405),
)


async def test_other_ways_are_errors_of_the_protocol(here: Town) -> None:
    for method, path, status in WAYS:
        url = f"{here.url}{O311}{path}"
        async with here.http.request(method, url, allow_redirects=False) as answer:
            heard = Heard(answer.status, answer.headers, await answer.read())
        refused(heard, status, "xml")
