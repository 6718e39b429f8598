"""The console over real HTTP: who gets in, what a page may do, and what it never shows."""

import asyncio
import hashlib
import html
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from config.words import words
from gateway.access.roles import system
from gateway.portals.console import labels
from gateway.portals.console.pages import HEADERS, STATIC
from gateway.store.engine import Unavailable
from gateway.store.exchanges import ExchangeView
from gateway.store.views import LaneView
from normalizer import masking
from normalizer import report as schema
from normalizer.message import FileNote, FileState, Kind, Level
from tests.gateway.office import (
    ADDRESS,
    AGENCIES,
    NAME,
    PASSWORD,
    Clock,
    Office,
    assignment,
    console,
    failing,
    office,
    report,
    unsure,
)

WORDS = labels.Labels("id")
HTMX = {"HX-Request": "true"}
PAGES = (
    "/",
    "/triage",
    "/failed",
    "/public",
    "/find?q=1",
    "/agencies?q=dinas",
    f"/reports/{report(1).id}",
    "/exchanges/sms",
    "/ended",
)
PARTS = ("overview", "latest", "menu", "triage", "dead", "quarantine")
CHANGES = (
    f"/reports/{unsure(2).id}/assign",
    f"/reports/{unsure(2).id}/archive",
    f"/reports/{report(1).id}/unseal",
    f"/reports/{report(1).id}/publish",
    f"/reports/{report(1).id}/keep-private",
    "/failed/replay",
    "/quarantine/q1/release",
    "/quarantine/q1/dismiss",
    "/alerts/q1/acknowledge",
    f"/reports/{unsure(2).id}/reopen",
    "/logout",
    "/logout/everywhere",
)


@dataclass
class Visitor:
    """A browser without a screen."""

    url: str
    http: aiohttp.ClientSession
    csrf: str = ""

    @property
    def origin(self) -> str:
        return self.url.removesuffix("/console")

    async def get(self, path: str, **headers: str) -> tuple[aiohttp.ClientResponse, str]:
        async with self.http.get(
            self.url + path, headers=headers, allow_redirects=False
        ) as response:
            return response, await response.text()

    async def post(
        self, path: str, headers: Mapping[str, str] | None = None, /, **fields: str
    ) -> tuple[aiohttp.ClientResponse, str]:
        sent = {"Origin": self.origin} if headers is None else headers
        async with self.http.post(
            self.url + path, data=fields, headers=sent, allow_redirects=False
        ) as response:
            return response, await response.text()

    async def seen(self, path: str) -> dict[str, str]:
        """Return the version of a report that its page shows to somebody who is to decide."""
        if not (found := re.match(r"(/reports/[^/]+)/(?:assign|archive|reopen)$", path)):
            return {}
        _, page = await self.get(found[1])
        shown = re.search(r'name="version" value="(\d+)"', page)
        return {"version": shown[1]} if shown else {}

    async def act(self, path: str, **fields: str) -> tuple[aiohttp.ClientResponse, str]:
        """Post as htmx on our own page would, on what the page shows."""
        fields = {**await self.seen(path), **fields}
        headers = {**HTMX, "Origin": self.origin, "X-CSRF-Token": self.csrf}
        return await self.post(path, headers, **fields)

    async def log_in(self) -> None:
        response, _ = await self.post("/login", name=NAME, password=PASSWORD)
        assert response.status == 303, await response.text()
        _, page = await self.get("/failed")
        found = re.search(r'name="csrf" value="([^"]+)"', page)
        assert found
        self.csrf = found[1]


@pytest.fixture
def clock() -> Clock:
    return Clock(still=datetime.now(UTC))


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as desk:
        await desk.put(report(1), unsure(2))
        await desk.kill(7)
        await desk.hold("q1")
        await desk.alarm("q1", report(1))
        yield desk


@pytest.fixture
async def guest(desk: Office, clock: Clock) -> AsyncIterator[Visitor]:
    jar = aiohttp.CookieJar(unsafe=True)  # "unsafe" is aiohttp's word for cookies of IP addresses
    async with console(desk, clock) as url, aiohttp.ClientSession(cookie_jar=jar) as http:
        yield Visitor(url, http)


@pytest.fixture
async def operator(guest: Visitor) -> Visitor:
    await guest.log_in()
    return guest


# Who gets in


async def test_a_page_sends_strangers_to_the_login_and_back(guest: Visitor) -> None:
    for path in PAGES:
        response, _ = await guest.get(path)
        assert response.status == 303, path
        bare = path.partition("?")[0]
        assert response.headers["Location"] == f"/console/login?next=/console{bare}"


async def test_a_part_sends_the_whole_page_to_the_login(guest: Visitor) -> None:
    for part in PARTS:
        response, body = await guest.get(f"/parts/{part}", **HTMX)
        assert response.status == 401, part
        assert response.headers["HX-Redirect"].startswith("/console/login")
        assert body == ""


async def test_a_stranger_changes_nothing(guest: Visitor, desk: Office) -> None:
    before = await desk.state()
    for path in CHANGES:
        response, _ = await guest.post(path, agency=AGENCIES[0].id, id="all", reason="iseng")
        assert response.status == 403, path
        assert await desk.state() == before, path


@pytest.mark.parametrize("secure", [True, False])
async def test_the_cookie_is_kept_from_scripts_and_other_sites(desk: Office, secure: bool) -> None:
    async with (
        console(desk, Clock(), secure=secure) as url,
        aiohttp.ClientSession() as http,
    ):
        response, _ = await Visitor(url, http).post("/login", name=NAME, password=PASSWORD)
    flags = {f.strip().lower() for f in response.headers["Set-Cookie"].split(";")[1:]}
    assert flags == {"httponly", f"path={'/' if secure else '/console'}", "samesite=strict"} | (
        {"secure"} if secure else set()
    )


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        ("/console/triage", "/console/triage"),
        ("/console/reports/1-2-3", "/console/reports/1-2-3"),
        ("https://evil.example/", "/console/"),
        ("//evil.example", "/console/"),
        ("/console/\r\nSet-Cookie: a=b", "/console/"),
        ("/console\\@evil.example", "/console/"),
        ("/console/login?next=/console/", "/console/"),
        ("/console/parts/latest", "/console/"),
        ("", "/console/"),
    ],
)
async def test_login_leads_only_into_the_console(guest: Visitor, wanted: str, given: str) -> None:
    response, _ = await guest.post("/login", name=NAME, password=PASSWORD, next=wanted)
    assert (response.status, response.headers["Location"]) == (303, given)


async def test_a_wrong_password_says_so_and_keeps_the_name(guest: Visitor) -> None:
    response, page = await guest.post("/login", name='"><b>x', password="salah")
    assert response.status == 401
    assert "Set-Cookie" not in response.headers
    assert "Nama atau kata sandi salah." in page
    assert 'value="&#34;&gt;&lt;b&gt;x"' in page
    assert "salah" not in page.replace("sandi salah", "")


async def test_logging_out_ends_the_session_itself(operator: Visitor, desk: Office) -> None:
    response, _ = await operator.post("/logout", csrf=operator.csrf)
    assert response.status == 303
    assert await desk.sessions() == 0
    assert (await operator.get("/"))[0].status == 303


# Guessing


async def test_the_eleventh_guess_at_a_name_waits(guest: Visitor, clock: Clock) -> None:
    for _ in range(10):
        assert (await guest.post("/login", name=NAME, password="tebak"))[0].status == 401
    response, page = await guest.post("/login", name=NAME.upper(), password=PASSWORD)
    assert response.status == 429
    assert response.headers["Retry-After"] == "900"
    assert "15 menit" in page
    clock.ahead = timedelta(minutes=15, seconds=1)
    assert (await guest.post("/login", name=NAME, password=PASSWORD))[0].status == 303


async def test_a_thousand_guesses_at_once_are_also_counted(guest: Visitor) -> None:
    tries = [guest.post("/login", name=NAME, password=str(n)) for n in range(40)]
    statuses = [response.status for response, _ in await asyncio.gather(*tries)]
    assert (statuses.count(401), statuses.count(429)) == (10, 30)


async def test_one_address_cannot_try_many_names(guest: Visitor) -> None:
    statuses = [
        (await guest.post("/login", name=f"nama{n}", password="x"))[0].status for n in range(32)
    ]
    assert statuses == [401] * 30 + [429] * 2


async def test_right_passwords_cost_no_tries(guest: Visitor) -> None:
    for _ in range(12):
        assert (await guest.post("/login", name=NAME, password=PASSWORD))[0].status == 303


# Forged forms

_FOREIGN = [
    {},
    {"Origin": "null"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://127.0.0.1:1"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]


async def test_login_from_another_site_is_refused(guest: Visitor) -> None:
    for headers in _FOREIGN:
        response, _ = await guest.post("/login", headers, name=NAME, password=PASSWORD)
        assert response.status == 403, headers
        assert "Set-Cookie" not in response.headers, headers


@pytest.mark.parametrize("headers", _FOREIGN)
async def test_a_change_from_another_site_is_refused(
    operator: Visitor, desk: Office, headers: dict[str, str]
) -> None:
    fields = {"csrf": operator.csrf, "agency": AGENCIES[0].id, "id": "all", "reason": "x"}
    before = await desk.state()
    for path in CHANGES:
        assert (await operator.post(path, headers, **fields))[0].status == 403, path
        assert await desk.state() == before, path


@pytest.mark.parametrize("token", ["", "salah", "csrf-1-of-this-session", "é"])
async def test_a_form_without_the_sessions_token_is_refused(
    operator: Visitor, desk: Office, token: str
) -> None:
    fields = {"csrf": token, "agency": AGENCIES[0].id, "id": "all", "reason": "x"}
    before = await desk.state()
    for path in CHANGES:
        assert (await operator.post(path, **fields))[0].status == 403, path
        assert await desk.state() == before, path


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"csrf=" + b"a" * 70_000, "application/x-www-form-urlencoded", 413),
        (b"&".join([b"a=1"] * 6_000), "application/x-www-form-urlencoded", 413),
        (b"{}", "application/json", 415),
        (b"\xff\xfe=%ff", "application/x-www-form-urlencoded", 403),
    ],
)
async def test_a_strange_body_gets_a_clear_refusal(
    operator: Visitor, body: bytes, kind: str, status: int
) -> None:
    headers = {"Origin": operator.origin, "Content-Type": kind}
    async with operator.http.post(
        operator.url + "/failed/replay", data=body, headers=headers
    ) as response:
        assert response.status == status
        assert "Kanal" in await response.text()


# What every answer carries

_ANSWERS = ("/", "/login", "/nope", "/reports/nope", "/parts/triage")


async def test_every_answer_carries_the_strict_headers(operator: Visitor) -> None:
    for path in _ANSWERS:
        response, _ = await operator.get(path)
        assert {k: response.headers[k] for k in HEADERS} == HEADERS, path
        assert response.headers["Cache-Control"] == "no-store", path
        assert "unsafe" not in response.headers["Content-Security-Policy"], path


async def test_static_files_are_open_and_may_be_kept(guest: Visitor) -> None:
    _, page = await guest.get("/login")
    addresses = re.findall(r'(?:href|src)="/console(/static/[^"]+)"', page)
    assert addresses
    for address in addresses:
        response, _ = await guest.get(address)
        assert response.status == 200
        assert "immutable" in response.headers["Cache-Control"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"


class _Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


async def test_no_page_needs_what_the_policy_forbids(operator: Visitor) -> None:
    for path in (*PAGES, "/login", "/nope"):
        _, page = await operator.get(path)
        for tag, attributes in _Tags(page).seen:
            assert tag != "style", path
            assert tag != "script" or attributes.get("src", ""), path
            risky = [a for a in attributes if a == "style" or a.startswith(("on", "hx-on"))]
            assert not risky, path


async def test_every_field_has_a_name_for_who_cannot_see_it(operator: Visitor) -> None:
    for path in ("/triage", "/failed"):
        _, page = await operator.get(path)
        unlabelled = re.sub(r"<label.*?</label>", "", page, flags=re.DOTALL)
        fields = [a for tag, a in _Tags(unlabelled).seen if tag == "input"]
        visible = [a for a in fields if a.get("type") != "hidden"]
        assert visible
        assert all(a.get("aria-label") for a in visible)


async def test_the_calls_of_a_channel_are_shown_and_lead_back_to_their_message(
    operator: Visitor, desk: Office
) -> None:
    at, id = desk.house.clock(), report(1).id
    target, error = "api.example/…/<b>", "Unreachable"
    calls = [
        ExchangeView(
            "paper", at, "out", "POST", target, None, 2.5, True, error, '{"ok": false}', id
        ),
        ExchangeView("email", at, "out", "SMTP", "mx.example", None, 0.1, False, "", "", "other"),
    ]
    await desk.house.store.exchanges.put(calls)
    response, page = await operator.get("/exchanges/paper")
    assert response.status == 200
    for shown in ("POST api.example/…/&lt;b&gt;", error, "2.50 dtk", "&#34;ok&#34;", id, "keluar"):
        assert shown in page, shown
    assert "mx.example" not in page
    _, overview = await operator.get("/")
    assert 'href="/console/exchanges/paper"' in overview


@pytest.mark.parametrize("channel", ["nobody", "%3Cscript%3E"])
async def test_a_channel_that_there_is_not_has_no_calls(operator: Visitor, channel: str) -> None:
    response, _ = await operator.get(f"/exchanges/{channel}")
    assert response.status == 404


# What pages never show

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> {{ 7*'xy' }} @seen@ </mark>"


async def test_hostile_text_stays_text(operator: Visitor, desk: Office) -> None:
    first_tags = await _all_tags(operator)
    words = dict.fromkeys(("title", "text", "original", "whole"), HOSTILE)
    await desk.put(*(make(n, **words) for n, make in _MAKERS))
    await desk.kill(7, error=HOSTILE, message_id=HOSTILE)
    await desk.hold("q1", detail=HOSTILE, reason=HOSTILE)
    assert await _all_tags(operator) == first_tags
    _, page = await operator.get(f"/reports/{report(1).id}")
    assert html.escape(HOSTILE[:24]) in page
    assert "xy" * 7 not in page


_MAKERS = ((1, report), (2, unsure))


async def _all_tags(operator: Visitor) -> set[str]:
    paths = ("/", "/triage", "/failed", f"/reports/{report(1).id}", f"/reports/{unsure(2).id}")
    pages = [(await operator.get(path))[1] for path in paths]
    return {tag for page in pages for tag, _ in _Tags(page).seen} - {"details", "summary"}


async def test_what_the_reporter_filled_in_is_shown(operator: Visitor, desk: Office) -> None:
    more = {"whole": "Surat <i>lama</i>", "notes": ("mail_reply_to", "parts_missing: 1/2")}
    filled = report(9, address="Gang <b>Mawar</b> 3", chosen_agency="PLN", **more)
    await desk.put(filled)
    _, body = await operator.get(f"/reports/{filled.id}")
    assert "Gang &lt;b&gt;Mawar&lt;/b&gt; 3" in body
    assert "Surat &lt;i&gt;lama&lt;/i&gt;" in body
    assert WORDS.note("mail_reply_to") in body
    assert WORDS.note("parts_missing: 1/2") in body
    assert "Dugaan pelapor" in body
    assert "PLN" in body
    _, body = await operator.get(f"/reports/{report(1).id}")
    assert "Dugaan pelapor" not in body


async def test_how_far_each_delivery_is_is_shown_with_its_times(
    operator: Visitor, desk: Office
) -> None:
    await desk.write(report(1))
    _, body = await operator.get(f"/reports/{report(1).id}")
    (delivery,) = re.findall(r'<li class="delivery">(.*?)</li>', body, re.DOTALL)
    assert re.findall(r'class="badge o-(\w+)">(\w+)<', delivery) == [("fetched", "diambil")]
    steps = delivery.partition("</p>")[2]
    assert re.findall(r"(\w+) <time", steps) == ["disediakan", "diambil"]
    (told,) = re.findall(r'<li class="said us">(.*?)</li>', body, re.DOTALL)
    assert re.findall(r'class="badge o-(\w+)">(\w+)<', told) == [("sent", "terkirim")]


async def test_the_reporter_stays_sealed(operator: Visitor, desk: Office) -> None:
    await desk.put(report(1, anonymous=True, confidential=True))
    await desk.kill(7, error=f"30003: {ADDRESS} is unreachable, warga@desa.example bounced")
    await desk.hold("q1", detail="dari 081234567890")
    for path in ("/", "/triage", "/failed", f"/reports/{report(1).id}"):
        _, page = await operator.get(path)
        assert not [a for a in (ADDRESS, "sealed:", "a1b2", "warga@", "081234") if a in page], path
    assert ">anonim<" in page
    assert ">rahasia<" in page
    assert "tersegel" in page


# Parts that keep themselves fresh


@pytest.mark.parametrize("part", ["overview", "latest", "menu?page=overview", "dead"])
async def test_nothing_new_costs_no_body(operator: Visitor, part: str) -> None:
    response, body = await operator.get(f"/parts/{part}")
    assert response.status == 200
    own = re.search(r'hx-get="/console(/parts/[^"]+)"', body)
    assert own
    again, nothing = await operator.get(html.unescape(own[1]))
    assert (again.status, nothing) == (204, "")


async def test_the_first_page_already_names_what_it_shows(operator: Visitor) -> None:
    _, page = await operator.get("/")
    polls = re.findall(r'hx-get="/console(/parts/[^"]+)"', page)
    assert len(polls) == 3
    statuses = [(await operator.get(html.unescape(poll)))[0].status for poll in polls]
    assert statuses == [204, 204, 204]


async def test_open_pages_share_one_look_per_second(
    operator: Visitor, desk: Office, clock: Clock
) -> None:
    _, first_look = await operator.get("/parts/overview")
    async with desk.house.store.unit() as unit:
        await unit.quarantine.tally({("paper", "forged"): 4_711})
    for _ in range(5):
        assert (await operator.get("/parts/overview"))[1] == first_look
        await operator.get("/parts/menu?page=overview")
    clock.ahead = timedelta(seconds=1)
    assert "4.711" in (await operator.get("/parts/overview"))[1]


async def test_lanes_that_are_not_well_stand_on_the_first_page_and_only_a_few_of_them(
    operator: Visitor, desk: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 'id="h-lanes"' not in (await operator.get("/"))[1]

    async def troubled() -> tuple[LaneView, ...]:
        sms = LaneView("notifications", "sms", failing=12, late=1_340.0)
        return sms, *(LaneView("deliveries", f"kantor-{n}", 1, 0.0) for n in range(3_000))

    monkeypatch.setattr(desk.house.store, "troubled_lanes", troubled)
    monkeypatch.setattr(desk.house.services.operators._lanes, "seconds", 0.0)
    _, page = await operator.get("/")
    assert page.count('id="lane-') == 10
    assert "tertunda 1.340 detik" in page
    assert "12 gagal, dicoba lagi" in page
    assert "dan 2.991 lagi" in page


async def test_a_new_report_is_marked_once(operator: Visitor, desk: Office) -> None:
    _, body = await operator.get("/parts/latest")
    await desk.put(report(9, received_at=datetime.now(UTC) + timedelta(seconds=1)))
    response, body = await operator.get(_poll_of(body))
    assert response.status == 200
    assert body.count("fresh") == 1
    assert "1 laporan baru" in body
    assert (await operator.get(_poll_of(body)))[0].status == 204


def _poll_of(body: str) -> str:
    found = re.search(r'hx-get="/console([^"]+)"', body)
    assert found
    return html.unescape(found[1])


async def test_a_broken_poll_still_gets_the_list(operator: Visitor) -> None:
    for after in ("", "nan", "inf", "-1e99", "kemarin", "1;2"):
        response, body = await operator.get(f"/parts/latest?after={after}")
        assert response.status == 200, after
        assert report(1).tracking[:4] in body, after


# Decisions


async def test_one_click_assigns_and_says_to_whom(operator: Visitor, desk: Office) -> None:
    chosen = AGENCIES[1]
    response, body = await operator.act(f"/reports/{unsure(2).id}/assign", agency=chosen.id)
    assert response.status == 200
    assert await desk.acts("assigned_by_operator") == [(unsure(2).id, NAME, "")]
    assert f"ditujukan ke {chosen.name}." in body
    assert _Tags(body).seen[0][1].get("hx-swap-oob"), "anything before it would stay as a card"


async def test_a_report_is_archived_for_a_reason_and_only_once(
    operator: Visitor, desk: Office
) -> None:
    path = f"/reports/{unsure(2).id}/archive"
    assert (await operator.act(path, reason="  "))[0].status == 422
    response, body = await operator.act(path, reason="Bukan laporan.")
    assert response.status == 200
    assert await desk.acts("archived_by_admin") == [(unsure(2).id, NAME, "Bukan laporan.")]
    assert "diarsipkan; alasannya dicatat." in body
    assert (await operator.act(path, reason="Bukan laporan."))[0].status == 409


@pytest.mark.parametrize("script", [True, False])
async def test_what_the_machine_set_aside_is_listed_and_routed_after_all(
    operator: Visitor, desk: Office, script: bool
) -> None:
    at = desk.house.clock()
    scope = schema.Scope(id="prank", name="Pesan iseng")
    made = assignment(schema.Outcome.TRIAGE, at, None, 0.95).model_copy(update={"scope": scope})
    ended = report(
        5, status=schema.Status.ARCHIVED_BY_SYSTEM, assignment=made, received_at=at, text="<b>wkwk"
    )
    await desk.put(ended)
    _, page = await operator.get("/ended?day=nonsense")
    assert "&lt;b&gt;wkwk" in page
    assert page.count('class="card"') == 1
    path = f"/reports/{ended.id}/reopen"
    if script:
        response, told = await operator.act(path)
        assert (response.status, "disalurkan sebagai laporan." in told) == (200, True)
    else:
        seen = await operator.seen(path)
        response, _ = await operator.post(path, csrf=operator.csrf, **seen)
        assert response.headers["Location"] == f"/console/reports/{ended.id}"
    assert await desk.acts("reopened") == [(ended.id, NAME, "")]
    assert (await operator.act(path))[0].status == 409
    assert 'class="card"' not in (await operator.get("/ended"))[1]


async def test_who_comes_second_is_told(operator: Visitor, desk: Office) -> None:
    path = f"/reports/{unsure(2).id}/assign"
    await operator.act(path, agency=AGENCIES[0].id)
    response, body = await operator.act(path, agency=AGENCIES[0].id)
    assert response.status == 409
    assert f"sudah ada di {AGENCIES[0].name}" in body
    assert len(await desk.acts("assigned_by_operator")) == 1
    fields = {"agency": AGENCIES[0].id, **await operator.seen(path)}
    plain, page = await operator.post(path, csrf=operator.csrf, **fields)
    assert plain.status == 409
    assert f"sudah ada di {AGENCIES[0].name}" in page


async def test_deciding_on_an_old_page_changes_nothing(operator: Visitor, desk: Office) -> None:
    _, page = await operator.get(f"/reports/{unsure(2).id}")
    shown = re.search(r'name="version" value="([^"]+)"', page)
    assert shown
    path = f"/reports/{unsure(2).id}/assign"
    await operator.act(path, agency=AGENCIES[0].id, version=shown[1])
    response, body = await operator.act(path, agency=AGENCIES[1].id, version=shown[1])
    assert response.status == 409
    assert f"{NAME} → {AGENCIES[0].name}" in body
    given = (await desk.report(unsure(2).id)).assignment
    assert given is not None
    assert given.agency == AGENCIES[0]


@pytest.mark.parametrize(("status", "offered"), [("answered", True), ("closed_by_admin", False)])
async def test_a_decision_can_be_undone_until_the_report_is_closed(
    operator: Visitor, desk: Office, status: str, offered: bool
) -> None:
    await desk.put(report(1, status=schema.Status(status)))
    _, page = await operator.get(f"/reports/{report(1).id}")
    assert ("Alihkan ke instansi lain" in page) == offered


async def test_what_went_to_the_agency_is_told_but_not_printed(
    operator: Visitor, desk: Office
) -> None:
    await desk.write(report(1))
    _, page = await operator.get(f"/reports/{report(1).id}")
    assert "Ke instansi" in page
    assert "specversion" not in page
    assert "Laporan Anda diterima." in page


async def test_what_was_decided_leaves_the_quarantine(operator: Visitor, desk: Office) -> None:
    await desk.hold("q1", state="released")
    await desk.hold("q2", state="dismissed")
    await desk.hold("q3", state="noted", reason="automatic")
    _, page = await operator.get("/failed")
    assert re.findall(r'id="q-(\w+)"', page) == ["q3"]
    assert "Balasan otomatis" in page
    response, body = await operator.get("/parts/quarantine")
    assert re.findall(r'id=\\"q-(\w+)', body) == ["q3"]
    known = response.headers["Live-Mark"]
    assert (await operator.get(f"/parts/quarantine?{known}"))[0].status == 204


async def test_choosing_no_agency_is_explained(operator: Visitor) -> None:
    response, body = await operator.act(f"/reports/{unsure(2).id}/assign")
    assert (response.status, response.headers["HX-Retarget"]) == (422, "#notice")
    assert "Pilih instansi tujuan." in body


async def test_agencies_are_found_while_typing(operator: Visitor) -> None:
    _, body = await operator.get("/agencies?q=zzz&region=64.72")
    assert "<button" not in body
    assert "Tidak ada instansi" in body
    _, body = await operator.get("/agencies?q=tirta+kencana&region=../../x")
    assert f'value="{AGENCIES[2].id}"' in body
    assert (await operator.get("/agencies?q="))[1].strip() == ""


async def test_an_accused_agency_is_not_offered_by_the_search(
    operator: Visitor, desk: Office
) -> None:
    accused = schema.Recusal(office="pdam", name="PDAM", agencies=("regency/pdam",))
    await desk.put(report(4, recusals=(accused,)))
    _, page = await operator.get(f"/reports/{report(4).id}")
    assert f"/agencies?report={report(4).id}&amp;region=" in page
    for query in ("pdam", "perumda"):
        _, body = await operator.get(f"/agencies?report={report(4).id}&q={query}&region=64.72")
        assert '-pdam"' not in body.replace("31-pdam", "")
        assert "6472-pdam" not in body
    assert "Pihak terlapor tidak ditawarkan" in body
    _, body = await operator.get(f"/agencies?report={report(4).id}&q=pln")
    assert 'value="pln"' in body
    assert "terlapor" not in body


@pytest.mark.parametrize(("chosen", "sent"), [("7", [7]), ("all", [7, 8]), ("99", [])])
async def test_dead_letters_go_again(
    operator: Visitor, desk: Office, chosen: str, sent: list[int]
) -> None:
    await desk.kill(8)
    response, body = await operator.act("/failed/replay", id=chosen)
    assert response.status == 200
    assert await desk.dead() == [id for id in (7, 8) if id not in sent]
    assert ("dikirim ulang" in body) == bool(sent)
    assert body.count('class="card"') == 2 - len(sent)


async def test_a_number_that_is_none_is_refused(operator: Visitor, desk: Office) -> None:
    assert (await operator.act("/failed/replay", id="7 OR 1=1"))[0].status == 422
    assert await desk.dead() == [7]


async def test_who_reported_is_shown_for_a_reason_only(operator: Visitor, desk: Office) -> None:
    path = f"/reports/{report(1).id}/unseal"
    assert (await operator.act(path, reason="  "))[0].status == 422
    assert await desk.acts("unsealed") == []
    response, body = await operator.act(path, reason="korban perlu dijemput")
    assert response.status == 200
    assert "no-store" in response.headers["cache-control"]
    assert "sri@desa.example" in body
    ((opened, by, why),) = await desk.acts("unsealed")
    assert (opened, why) == (report(1).id, "korban perlu dijemput")
    assert by in body
    assert (await operator.act("/reports/none/unseal", reason="x"))[0].status == 409


async def test_quarantine_opens_and_closes(operator: Visitor, desk: Office) -> None:
    await desk.hold("q2")
    assert (await operator.act("/quarantine/q2/dismiss", reason="  "))[0].status == 422
    response, body = await operator.act("/quarantine/q2/dismiss", reason="iklan")
    assert (response.status, await desk.decided()) == (200, {"q2": ("dismissed", "iklan")})
    response, body = await operator.act("/quarantine/q1/release")
    assert (response.status, (await desk.decided())["q1"][0]) == (200, "released")
    assert await desk.house.counted("messages") == 1
    assert "diproses sebagai laporan" in body
    assert (await operator.act("/quarantine/q1/release"))[0].status == 409


async def test_danger_nobody_answers_stands_on_top_until_somebody_takes_it(
    operator: Visitor, desk: Office
) -> None:
    await desk.put(report(5), report(6))
    await desk.alarm("a2", report(5), passed_by=True, is_over=True)
    await desk.alarm("a3", report(6), told=())
    for path in ("/", "/parts/overview"):
        _, page = await operator.get(path)
        assert page.index("Bahaya: belum ada yang menangani") < page.index("laporan hari ini")
        assert page.count("Saya tangani") == 3
        assert "tidak ada yang menjawab, tidak diulang lagi" in page
        assert "Belum ada yang diberi tahu" in page
        assert ADDRESS not in page
    for id in ("q1", "a2", "a3"):
        assert (await operator.act(f"/alerts/{id}/acknowledge"))[0].status == 200
    by = await desk.house.rows("SELECT acknowledged_by FROM alerts")
    assert [row[0] for row in by] == [NAME] * 3
    assert (await operator.act("/alerts/q1/acknowledge"))[0].status == 409
    assert "Bahaya:" not in (await operator.get("/"))[1]


@pytest.mark.parametrize(
    ("path", "fields", "then"),
    [
        (CHANGES[0], {"agency": AGENCIES[0].id}, f"/console/reports/{unsure(2).id}"),
        (CHANGES[1], {"reason": "Bukan laporan."}, f"/console/reports/{unsure(2).id}"),
        ("/failed/replay", {"id": "7"}, "/console/failed"),
        ("/quarantine/q1/release", {}, "/console/failed"),
        ("/quarantine/q1/dismiss", {"reason": "iklan"}, "/console/failed"),
        ("/alerts/q1/acknowledge", {}, "/console/"),
    ],
)
async def test_everything_works_without_script(
    operator: Visitor, path: str, fields: dict[str, str], then: str
) -> None:
    seen = await operator.seen(path)
    response, _ = await operator.post(path, csrf=operator.csrf, **fields, **seen)
    assert (response.status, response.headers["Location"]) == (303, then)


@pytest.mark.parametrize("path", CHANGES[:2])
async def test_a_form_that_names_no_version_decides_nothing(
    operator: Visitor, desk: Office, path: str
) -> None:
    for version in ("", "x", "-1", "99"):
        fields = {"agency": AGENCIES[0].id, "reason": "Bukan laporan.", "version": version}
        response, _ = await operator.post(path, csrf=operator.csrf, **fields)
        assert response.status == 409
    assert (await desk.report(unsure(2).id)).status is schema.Status.TRIAGE


# What the public may read


async def test_while_masking_is_not_trusted_the_page_says_why_nothing_is_released(
    operator: Visitor, desk: Office
) -> None:
    topic = schema.Topic(id="lampu-jalan", name="Lampu jalan", confidence=0.9)
    await desk.put(report(4, public=True, topic=topic))
    _, page = await operator.get("/public")
    assert ("tetap tertutup untuk umum" in page) == bool(masking.UNTRUSTED)
    assert ("Buka untuk umum" in page) != bool(masking.UNTRUSTED)
    assert "Jangan tampilkan" in page


@pytest.mark.usefixtures("trusted")
async def test_words_are_shown_as_the_public_would_read_them_and_released(
    operator: Visitor, desk: Office
) -> None:
    topic = schema.Topic(id="lampu-jalan", name="Lampu jalan", confidence=0.9)
    said = "Lampu mati, hubungi 0812-3456-7890 <b>"
    await desk.put(report(4, public=True, topic=topic, text=said, original=said))
    _, page = await operator.get("/public")
    assert "[disembunyikan] &lt;b&gt;" in page
    assert "0812" not in page
    found = re.search(r'name="name" value="([0-9a-f]{64})"', page)
    assert found
    response, told = await operator.act(f"/reports/{report(4).id}/publish", name="0" * 64)
    assert response.status == 409
    response, told = await operator.act(f"/reports/{report(4).id}/publish", name=found[1])
    assert (response.status, "terbuka untuk umum" in told) == (200, True)
    assert (await desk.report(report(4).id)).release is not None
    _, page = await operator.get("/public")
    assert "Tarik kembali" in page
    await operator.act(f"/reports/{report(4).id}/keep-private")
    kept = (await desk.report(report(4).id)).release
    assert kept is not None
    assert not kept.shown


# Finding a report


@pytest.mark.parametrize("separator", ["", "-", " ", ". "])
async def test_a_number_leads_to_its_report(operator: Visitor, separator: str) -> None:
    number = report(1).tracking
    written = separator.join((number[:4], number[4:8], number[8:]))
    response, _ = await operator.get(f"/find?q={written}")
    assert response.headers["Location"] == f"/console/reports/{report(1).id}"


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("482109370001", "12 angka"),
        (report(5).tracking, "Tidak ada laporan dengan nomor itu"),
        ("<script>", "Tidak ada laporan yang cocok"),
        ("?", "Ketik nomor laporan atau kata"),
    ],
)
async def test_a_search_that_leads_nowhere_says_why(
    operator: Visitor, query: str, says: str
) -> None:
    response, _ = await operator.get(f"/find?q={query}")
    assert response.status == 303
    response, page = await operator.get(response.headers["Location"].removeprefix("/console"))
    assert response.status == 200
    assert says in page
    assert "<script>" not in page


# When things go wrong


@pytest.mark.parametrize("headers", [{}, HTMX])
async def test_a_fault_is_a_clear_page_and_a_log_line_without_citizens_words(
    operator: Visitor, desk: Office, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    monkeypatch.setattr(desk.desk, "overview", failing(RuntimeError(f"could not bind {ADDRESS}")))
    with capture_logs() as logs:
        response, page = await operator.get("/", **headers)
    assert response.status == 500
    assert "Terjadi gangguan" in page
    assert "Traceback" not in page
    assert "RuntimeError" not in page
    (line,) = logs
    assert line["incident"] in page
    assert line["kind"] == "RuntimeError"
    assert ADDRESS not in str(line)


async def test_a_database_that_is_away_is_told_as_such(
    operator: Visitor, desk: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk.desk, "overview", failing(Unavailable()))
    response, page = await operator.get("/")
    assert response.status == 503
    assert "Laporan warga tetap diterima" in page


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nope", 404), ("PUT", "/", 405)])
async def test_a_wrong_address_says_what_to_do_next(
    operator: Visitor, method: str, path: str, status: int
) -> None:
    async with operator.http.request(method, operator.url + path) as response:
        assert response.status == status
        assert "Ke ikhtisar" in await response.text()


# Words

NOW = datetime(2026, 11, 21, 12, 30, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "baru saja"),
        (0, "baru saja"),
        (59.9, "baru saja"),
        (60, "1 menit lalu"),
        (3599, "59 menit lalu"),
        (3600, "1 jam lalu"),
        (86_400 * 3 + 5, "3 hari lalu"),
    ],
)
def test_moments_are_told_as_people_do(seconds: float, said: str) -> None:
    assert WORDS.ago(NOW - timedelta(seconds=seconds), NOW) == said


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("router", "sistem"),
        ("reporter", "pelapor"),
        ("operator:siti", "siti"),
        ("agency:6201-dinas-pu", "instansi 6201-dinas-pu"),
        ("siti", "siti"),
    ],
)
def test_who_did_it_is_told_in_words(code: str, said: str) -> None:
    assert WORDS.actor(code) == said


def test_absolute_times_are_in_wib() -> None:
    assert WORDS.moment(NOW) == "21 Nov 2026 19.30.05 WIB"
    assert WORDS.moment(NOW.replace(month=5, hour=18)) == "22 Mei 2026 01.30.05 WIB"
    assert WORDS.thousands(1_234_567) == "1.234.567"


@pytest.mark.parametrize(
    ("table", "codes"),
    [
        ("status", schema.Status),
        ("kind", Kind),
        ("level", Level),
        ("decision", schema.Outcome),
        ("event", schema.Status),
        ("file_state", FileState),
        ("file_note", FileNote),
    ],
)
def test_every_code_has_its_word(table: str, codes: type[schema.Status]) -> None:
    assert {str(code) for code in codes} <= words("console").table(table).keys()


@pytest.mark.parametrize(
    ("text", "evidence", "drawn"),
    [
        ("Lampu jalan mati", ["lampu jalan"], "<mark>Lampu jalan</mark> mati"),
        ("jalan berjalan", ["jalan"], "<mark>jalan</mark> berjalan"),
        ("lampu\n jalan", ["lampu jalan"], "<mark>lampu\n jalan</mark>"),
        ("lampu jalan", ["lampu", "lampu jalan"], "<mark>lampu jalan</mark>"),
        ("<b>a.b</b>", ["a.b", "", "  "], "&lt;b&gt;<mark>a.b</mark>&lt;/b&gt;"),
        ("a&b", ["<", "&"], "a&amp;b"),
        ("aman", [], "aman"),
        ("Lampu di sana mati", ["lampu … mati"], "<mark>Lampu</mark> di sana <mark>mati</mark>"),
        ("a … b", ["…"], "a … b"),
    ],
)
def test_evidence_is_marked_word_by_word(text: str, evidence: list[str], drawn: str) -> None:
    assert str(labels.mark_evidence(text, evidence)) == drawn


@pytest.mark.parametrize(
    ("given", "listed"),
    [
        (["Lampu jalan", "Lampu … jalan", "Lampu … mati", "Lampu"], ["Lampu jalan", "mati"]),
        (["lampu", "Lampu"], ["Lampu"]),
        (["jalan", "jalanan"], ["jalan", "jalanan"]),
        (["", "…"], []),
    ],
)
def test_evidence_is_listed_once(given: list[str], listed: list[str]) -> None:
    assert labels.distinct(given) == listed


@given(st.text(), st.lists(st.text(max_size=5), max_size=4))
def test_marking_never_changes_what_was_written(text: str, evidence: list[str]) -> None:
    drawn = str(labels.mark_evidence(text, evidence))
    bare = drawn.replace("<mark>", "").replace("</mark>", "")
    assert not set("<>\"'") & set(bare)
    assert html.unescape(bare.replace("\r", "")) == _unescaped(text)


def _unescaped(text: str) -> str:
    return html.unescape(html.escape(text.replace("\r", "")))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("to +6281234567890 failed", "to ••• failed"),
        ("081234567890", "•••"),
        ("6281234567890", "•••"),
        ("<siti.aminah@desa.example> bounced", "<•••@desa.example> bounced"),
        ("agency.example:443 at 2026-11-21 19:30", "agency.example:443 at 2026-11-21 19:30"),
        ("error 30003, SM0812345678901234", "error 30003, SM0812345678901234"),
        ("4821-0937-5514", "4821-0937-5514"),
    ],
)
def test_what_providers_say_hides_the_citizen(text: str, shown: str) -> None:
    assert labels.mask_contacts(text) == shown


# What is not ours


def test_the_vendored_files_are_the_ones_we_took() -> None:
    vendor: Path = STATIC / "vendor"
    lines = (vendor / "CHECKSUMS").read_text("utf-8").splitlines()
    pairs = [line.split() for line in lines if not line.startswith("#")]
    listed = {name: digest for digest, name in pairs}
    present = {f.name for f in vendor.iterdir()} - {"CHECKSUMS"}
    assert listed.keys() == present
    for name, digest in listed.items():
        assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == digest
    assert b'version:"2.0.11"' in (vendor / "htmx.min.js").read_bytes()


async def test_a_reader_chooses_the_language_and_keeps_it(operator: Visitor) -> None:
    _, page = await operator.get("/triage")
    assert '<html lang="id">' in page
    assert 'href="?lang=en"' in page
    response, english = await operator.get("/triage?lang=en")
    assert '<html lang="en">' in english
    assert "One click assigns" in english
    assert "lang=en" in response.headers["set-cookie"]
    _, kept = await operator.get("/failed")
    assert "Failed and quarantined" in kept
    _, none = await operator.get("/reports?q=48210937000")
    assert "A report number has 12 digits" in none
    _, back = await operator.get("/failed?lang=id")
    assert "Gagal dan karantina" in back


async def test_every_page_is_drawn_in_english(operator: Visitor) -> None:
    await operator.get("/?lang=en")
    for path in PAGES:
        _, page = await operator.get(path)
        shown = re.sub(r'title="[^"]*"|lang="id">[^<]*<', "", page)
        own = re.sub(r"<(p|h1|q|mark|span|bdi)[^>]*dir=.*?</\1>", "", shown)
        own = re.sub(r'<select name="topic">.*?</select>', "", own, flags=re.DOTALL)
        for word in ("Laporan", "Petugas", "Instansi", "Kirim ulang", "Karantina", "lalu"):
            assert word not in own, (path, word)


@pytest.mark.parametrize(
    ("noted", "said"),
    [
        ("mail_cut", "Teks surat sangat panjang; hanya bagian awal yang dibaca."),
        ("not_read: voice", "tidak dibaca (voice)"),
        ("a note of an earlier version", "a note of an earlier version"),
    ],
)
def test_notes_are_told_in_words(noted: str, said: str) -> None:
    assert WORDS.note(noted) == said


async def test_dead_letters_and_quarantine_are_paged_with_totals(
    operator: Visitor, desk: Office
) -> None:
    at = datetime.now(UTC)
    for number in range(100, 160):
        await desk.kill(number, at=at - timedelta(hours=1, seconds=number))
        await desk.hold(f"p{number}", at=at - timedelta(hours=1, seconds=number))
    _, page = await operator.get("/failed")
    totals = [
        await desk.desk.count_dead(actor=system("rini")),
        await desk.desk.count_quarantined(actor=system("rini")),
    ]
    for total in totals:
        assert f"50 dari {total}<" in page
    for name, total, card in (("dead", totals[0], 'id="replay-1'), ("held", totals[1], 'id="q-p')):
        more = re.search(rf'id="{name}-more" href="/console([^"]+)"', page)
        assert more
        response, rest = await operator.get(more[1].replace("&amp;", "&"))
        assert response.status == 200
        assert f"{total - 50} dari {total}<" in rest
        assert card in rest
        assert f'id="{name}-more"' not in rest
        assert f'id="{name}-first"' in rest
