"""A day of everybody who works on reports: real Chromium, the documented nginx, one gateway.

The administrator begins from the first link, and each is let in by the one before. A page is
looked at as a phone and as a desk show it: axe has no complaint, and nothing goes sideways.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from gateway.access.people import first_link
from gateway.access.roles import Role
from gateway.platform.identity import sealed_reporter
from gateway.process import Kanal
from gateway.store.rows import AuditEvent
from gateway.store.scope import NATIONAL
from gateway.store.views import GrantRow, NewAccount
from normalizer.message import Level, Place, Reporter
from normalizer.report import Agency, Deadline, Outcome, Report
from tests import node
from tests.conftest import offered
from tests.gateway.office import ADDRESS, AGENCIES, PASSWORD, _hash, assignment, report, unsure
from tests.gateway.test_access_browser import begin
from tests.gateway.test_citizen_browser import AXE
from tests.gateway.test_citizen_browser import PHONE as HELD
from tests.gateway.test_console_browser import QUIET, SOON
from tests.gateway.test_nginx import EXAMPLE, _certified, _placed
from tests.gateway.whole import NAME, whole
from tests.services import Nginx, free_ports

pytestmark = pytest.mark.asyncio(loop_scope="module")

URL = f"https://{NAME}/console"
DISHUB, PU, PDAM = AGENCIES[:3]
PHONE: dict[str, Any] = HELD | {"viewport": {"width": 360, "height": 740}}
DESK: dict[str, Any] = {"viewport": {"width": 1366, "height": 768}}
WATER = "Air PDAM di Jalan Pahlawan keruh sejak kemarin."


def _with(number: int, agency: Agency, **changes: Any) -> Report:
    """Build a report that an agency has; it is due some days after its number."""
    now = datetime.now(UTC)
    return report(
        number,
        assignment=assignment(Outcome.ASSIGN, now, agency, 0.9),
        received_at=now - timedelta(hours=3 * number),
        deadlines=(Deadline(name="first_response", due=(now + timedelta(days=number - 3)).date()),),
        **changes,
    )


OURS = tuple(_with(number, DISHUB) for number in range(1, 7))
SAMARINDA = Place(
    code="64.72",
    name="Kota Samarinda",
    level=Level.REGENCY,
    found_by="name",
    words="Samarinda",
    confidence=0.9,
)
THEIRS = _with(7, PDAM, places=(SAMARINDA,), text=WATER, original=WATER, title="Air keruh")
UNSURE = tuple(unsure(number) for number in range(11, 15))


@dataclass
class Stage:
    """One gateway behind nginx and one browser; ``asked`` are the addresses that it called."""

    kanal: Kanal
    browser: Browser
    folder: Path
    asked: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def window(self, size: dict[str, Any], name: str = "") -> AsyncIterator[Page]:
        """Open a fresh browser, logged in where a name says as whom."""
        context = await self.browser.new_context(**size, ignore_https_errors=True)
        context.set_default_timeout(SOON)
        context.on("request", lambda each: self.asked.add(each.url))
        context.on("weberror", lambda each: self.faults.append(str(each.error)))
        page = await context.new_page()
        page.on("console", lambda each: self.hear(each.type, each.text))
        try:
            if name:
                await page.goto(f"{URL}/login")
                await page.get_by_label("Nama").fill(name)
                await page.get_by_label("Kata sandi").fill(PASSWORD)
                await page.keyboard.press("Enter")
                await page.wait_for_url(lambda url: not url.endswith("/login"))
            yield page
        finally:
            await context.close()

    def hear(self, kind: str, text: str) -> None:
        if kind == "error" and "the server responded with" not in text:
            self.faults.append(text)

    async def look(self, page: Page, name: str) -> None:
        """Hold a page to both sizes and to WCAG 2.2 AA by axe; take its pictures."""
        own = page.viewport_size
        assert own
        for size in (DESK["viewport"], PHONE["viewport"]):
            await page.set_viewport_size(size)
            await page.evaluate("scrollTo(0, 0)")
            width = await page.evaluate("document.documentElement.scrollWidth")
            await page.screenshot(path=self.folder / f"{name}-{size['width']}.png", full_page=True)
            assert width <= size["width"], name
            await page.evaluate(AXE.read_text("utf-8"))
            found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
            faults = [(v["id"], [n["html"] for n in v["nodes"]]) for v in found["violations"]]
            assert faults == [], (name, size)
        await page.set_viewport_size(own)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(
    chromium_path: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage]:
    node.install()
    folder = tmp_path_factory.mktemp("people")
    secure, plain = free_ports(2)
    with offered("nginx"):
        nginx = Nginx()
    try:
        async with whole(folder) as kanal, async_playwright() as playwright:
            assert kanal.web
            _certified(nginx.folder)
            block = _placed(EXAMPLE.read_text(), nginx.folder, secure, plain, kanal.web.port)
            with offered("nginx"):
                # The office is where the browser is.
                office = block.replace("allow 127.0.2.0/24", "allow 127.0.0.1")
                await asyncio.to_thread(nginx.start, office, secure)
            ours = f"--host-resolver-rules=MAP {NAME} 127.0.0.1:{secure}"
            args = [*QUIET, ours]
            chromium = await playwright.chromium.launch(executable_path=chromium_path, args=args)
            await _file(kanal)
            yield Stage(kanal, chromium, folder)
            await chromium.close()
    finally:
        nginx.close()


async def _file(kanal: Kanal) -> None:
    """Lay down reports, two operators and a leader."""
    store = kanal.services.store
    seal = kanal.services.seal
    async with store.unit() as unit:
        for each in (*OURS, THEIRS, *UNSURE):
            sealed = sealed_reporter(seal, each.id, {"to": ADDRESS, "name": "Ibu Sri"})
            filed = each.model_copy(update={"reporter": Reporter(ref="a1b2", sealed=sealed)})
            log = [AuditEvent("received", "sms"), AuditEvent(str(each.status), "router")]
            unit.reports.add(filed, each.id, log)
    for name, role, scope in (
        ("wati", Role.OPERATOR, NATIONAL),
        ("joko", Role.OPERATOR, NATIONAL),
        ("kepala", Role.LEADER, "62.01"),
    ):
        made = NewAccount(name, _hash(), (GrantRow(role, scope),), "cli")
        assert await store.accounts.create(made)


async def test_a_day_of_all_roles(stage: Stage) -> None:
    coordinator = await _administrator(stage)
    officer = await _coordinator(stage, coordinator)
    await _officer(stage, officer)
    await _operators(stage)
    await _leader(stage)
    assert {urlsplit(each)[:2] for each in stage.asked} == {("https", NAME)}
    assert stage.faults == []


async def _administrator(stage: Stage) -> str:
    """Make the first account and invite a coordinator; return the link that the page shows."""
    code = await first_link(stage.kanal.services.store)
    assert code
    async with stage.window(DESK) as page:
        await begin(page, URL, code, "rini")
        await page.get_by_role("button", name="Buat akun dan masuk").click()
        await page.wait_for_url("**/console/me")
        await page.locator("#m-accounts").click()
        await page.locator("input[type=email]").fill("budi@kobar.example")
        await page.locator("select[name=role]").select_option("coordinator")
        await page.locator("input[name=scope]").fill("62.01")
        await page.get_by_role("button", name="Buat undangan").click()
        link = await page.get_by_label("Salin tautan ini").input_value()
        await page.locator("#m-accounts").click()
        await expect(page.get_by_text("budi@kobar.example")).to_be_visible()
        await stage.look(page, "accounts")
        await page.locator("#m-log").click()
        await expect(page.get_by_role("cell", name="rini").first).to_be_visible()
        await stage.look(page, "log")
    return link


async def _accept(page: Page, link: str, name: str) -> None:
    """Open the link of an invitation as it came, and make an account."""
    assert link.startswith(f"{URL}/begin#")
    await begin(page, URL, link.partition("#")[2], name)
    await page.get_by_role("button", name="Buat akun dan masuk").click()
    await page.wait_for_url("**/console/me")


async def _coordinator(stage: Stage, link: str) -> str:
    """Look at the own government alone, hand a report over, invite an officer; return the link."""
    async with stage.window(DESK) as page:
        await _accept(page, link, "budi")
        await page.locator("#m-reports").click()
        await expect(page.locator(".listing tbody tr")).to_have_count(len(OURS))
        assert THEIRS.id not in await page.content()
        await stage.look(page, "reports")
        for path in ("reports", "government/reports"):
            answer = await page.goto(f"{URL}/{path}/{THEIRS.id}")
            assert answer
            assert answer.status == 404
            assert WATER not in await page.content()
        await page.goto(f"{URL}/government")
        waiting = page.get_by_role("region", name="Instansi tanpa petugas")
        await expect(waiting).to_contain_text(DISHUB.name)
        await expect(waiting).to_contain_text(f"{len(OURS)} laporan menunggu")
        assert THEIRS.id not in await page.content()
        await stage.look(page, "government")
        await page.locator(f"a[href$='{OURS[5].id}']").click()
        over = page.get_by_role("region", name="Serahkan ke instansi lain")
        await over.get_by_role("searchbox").fill("pekerjaan umum")
        await over.get_by_role("button", name="Cari").click()
        await over.get_by_label("Alasan").fill("Lampu ini milik PU.")
        await stage.look(page, "government-report")
        await over.get_by_role("button", name=PU.name).click()
        await expect(page.locator(".notice.good")).to_contain_text("diserahkan")
        await page.goto(f"{URL}/government")
        row = waiting.get_by_role("listitem").filter(has_text=DISHUB.name)
        await row.get_by_role("link", name="Undang petugas").click()
        await expect(page.locator("input[name=scope]")).to_have_value(DISHUB.id)
        await expect(page.locator("select[name=role]")).to_have_value("officer")
        await page.locator("input[type=email]").fill("sari@dishub.example")
        await page.get_by_role("button", name="Buat undangan").click()
        return await page.get_by_label("Salin tautan ini").input_value()


async def _officer(stage: Stage, link: str) -> None:
    """Answer, refuse, delegate and ask, each once, on a phone."""
    async with stage.window(PHONE) as page:
        await _accept(page, link, "sari")
        await page.goto(f"{URL}/inbox")
        await expect(page.locator("#box-new b")).to_have_text("5")
        await stage.look(page, "inbox")
        bar, back = page.locator(".actbar"), page.get_by_role("link", name="← Kotak masuk")
        told = page.locator(".notice.good")

        await page.locator(".go").first.tap()
        await stage.look(page, "inbox-report")
        await bar.get_by_text("Jawab").tap()
        act = page.locator("#act-answer")
        await act.locator("textarea").fill("Lampu sudah kami ganti pagi ini.")
        await act.get_by_role("button", name="Kirim jawaban").tap()
        await expect(told).to_be_visible()
        await expect(page.locator(".thread")).to_contain_text("ganti pagi ini")
        await back.tap()

        await page.locator(".go").first.tap()
        await bar.get_by_text("Bukan wewenang").tap()
        act = page.locator("#act-refuse")
        await act.locator("textarea").fill("Jalan ini milik provinsi.")
        await act.get_by_role("button", name="Kembalikan tanpa usul").tap()
        await expect(told).to_be_visible()

        await page.locator(".go").first.tap()
        await page.get_by_role("button", name="Verifikasi").tap()
        await expect(told).to_contain_text("diverifikasi")
        act = page.locator("#act-delegate")
        await act.locator("summary").tap()
        await act.locator("input[name=unit]").fill("Bidang Prasarana")
        await act.get_by_role("button", name="Disposisikan").tap()
        await expect(page.locator("#file")).to_contain_text("Bidang Prasarana")
        await back.tap()

        await page.locator(".go").first.tap()
        await bar.get_by_text("Tanya").tap()
        act = page.locator("#act-ask")
        await act.locator("textarea").fill("Di tiang nomor berapa?")
        await act.get_by_role("button", name="Kirim pertanyaan").tap()
        await expect(told).to_be_visible()
        await back.tap()
        for box, count in (("new", 1), ("in_progress", 1), ("waiting", 1), ("done", 1)):
            await expect(page.locator(f"#box-{box} b")).to_have_text(str(count))


async def _operators(stage: Stage) -> None:
    """Triage by key: two are at one card, and the one who is later is told who was faster."""
    async with stage.window(DESK, "wati") as wati, stage.window(DESK, "joko") as joko:
        for page in (wati, joko):
            await page.goto(f"{URL}/triage")
            # The officer's refusal is the fifth.
            await expect(page.locator("#cards > .card")).to_have_count(len(UNSURE) + 1)
        await stage.look(wati, "triage")
        first, second = (f"#t-{each.id}" for each in UNSURE[:2])
        for page in (wati, joko):
            await page.locator(first).focus()
        await asyncio.gather(wati.keyboard.press("1"), joko.keyboard.press("2"))
        for page in (wati, joko):
            await expect(page.locator(first)).to_have_count(0)
        told = {
            name: " ".join(await page.locator("#notice .bad").all_inner_texts())
            for name, page in (("wati", wati), ("joko", joko))
        }
        made = await stage.kanal.services.store.reports.file(id=UNSURE[0].id)
        assert made
        assert made.report.assignment
        faster = str(made.report.assignment.by).removeprefix("operator:")
        agency = {"wati": DISHUB, "joko": PU}[faster]
        assert told.pop(faster) == ""
        (late,) = told.values()
        assert f"diputuskan {faster} → {agency.name}" in late
        await wati.locator(second).focus()
        await wati.keyboard.press("1")
        await expect(wati.locator(second)).to_have_count(0)
        await wati.keyboard.press("e")
        await wati.keyboard.type("Uji coba.")
        await wati.keyboard.press("Enter")
        await expect(wati.locator("#cards > .card")).to_have_count(len(UNSURE) - 2)
        await expect(joko.locator("#cards > .card")).to_have_count(len(UNSURE) - 2)
        await wati.goto(f"{URL}/reports")
        await expect(wati.locator(".listing")).to_contain_text("Kota Samarinda")
        await stage.look(wati, "all-reports")
        await wati.goto(f"{URL}/reports/{OURS[0].id}")
        await stage.look(wati, "report")


async def _leader(stage: Stage) -> None:
    """Read figures, and find no report in them nor beside them."""
    async with stage.window(DESK, "kepala") as page:
        await expect(page).to_have_url(f"{URL}/figures")
        await expect(page.locator(".tile .big").first).not_to_have_text("0")
        await stage.look(page, "figures")
        shown = await page.content()
        for each in (*OURS, THEIRS, *UNSURE):
            assert each.text not in shown
            assert each.id not in shown
            number = each.tracking
            assert number not in shown
            assert f"{number[:4]}-{number[4:8]}-{number[8:]}" not in shown
        for path in ("reports", f"reports/{OURS[0].id}", "government", "inbox", "triage"):
            answer = await page.goto(f"{URL}/{path}")
            assert answer
            assert answer.status == 404
