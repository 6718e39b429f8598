"""REST over real HTTP: reports in, their state out, and nothing of anybody else's."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.casework.agencies import Reply
from gateway.portals.partners.reference import STYLE
from normalizer.message import Kind
from normalizer.report import Status
from tests.gateway.conftest import Away
from tests.gateway.making import LAMP, NOWHERE, ROAD, WHERE, until_drained
from tests.gateway.partners import AGENCY, API, CITY, KIOSK, SLOW, WORKS, Heard, Town, town

SITI = {"id": "u-7", "name": "Siti", "phone": "+62811"}


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


def problem(answer: Heard, status: int) -> Any:
    """Check that an answer is a problem; return it."""
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    told = answer.json
    assert told["status"] == status
    assert {"type", "title", "detail"} <= told.keys()
    return told


async def sent(here: Town, body: Mapping[str, Any], key: str = CITY, /, **headers: str) -> Any:
    answer = await here.send(body, key, **headers)
    assert answer.status == 201, answer.body
    return answer.json


async def state(here: Town, number: str, key: str = CITY, **query: str) -> Heard:
    here.headers = {"x-api-key": key} if key else {}
    try:
        return await here.get(f"{API}/reports/{number}", **query)
    finally:
        here.headers = {}


async def add(here: Town, number: str, text: str, key: str = CITY, **headers: str) -> Heard:
    said = {"content_type": "application/json", "authorization": f"Bearer {key}"} | headers
    return await here.post(f"{API}/reports/{number}/messages", json.dumps({"text": text}), **said)


async def test_a_report_is_sent_followed_and_answered(both: Town) -> None:
    body = {"text": ROAD, "sender": SITI, "kind": "aspiration", "agency": "Dinas PU"}
    told = await sent(both, body)
    number = told["tracking"]
    early = (await state(both, number)).json
    assert (early["status"], early["agency"], early["messages"]) == ("received", None, [])
    await both.routed()
    now = (await state(both, number)).json
    assert (now["status"], now["status_label"]) == ("forwarded", "Ditujukan ke Instansi")
    assert (now["kind"], now["topic"]["id"], now["agency"]["id"]) == (
        "aspiration",
        "jalan-rusak",
        WORKS,
    )
    reply = Reply.model_validate({"kind": "answer", "text": "Sudah diperbaiki."})
    await both.house.agencies.reply(WORKS, number, reply, key="")
    await both.routed()
    done = (await state(both, number)).json
    assert done["status"] == "answered"
    assert [message["text"][-17:] for message in done["messages"]][-1] == "Sudah diperbaiki."
    report = (await both.house.newest()).report
    assert (report.kind, report.chosen_agency) == (Kind.ASPIRATION, "Dinas PU")


async def test_an_answer_that_waits_to_be_read_is_no_dead_letter(here: Town) -> None:
    await sent(here, {"text": ROAD})
    await here.routed()
    (answer,) = list((await here.house.newest()).notifications)
    assert answer.state == "sent"
    assert await here.house.counted("queue", "state = 'dead'") == 0


async def test_the_secret_opens_what_the_key_opens(here: Town) -> None:
    told = await sent(here, {"text": ROAD, "confidential": True})
    await here.routed()
    by_key = await state(here, told["tracking"])
    by_secret = await state(here, told["tracking"], "", secret=told["secret"].upper())
    assert by_key.json == by_secret.json
    path = told["tracking_url"].removeprefix("https://lapor.example")
    assert (await here.get(path)).json == by_key.json


async def test_another_secret_opens_nothing(here: Town) -> None:
    number = (await sent(here, {"text": ROAD}))["tracking"]
    for secret in ("", "aaaaaaaa", "é", "x" * 100):
        problem(await state(here, number, "", secret=secret), 404 if secret else 401)


async def test_a_secret_belongs_to_one_number(here: Town) -> None:
    one, other = await sent(here, {"text": ROAD}), await sent(here, {"text": LAMP})
    problem(await state(here, one["tracking"], "", secret=other["secret"]), 404)


async def test_nobody_sees_what_another_partner_or_a_citizen_sent(both: Town) -> None:
    theirs = (await sent(both, {"text": ROAD}, KIOSK))["tracking"]
    await both.house.report(LAMP)
    for number in (theirs, (await both.house.newest()).report.tracking, "482109375516"):
        problem(await state(both, number), 404)
        problem(await add(both, number, "lagi"), 404)
    problem(await state(both, theirs, KIOSK), 403)
    assert await both.house.counted("reports") == 2


async def test_one_of_a_partners_own_is_asked_and_answers(here: Town) -> None:
    number = (await sent(here, {"text": NOWHERE, "sender": SITI}))["tracking"]
    await here.routed()
    asked = (await state(here, number)).json
    assert (asked["status"], asked["question"]) == ("waiting_for_reporter", "place")
    answer = await add(here, number, WHERE, idempotency_key="a1")
    assert answer.status == 201
    assert (await add(here, number, WHERE, idempotency_key="a1")).json == answer.json
    await here.routed()
    done = (await state(here, number)).json
    assert (done["status"], done["agency"]["id"], done["question"]) == (
        "forwarded",
        "6402-dinas-pu",
        None,
    )
    assert (await state(here, answer.json["tracking"])).json["agency"] == done["agency"]


async def test_what_is_added_without_a_contact_is_still_from_the_same_reporter(here: Town) -> None:
    number = (await sent(here, {"text": ROAD}))["tracking"]
    await here.routed()
    assert (await add(here, number, "Sekarang makin dalam")).status == 201
    await here.routed()
    assert await here.house.counted("reports") == 1
    assert (await here.house.newest()).report.text.endswith("Sekarang makin dalam")


async def test_the_same_key_and_body_change_nothing_and_answer_the_same(both: Town) -> None:
    body = {"text": ROAD, "sender": SITI}
    answers = await asyncio.gather(*(both.send(body, idempotency_key="k1") for _ in range(8)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.body for answer in answers}) == 1
    assert await both.house.counted("messages") == 1


CHANGES: tuple[dict[str, Any], ...] = (
    {"text": LAMP},
    {"sender": {"id": "u-8"}},
    {"location": {"latitude": -7.2, "longitude": 112.7}},
    {"confidential": True},
    {"kind": "aspiration"},
    {"topic": "sampah"},
    {"attachments": [{"name": "a", "content_base64": "YQ=="}]},
)


async def test_the_same_key_with_another_body_is_a_conflict(here: Town) -> None:
    body = {"text": ROAD, "sender": SITI}
    await sent(here, body, idempotency_key="k1")
    for count, change in enumerate(CHANGES, 1):
        problem(await here.send(body | change, idempotency_key="k1"), 409)
        assert (await here.house.counted("messages"), await here.held()) == (1, count)
    assert (await here.send(body | change, KIOSK, idempotency_key="k1")).status == 201


async def test_while_the_database_is_away_reports_are_taken(
    database_url: str, tmp_path: Path, away: Away
) -> None:
    async with town(database_url, tmp_path, patience=2.0) as here:
        with away():
            told = await sent(here, {"text": ROAD}, idempotency_key="k1")
        await until_drained(here.house.commits)
        assert await sent(here, {"text": ROAD}, idempotency_key="k1") == told
        assert await here.house.counted("messages") == 1


async def test_a_partners_reports_are_listed_newest_first_in_pages(both: Town) -> None:
    numbers = []
    for n in range(5):
        both.house.clock.pass_(minutes=1)
        numbers.append((await sent(both, {"text": f"{ROAD} {n}"}))["tracking"])
        await sent(both, {"text": f"{LAMP} {n}"}, KIOSK)
    await both.routed()
    both.headers = {"authorization": f"Bearer {CITY}"}
    pages = [(await both.get(f"{API}/reports", limit="2")).json]
    while before := pages[-1]["next"]:
        pages.append((await both.get(f"{API}/reports", limit="2", before=before)).json)
    assert [e["tracking"] for page in pages for e in page["reports"]] == numbers[::-1]
    assert [len(page["reports"]) for page in pages] == [2, 2, 1]


async def test_only_a_key_that_may_sends(here: Town) -> None:
    for key, status in (("", 401), ("wrong", 403), (AGENCY, 403)):
        problem(await here.send({"text": ROAD}, key), status)
        assert (await here.held(), await here.house.counted("messages")) == (0, 0)
    for key in (KIOSK, SLOW):
        assert (await here.send({"text": ROAD}, key)).status == 201


async def test_only_a_key_that_may_lists(here: Town) -> None:
    for key, status in (("", 401), (KIOSK, 403), (CITY, 200)):
        here.headers = {"authorization": f"Bearer {key}"}
        assert (await here.get(f"{API}/reports")).status == status


async def test_what_is_wrong_with_a_report_is_told_and_kept_by_nobody(here: Town) -> None:
    told = problem(await here.send({"kind": "x", "anonymous": "y"}), 400)
    assert len(told["errors"]) == 3
    assert (await here.held(), await here.house.counted("messages")) == (0, 0)


async def test_other_bodies_are_told_apart(here: Town) -> None:
    problem(await here.send({"text": "x"}, content_type="text/plain"), 415)
    large = io.BytesIO(b"x" * 11_000_000)
    problem(await here.post(f"{API}/reports", large, x_api_key=CITY), 413)
    problem(await here.send({"text": "x"}, idempotency_key="k" * 256), 422)
    problem(await here.get(f"{API}/reports/123"), 422)
    problem(await here.get(f"{API}/nothing"), 404)
    problem(await here.post(f"{API}/topics"), 405)


async def test_a_report_may_be_called_what_a_command_is_called(here: Town) -> None:
    number = (await sent(here, {"text": "STATUS"}))["tracking"]
    await here.routed()
    assert (await here.house.file(number)).report.text == "STATUS"


async def test_a_chosen_topic_decides_where_the_words_say_nothing(here: Town) -> None:
    place = {"latitude": -7.2575, "longitude": 112.7521}
    body = {"text": "mohon ditangani", "topic": "lampu-jalan", "location": place}
    number = (await sent(here, body))["tracking"]
    await here.routed()
    assert (await state(here, number)).json["agency"]["id"] == "3578-dinas-perhubungan"


async def test_who_calls_too_often_must_wait_and_nobody_else(here: Town) -> None:
    answers = [await here.send({"text": f"{ROAD} {n}"}, SLOW) for n in range(4)]
    assert [answer.status for answer in answers] == [201, 201, 201, 429]
    assert [a.headers["ratelimit"][:12] for a in answers] == [
        f'"minute";r={n}' for n in (2, 1, 0, 0)
    ]
    problem(answers[3], 429)
    assert 0 < int(answers[3].headers["retry-after"]) <= 60
    assert (await here.send({"text": ROAD}, CITY)).status == 201
    assert await here.house.counted("messages") == 4


async def test_the_words_are_there_for_everybody(here: Town) -> None:
    topics = (await here.get(f"{API}/topics")).json
    assert {"id": "jalan-rusak", "name": "Jalan rusak"}.items() <= next(
        t for t in topics if t["id"] == "jalan-rusak"
    ).items()
    agencies = (await here.get(f"{API}/agencies", q="perhubungan SURABAYA")).json
    assert agencies[0]["id"] == "3578-dinas-perhubungan"
    regions = (await here.get(f"{API}/regions", q="samarinda", limit="3")).json
    assert regions[0] == {"code": "64.72", "name": "Kota Samarinda", "level": "city"}
    assert len(regions) == 3
    assert (await here.get(f"{API}/regions", q=" ")).json == []


async def test_the_interface_is_described_and_drawn_without_anything_from_elsewhere(
    here: Town,
) -> None:
    document = (await here.get(f"{API}/openapi.json")).json
    assert {"/v1/reports", "/v1/reports/{tracking}/messages"} <= document["paths"].keys()
    assert {"NewReport", "LocationInput", "Problem"} <= document["components"]["schemas"].keys()
    page = await here.get("/api/docs")
    shown = page.body.decode()
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "script" not in shown
    assert "://" not in shown
    assert STYLE in shown
    for path, methods in document["paths"].items():
        assert path in shown
        assert all(method in ("get", "post") for method in methods)
    assert "default-src 'none'" in page.headers["content-security-policy"]


async def test_a_reports_confidentiality_is_kept_by_rest_too(here: Town) -> None:
    number = (await sent(here, {"text": ROAD, "confidential": True, "anonymous": True}))["tracking"]
    await here.routed()
    report = (await here.house.newest()).report
    assert (report.confidential, report.anonymous, report.status) == (True, True, Status.FORWARDED)
    assert (await here.get(f"/open311/v2/requests/{number}.json")).status == 404
