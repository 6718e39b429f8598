"""The inbox of an agency's officers over real HTTP: what they see, do, and never see."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import aiohttp
import pytest
from argon2 import PasswordHasher
from PIL import Image

from config.words import words
from gateway.access.roles import Role, system
from gateway.portals.agency.acts import ACTS
from gateway.portals.agency.screens import DONE
from gateway.store.views import GrantRow, NewAccount
from gateway.wire import events
from normalizer.report import Recusal, Status
from tests.gateway.office import (
    ADDRESS,
    AGENCIES,
    PASSWORD,
    Clock,
    Office,
    console,
    office,
    report,
)

OWN, OTHER, PLN = AGENCIES[0], AGENCIES[1], AGENCIES[3]
ONE = report(1).id
HOSTILE = '<script>alert(1)</script> "><img src=x onerror=alert(1)> {{ 7*7 }}'


def _hash() -> str:
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


async def invite(office: Office, name: str, role: Role, scope: str) -> None:
    """Make an account."""
    made = NewAccount(name, _hash(), (GrantRow(role, scope),), "cli")
    assert await office.house.store.accounts.create(made)


@dataclass
class Caller:
    """A browser without a screen and without scripts."""

    url: str
    http: aiohttp.ClientSession

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        async with self.http.get(
            self.url + path, headers=headers, allow_redirects=False
        ) as response:
            return response.status, await response.text()

    async def send(
        self, path: str, data: aiohttp.FormData | Mapping[str, str], **headers: str
    ) -> tuple[int, str, str]:
        sent = {"Origin": self.url.removesuffix("/console"), **headers}
        async with self.http.post(
            self.url + path, data=data, headers=sent, allow_redirects=False
        ) as response:
            return response.status, await response.text(), response.headers.get("Location", "")

    async def form(self, id: str = ONE) -> dict[str, str]:
        """Return what every form of a report's page carries."""
        _, page = await self.get(f"/inbox/{id}")
        found = {n: re.search(rf'name="{n}" value="([^"]*)"', page) for n in ("csrf", "version")}
        return {name: value[1] for name, value in found.items() if value}

    async def act(self, name: str, id: str = ONE, **fields: str) -> tuple[int, str, str]:
        """Send a form of a report's page as the page has it."""
        return await self.send(f"/inbox/{id}/{name}", {**await self.form(id), **fields})


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as desk:
        desk.house.clock.at = datetime.now(UTC)
        await invite(desk, "rini", Role.OFFICER, OWN.id)
        await invite(desk, "budi", Role.OFFICER, OWN.id)
        await invite(desk, "sari", Role.OFFICER, OTHER.id)
        await invite(desk, "kepala", Role.LEADER, "62.01")
        await desk.put(report(1))
        yield desk


@pytest.fixture
async def url(desk: Office) -> AsyncIterator[str]:
    async with console(desk, Clock()) as url:
        yield url


@asynccontextmanager
async def caller(url: str, name: str) -> AsyncIterator[Caller]:
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as http:
        visitor = Caller(url, http)
        status, _, _ = await visitor.send("/login", {"name": name, "password": PASSWORD})
        assert status == 303
        yield visitor


@pytest.fixture
async def rini(url: str) -> AsyncIterator[Caller]:
    async with caller(url, "rini") as visitor:
        yield visitor


async def logged(desk: Office, id: str = ONE) -> list[str]:
    """Return what happened to a report, by kind of event."""
    file = await desk.desk.report(id, actor=system("test"))
    assert file
    return [each.kind for each in file.events]


def photo(size: int = 40) -> bytes:
    kept = BytesIO()
    Image.new("RGB", (size, size), "teal").save(kept, "JPEG")
    return kept.getvalue()


def with_photos(fields: Mapping[str, str], *photos: tuple[str, bytes]) -> aiohttp.FormData:
    form = aiohttp.FormData()
    for name, value in fields.items():
        form.add_field(name, value)
    for name, content in photos:
        form.add_field(name, BytesIO(content), filename="IMG_1.jpg", content_type="image/jpeg")
    return form


# What they see


async def test_each_report_is_in_the_box_of_its_state(desk: Office, rini: Caller) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=40)
    await desk.put(
        report(2, status=Status.IN_PROGRESS),
        report(3, status=Status.WAITING_FOR_REPORTER),
        report(4, status=Status.ANSWERED),
        report(5, received_at=long_ago, status=Status.IN_PROGRESS),
    )
    boxes = {"new": [1], "in_progress": [2, 5], "waiting": [3], "overdue": [5], "done": [4]}
    for box, numbers in boxes.items():
        status, page = await rini.get(f"/inbox?box={box}")
        assert status == 200
        found = re.findall(r'id="r-([^"]+)"', page)
        assert sorted(found) == [report(number).id for number in numbers], box
    counts = re.findall(r'data-box="\d".*?<b[^>]*>([\d.]+)</b>', page)
    assert counts == ["1", "2", "1", "1", "1"]
    status, page = await rini.get("/inbox?box=nope&skip=-1&after=~~")
    assert (status, f"r-{ONE}" in page) == (200, True)


async def test_a_box_without_reports_says_what_will_come(rini: Caller) -> None:
    for language in ("id", "en"):
        for box, said in words("console").table("box_empty", language).items():
            _, page = await rini.get(f"/inbox?box={box}&lang={language}")
            assert (said in page) == (box != "new"), box


async def test_pages_lead_on_and_say_how_many_there_are(desk: Office, rini: Caller) -> None:
    await desk.put(*(report(number) for number in range(2, 62)))
    _, page = await rini.get("/inbox")
    assert "1–50 dari 61" in page
    found = re.search(r'rel="next" href="/console([^"]+)"', page)
    assert found
    _, page = await rini.get(found[1].replace("&amp;", "&"))
    assert "51–61 dari 61" in page
    assert 'rel="next"' not in page
    assert 'rel="first"' in page


async def test_a_report_shows_what_was_said_and_never_who_said_it(
    desk: Office, rini: Caller
) -> None:
    await desk.write(report(1))
    status, page = await rini.get(f"/inbox/{ONE}")
    assert status == 200
    for shown in ("4821-0937-0011", "Pasar Palagan", "Laporan Anda diterima.", "diambil"):
        assert shown in page
    for secret in (ADDRESS, ADDRESS[3:], "Ibu Sri", "sri@desa.example", "sealed"):
        assert secret not in page


async def test_who_had_it_in_the_list_and_who_opened_it_is_shown(desk: Office, url: str) -> None:
    async with desk.house.store.unit() as unit:
        unit.deliveries.add("d1", report(1), OWN.id, events.ASSIGNED)
    async with desk.house.store.unit() as unit:
        await unit.deliveries.place(["d1"], "inbox", reached="placed")
    async with caller(url, "budi") as budi, caller(url, "rini") as rini:
        assert 'class="row unread"' in (await budi.get("/inbox"))[1]
        await rini.get(f"/inbox/{ONE}")
        _, page = await rini.get(f"/parts/inbox/{ONE}")
        assert "diambil oleh budi" in page
        assert "dibaca oleh rini" in page
        assert 'class="row unread"' not in (await budi.get("/inbox"))[1]


async def test_what_an_anonymous_writer_says_of_themselves_is_masked(
    desk: Office, rini: Caller
) -> None:
    text = "Nama saya Sumiyati, HP 081234567890. Lampu jalan mati di Pasar Palagan."
    await desk.put(report(2, text=text, original=text, title="", anonymous=True))
    for path in (f"/inbox/{report(2).id}", "/inbox"):
        _, page = await rini.get(path)
        assert "Sumiyati" not in page
        assert "081234567890" not in page
        assert "anonim" in page


async def test_hostile_words_are_only_words(desk: Office, rini: Caller) -> None:
    await desk.put(report(2, text=HOSTILE, original=HOSTILE, title=HOSTILE))
    id = report(2).id
    await rini.act("note", id, text=HOSTILE)
    await rini.act("delegate", id, unit=HOSTILE[:100])
    for path in (f"/inbox/{id}", "/inbox", f"/inbox/{id}/agencies?q={HOSTILE[:20]}"):
        _, page = await rini.get(path)
        assert "<script>alert" not in page
        assert "<img src=x" not in page
    _, page, _ = await rini.act("answer", id, text=HOSTILE + "___")
    assert "&lt;script&gt;alert" in page
    assert "<script>alert" not in page


async def test_a_part_is_sent_again_only_when_it_changed(desk: Office, rini: Caller) -> None:
    for path, name in ((f"/parts/inbox/{ONE}", "seen="), ("/parts/inbox?box=new", "seen=")):
        _, part = await rini.get(path)
        found = re.search(rf"{name}([^\"]+)\"", part)
        assert found
        again = f"{path}{'&' if '?' in path else '?'}seen={found[1]}"
        assert (await rini.get(again))[0] == 204
        await rini.act("note", text="sudah dicek")
        await desk.put(report(2 if "box" in path else 1, status=Status.FORWARDED))
        if "box" not in path:
            assert (await rini.get(again))[0] == 200


# Who sees it


async def test_outside_the_agency_nothing_is_there(desk: Office, url: str) -> None:
    before = await logged(desk)
    async with caller(url, "sari") as sari:
        _, page = await sari.get("/inbox")
        csrf = re.search(r'name="csrf" value="([^"]+)"', page)
        assert csrf
        assert ONE not in page
        for path in ("", "/agencies?q=dinas", "/files/" + "0" * 64):
            assert (await sari.get(f"/inbox/{ONE}{path}"))[0] == 404
        assert (await sari.get(f"/parts/inbox/{ONE}"))[0] == 404
        fields = {"csrf": csrf[1], "version": "2", "text": "x", "agency": PLN.id, "unit": "x"}
        for name in (*(act.name for act in ACTS), "preview/answer", "agencies/copy"):
            status, page, _ = await sari.send(f"/inbox/{ONE}/{name}", {**fields, "mine": "1"})
            assert status == 404, name
    assert await logged(desk) == before


async def test_the_accused_never_sees_what_accuses_them(desk: Office, rini: Caller) -> None:
    accused = (Recusal(office="dishub", name="Dinas Perhubungan", agencies=(OWN.id,)),)
    await desk.put(report(2, recusals=accused))
    assert (await rini.get(f"/inbox/{report(2).id}"))[0] == 404
    _, page = await rini.get("/inbox")
    assert report(2).id not in page


async def test_a_leader_sees_figures_and_no_report(desk: Office, url: str) -> None:
    digits = report(1).tracking
    async with caller(url, "kepala") as leader:
        status, page = await leader.get("/figures")
        assert status == 200
        assert OWN.name in page
        assert "Palagan" not in page
        assert digits not in re.sub(r"\D", "", page)
        for path in (
            "/inbox",
            f"/inbox/{ONE}",
            f"/parts/inbox/{ONE}",
            f"/reports/{ONE}",
            f"/find?q={digits}",
            "/triage",
            "/agencies?q=dinas",
        ):
            assert (await leader.get(path))[0] == 404, path


async def test_an_officer_has_no_figures(rini: Caller) -> None:
    assert (await rini.get("/figures"))[0] == 404


# What they do


@pytest.mark.parametrize(
    ("act", "fields", "kind", "status"),
    [
        ("verify", {}, "agency_verified", Status.IN_PROGRESS),
        ("progress", {"text": "Sedang diperiksa."}, "agency_replied", Status.IN_PROGRESS),
        ("answer", {"text": "Sudah kami perbaiki."}, "agency_replied", Status.ANSWERED),
        ("ask", {"text": "Di tiang nomor berapa?"}, "agency_asked", Status.WAITING_FOR_REPORTER),
        ("delegate", {"unit": "Bidang Prasarana"}, "delegated", Status.FORWARDED),
        ("assign", {"mine": "1"}, "officer_assigned", Status.FORWARDED),
        ("assign", {"officer": "budi"}, "officer_assigned", Status.FORWARDED),
        ("copy", {"agency": PLN.id}, "copied", Status.FORWARDED),
        ("note", {"text": "Koordinasi dengan PLN."}, "agency_noted", Status.FORWARDED),
    ],
)
async def test_a_form_does_what_it_says(
    desk: Office,
    rini: Caller,
    act: str,
    fields: dict[str, str],
    kind: str,
    status: Status,
) -> None:
    code, page, after = await rini.act(act, **fields)
    assert (code, after) == (303, f"/console/inbox/{ONE}?done={act}"), page
    assert (await logged(desk))[-1] == kind
    changed = await desk.report(ONE)
    assert changed.status is status
    code, page = await rini.get(after.removeprefix("/console"))
    assert words("console").table("done")[f"officer_{act}"] in page.replace("&#39;", "'")
    shown = fields.get("text") or fields.get("unit") or fields.get("officer", "")
    assert shown in page
    assert ADDRESS not in page


async def test_a_report_that_is_not_theirs_goes_back_with_whose_it_is(
    desk: Office, rini: Caller
) -> None:
    _, page = await rini.get(f"/inbox/{ONE}")
    assert f'value="{OTHER.id}"' in page, "the router's other candidates are buttons"
    code, _, after = await rini.act("refuse", text="Jalan ini milik PU.", agency=OTHER.id)
    assert (code, after) == (303, f"/console/inbox?done=refuse&number={report(1).tracking}")
    _, page = await rini.get(after.removeprefix("/console"))
    assert "4821-0937-0011 dikembalikan sebagai bukan wewenang" in page
    assert (await rini.get(f"/inbox/{ONE}"))[0] == 404
    (refusal,) = (await desk.report(ONE)).refusals
    assert (refusal.why, refusal.suggested) == ("Jalan ini milik PU.", OTHER)


async def test_photos_go_with_an_answer(desk: Office, rini: Caller) -> None:
    fields = {**await rini.form(), "text": "Sudah kami perbaiki."}
    form = with_photos(fields, ("before", photo()), ("after", photo(50)))
    code, page, _ = await rini.send(f"/inbox/{ONE}/answer", form)
    assert code == 303, page
    _, page = await rini.get(f"/inbox/{ONE}")
    shown = re.findall(r'<img src="/console(/inbox/[^"]+)"', page)
    assert len(shown) == 2
    assert "sebelum" in page
    assert "sesudah" in page
    async with rini.http.get(rini.url + shown[0]) as response:
        assert (response.status, response.content_type) == (200, "image/jpeg")
        assert "sandbox" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("photos", "code"),
    [
        ([photo()] * 6, 413),
        ([b"\xff\xd8" + b"0" * 8_000_001], 413),
        ([b"not a picture"], 409),
    ],
    ids=["too many", "too large", "no picture"],
)
async def test_photos_that_cannot_be_taken_are_refused(
    desk: Office, rini: Caller, photos: list[bytes], code: int
) -> None:
    fields = {**await rini.form(), "text": "Sudah kami perbaiki."}
    form = with_photos(fields, *(("after", each) for each in photos))
    status, page, _ = await rini.send(f"/inbox/{ONE}/answer", form)
    assert status == code
    assert "foto" in page.lower()
    assert (await desk.report(ONE)).status is Status.FORWARDED


@pytest.mark.parametrize(
    ("act", "fields", "said"),
    [
        ("answer", {"text": "  "}, "no_text"),
        ("answer", {"text": "Selesai pada ___."}, "blank_left"),
        ("ask", {"text": "?" * 481}, "long_text"),
        ("delegate", {"unit": ""}, "no_unit"),
        ("assign", {"officer": ""}, "choose_officer"),
        ("copy", {}, "choose_agency"),
    ],
)
async def test_what_is_missing_is_said_beside_what_was_typed(
    desk: Office, rini: Caller, act: str, fields: dict[str, str], said: str
) -> None:
    before = await logged(desk)
    code, page, _ = await rini.act(act, **fields)
    assert code == 422
    assert words("console").table("refusal")[said].partition("{")[0] in page
    assert f'id="act-{act}" name="act" open' in page
    assert fields.get("text", "").strip() in page
    assert await logged(desk) == before


async def test_a_colleague_who_was_faster_is_named_and_what_was_typed_stays(
    desk: Office, rini: Caller, url: str
) -> None:
    form = await rini.form()
    async with caller(url, "budi") as budi:
        assert (await budi.act("progress", text="Tim sudah berangkat."))[0] == 303
    code, page, _ = await rini.send(
        f"/inbox/{ONE}/answer", {**form, "text": "Besok kami perbaiki."}
    )
    assert code == 409
    assert "budi lebih dulu: dijawab instansi" in page
    assert "Besok kami perbaiki.</textarea>" in page
    assert "Tim sudah berangkat." in page, "the page is fresh"
    assert (await desk.report(ONE)).status is Status.IN_PROGRESS
    again = {"text": "Besok kami perbaiki."}
    assert (await rini.act("answer", **again))[0] == 303


async def test_a_form_without_the_version_it_was_made_on_changes_nothing(
    desk: Office, rini: Caller
) -> None:
    csrf = (await rini.form())["csrf"]
    for version in ("", "x", "-1", "9" * 30):
        fields = {"csrf": csrf, "version": version, "text": "Sudah."}
        assert (await rini.send(f"/inbox/{ONE}/answer", fields))[0] == 409
    assert (await rini.send(f"/inbox/{ONE}/answer", {"version": "2", "text": "Sudah."}))[0] == 403
    assert (await desk.report(ONE)).status is Status.FORWARDED


async def test_a_text_is_shown_as_its_reporter_will_read_it(desk: Office, rini: Caller) -> None:
    form = await rini.form()
    fields = {**form, "text": "Sudah kami perbaiki."}
    whole = f"Jawaban {OWN.name} atas laporan 4821-0937-0011: Sudah kami perbaiki."
    code, part, _ = await rini.send(
        f"/inbox/{ONE}/preview/answer", fields, **{"HX-Request": "true"}
    )
    assert (code, whole in part, "<html" in part) == (200, True, False)
    code, page, _ = await rini.send(f"/inbox/{ONE}/preview/answer", fields)
    assert (code, whole in page, "Sudah kami perbaiki.</textarea>" in page) == (200, True, True)
    # Without scripts a sample is chosen, and the preview fills it in.
    fields = {**form, "template": "service"}
    _, page, _ = await rini.send(f"/inbox/{ONE}/preview/answer", fields)
    assert "sebutkan nomor 4821-0937-0011" in page
    assert (await rini.send(f"/inbox/{ONE}/preview/nope", fields))[0] == 404
    assert (await desk.report(ONE)).status is Status.FORWARDED


async def test_samples_are_in_the_language_of_the_report(desk: Office, rini: Caller) -> None:
    await desk.put(report(2, language="en"))
    _, page = await rini.get(f"/inbox/{report(2).id}")
    assert "We repaired it on ___" in page
    _, page = await rini.get(f"/inbox/{ONE}")
    assert "Sudah kami perbaiki pada ___" in page
    assert "{instansi}" not in page


async def test_agencies_are_found_with_and_without_scripts(rini: Caller) -> None:
    _, part = await rini.get(f"/inbox/{ONE}/agencies?q=pln")
    assert f'value="{PLN.id}"' in part
    fields = {**await rini.form(), "q": "pln", "text": "Kabelnya milik PLN."}
    _, page, _ = await rini.send(f"/inbox/{ONE}/agencies/refuse", fields)
    assert f'value="{PLN.id}"' in page
    assert "Kabelnya milik PLN.</textarea>" in page
    _, part = await rini.get(f"/inbox/{ONE}/agencies?q=zzzz")
    assert "zzzz" in part


async def test_a_cover_sees_the_work_of_who_is_away(desk: Office, rini: Caller, url: str) -> None:
    back = (datetime.now(UTC) + timedelta(days=9)).date().isoformat()
    form = {"csrf": (await rini.form())["csrf"]}
    await rini.act("assign", mine="1")
    for wrong in ({"cover": "budi"}, {"until": back}, {"cover": "rini", "until": back}):
        code, page, _ = await rini.send("/inbox/cover", {**form, **wrong})
        assert code == 422, wrong
        assert "pilih penggantinya" in page
    assert (await rini.send("/inbox/cover", {**form, "cover": "sari", "until": back}))[0] == 409
    async with caller(url, "budi") as budi:
        assert ONE not in (await budi.get("/inbox?mine=1"))[1]
        code, _, after = await rini.send("/inbox/cover", {**form, "cover": "budi", "until": back})
        assert (code, after) == (303, "/console/inbox?done=cover")
        assert ONE in (await budi.get("/inbox?mine=1"))[1]
        assert "digantikan oleh budi" in (await rini.get("/inbox"))[1]
        assert (await rini.send("/inbox/cover", {**form, "back": "1"}))[0] == 303
        assert ONE not in (await budi.get("/inbox?mine=1"))[1]


async def test_what_is_finished_or_a_copy_is_only_read(desk: Office, url: str) -> None:
    await desk.put(report(2, status=Status.CLOSED_BY_REPORTER))
    async with caller(url, "rini") as rini:
        _, page = await rini.get(f"/inbox/{report(2).id}")
        assert 'class="act"' not in page
        await rini.act("copy", agency=OTHER.id)
    async with caller(url, "sari") as sari:
        _, page = await sari.get("/inbox?box=copies")
        assert ONE in page
        _, page = await sari.get(f"/inbox/{ONE}")
        assert 'class="act"' not in page
        assert "tembusan dari" in page
        code, page, _ = await sari.act("answer", text="Bukan kami yang menjawab.")
        assert code in (404, 409)
    assert (await desk.report(ONE)).status is Status.FORWARDED


def test_every_act_has_its_words() -> None:
    done = words("console").table("done")
    said = words("console").table("officer")
    assert {f"officer_{name}" for name in DONE} == {k for k in done if k.startswith("officer_")}
    assert {act.name for act in ACTS} == {*DONE} - {"cover"}
    assert {f"{act.name}_lead" for act in ACTS if act.name != "copy"} <= said.keys()
