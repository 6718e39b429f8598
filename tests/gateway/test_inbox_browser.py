"""An officer's day in a real browser: twenty reports on a phone, and the keyboard at a desk."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, FilePayload, Page, async_playwright, expect

from gateway.access.roles import Actor, Grant, Role
from normalizer.report import Deadline, Report, Status
from tests import node
from tests.gateway.office import AGENCIES, PASSWORD, Clock, Office, console, office, report
from tests.gateway.test_access_browser import sound
from tests.gateway.test_citizen_browser import PHONE
from tests.gateway.test_console_browser import QUIET, SOON
from tests.gateway.test_inbox import invite, photo

pytestmark = pytest.mark.asyncio(loop_scope="module")

OWN = AGENCIES[0]
BUDI = Actor("budi", (Grant(Role.OFFICER, OWN.id),))
WORDS = (
    "Lampu jalan mati di depan Pasar Palagan, Pangkalan Bun, sudah 2 minggu.",
    "Rambu di simpang Bundaran Pancasila roboh, berbahaya bagi pengendara pada malam hari.",
    "Trayek angkot ke Kumai tidak jalan sejak Senin. Kapan ada lagi?",
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(chromium_path: str) -> AsyncIterator[Browser]:
    node.install()
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=chromium_path, args=QUIET)
        yield chromium
        await chromium.close()


@pytest_asyncio.fixture(loop_scope="module")
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Office]:
    async with office(tmp_path) as desk:
        desk.house.clock.at = datetime.now(UTC)
        monkeypatch.setattr(desk.house.services.officers, "_phones", frozenset({"sms"}))
        for name in ("rini", "budi"):
            await invite(desk, name, Role.OFFICER, OWN.id)
        await desk.put(*(_case(number) for number in range(1, 21)))
        yield desk


def _case(number: int) -> Report:
    now, text = datetime.now(UTC), WORDS[number % 3]
    due = (now + timedelta(days=number - 3)).date()
    return report(
        number,
        text=text,
        original=text,
        title="",
        anonymous=number == 5,
        received_at=now - timedelta(hours=5 * number),
        deadlines=(Deadline(name="first_response", due=due),),
    )


@asynccontextmanager
async def opened(browser: Browser, url: str, **options: Any) -> AsyncIterator[Page]:
    """Log in as an officer; afterwards the browser had no complaint and asked no other host."""
    context = await browser.new_context(**options)
    context.set_default_timeout(SOON)
    page, faults, hosts = await context.new_page(), list[str](), set[str]()
    page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda asked: hosts.add(asked.url.split("/")[2]))
    await page.goto(f"{url}/login")
    await page.get_by_label("Nama").fill("rini")
    await page.get_by_label("Kata sandi").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/console/inbox")
    try:
        yield page
    finally:
        await context.close()
    # A report that is returned is gone for a look that was under way, and a conflict is meant.
    assert [each for each in faults if "404" not in each and "409" not in each] == []
    assert len(hosts) == 1


async def test_twenty_reports_on_a_phone(desk: Office, browser: Browser, tmp_path: Path) -> None:
    async with console(desk, Clock()) as url, opened(browser, url, **PHONE) as page:
        await expect(page.locator("#box-new b")).to_have_text("20")
        await sound(page, "inbox", tmp_path)
        for turn in range(20):
            await page.locator(".go").first.tap()
            await _work(page, turn, tmp_path)
            await expect(page.locator(".notice.good")).to_be_visible()
            if turn % 5 != 2:
                await page.get_by_role("link", name="← Kotak masuk").tap()
        for box, count in (("new", 0), ("in_progress", 4), ("waiting", 4), ("done", 8)):
            await expect(page.locator(f"#box-{box} b")).to_have_text(str(count))
        await page.locator("#box-done").tap()
        await page.locator(".go").first.tap()
        await sound(page, "answered", tmp_path)
    found = [await desk.report(_case(number).id) for number in range(1, 21)]
    statuses = Counter(each.status for each in found)
    assert (statuses[Status.ANSWERED], statuses[Status.WAITING_FOR_REPORTER]) == (8, 4)
    assert sum(len(each.refusals) for each in found) == 4
    assert sum(bool(each.handler and each.handler.unit) for each in found) == 4


async def _work(page: Page, turn: int, folder: Path) -> None:
    """Do with a report what its turn asks for."""
    bar = page.locator(".actbar")
    match turn % 5:
        case 0 | 1:
            await bar.get_by_text("Jawab").tap()
            act = page.locator("#act-answer")
            await act.locator("select").select_option("repaired")
            await page.keyboard.type("hari ini")
            if turn == 0:
                await expect(act.locator(".bubble")).to_contain_text("perbaiki pada hari ini.")
                await expect(act.locator(".bubble")).to_contain_text("2 SMS")
                kept = FilePayload(name="IMG_1.jpg", mimeType="image/jpeg", buffer=photo())
                await act.locator("input[name=after]").set_input_files(kept)
                await sound(page, "answer", folder)
            await act.get_by_role("button", name="Kirim jawaban").tap()
        case 2:
            await bar.get_by_text("Bukan wewenang").tap()
            act = page.locator("#act-refuse")
            await act.locator("textarea").fill("Jalan ini milik provinsi.")
            if turn == 2:
                await act.get_by_role("searchbox").fill("pln")
                await sound(page, "refuse", folder)
                await act.get_by_role("button", name="PT PLN (Persero)").tap()
            else:
                await act.locator(".choice").first.tap()
        case 3:
            await page.get_by_role("button", name="Verifikasi").tap()
            await expect(page.locator(".notice.good")).to_contain_text("diverifikasi")
            await page.locator("#act-delegate summary").tap()
            await page.locator("#act-delegate input[name=unit]").fill("Bidang Prasarana")
            await page.get_by_role("button", name="Disposisikan").tap()
        case _:
            await bar.get_by_text("Tanya").tap()
            act = page.locator("#act-ask")
            await act.locator("select").select_option("address")
            await act.get_by_role("button", name="Kirim pertanyaan").tap()


async def test_the_keyboard_at_a_desk(desk: Office, browser: Browser, tmp_path: Path) -> None:
    wide = {"viewport": {"width": 1366, "height": 900}}
    async with (
        console(desk, Clock()) as url,
        opened(browser, url, color_scheme="dark", **wide) as page,
    ):
        await sound(page, "desk", tmp_path)
        keys = page.keyboard
        rows = page.locator(".go")
        await keys.press("j")
        await expect(rows.nth(0)).to_be_focused()
        await keys.press("j")
        await keys.press("j")
        await keys.press("k")
        await expect(rows.nth(1)).to_be_focused()
        await keys.press("?")
        await expect(page.get_by_role("dialog")).to_be_visible()
        await sound(page, "keys", tmp_path)
        await keys.press("Escape")
        await keys.press("4")
        await expect(page.locator("#box-overdue")).to_have_attribute("aria-current", "page")
        await keys.press("1")
        await page.wait_for_url("**/inbox?box=new")
        await keys.press("j")
        await keys.press("o")
        text = page.locator("#text-answer")
        await expect(page.locator("#act-answer")).not_to_have_attribute("open", "")
        await keys.press("a")
        await expect(text).to_be_visible()
        await text.focus()
        await keys.type("aqrdn? Sudah beres.")
        await expect(text).to_have_value("aqrdn? Sudah beres.")
        await sound(page, "one", tmp_path)
        # A colleague is faster: the open page says so, and an older one keeps what was typed.
        id = page.url.rpartition("/")[2]
        seen = await desk.house.services.officers.open(id, actor=BUDI)
        assert seen
        await desk.house.services.officers.progress(
            id, "Tim sudah berangkat.", actor=BUDI, version=seen.version
        )
        await expect(page.locator("#changed")).to_be_visible()
        await expect(page.locator(".thread")).to_contain_text("Tim sudah berangkat.")
        await expect(text).to_have_value("aqrdn? Sudah beres.")
        await page.locator("#act-answer input[name=version]").evaluate("each => each.value = 1")
        await page.get_by_role("button", name="Kirim jawaban").click()
        await expect(page.get_by_role("alert").first).to_contain_text("budi lebih dulu")
        await expect(text).to_have_value("aqrdn? Sudah beres.")
        await sound(page, "conflict", tmp_path)
        fresh = await desk.house.services.officers.open(id, actor=BUDI)
        assert fresh
        await desk.house.services.officers.refuse(
            id, "Milik provinsi.", actor=BUDI, version=fresh.version
        )
        await expect(page.locator("#gone")).to_be_visible()
        await expect(page.get_by_role("button", name="Kirim jawaban")).to_be_disabled()
        await expect(text).to_have_value("aqrdn? Sudah beres.")
        # Single letters can be switched off (WCAG 2.1.4).
        await page.get_by_role("button", name="Tombol pintas").click()
        await page.get_by_label("Matikan tombol pintas").check()
        await page.get_by_role("button", name="Tutup").click()
        await page.locator("#act-answer summary").click()
        await keys.press("r")
        await expect(page.locator("#act-refuse")).not_to_have_attribute("open", "")
