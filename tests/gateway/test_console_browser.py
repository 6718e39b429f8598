"""The console in a real browser: on the real gateway, and on a desk whose timing the test holds."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Locator, Page, async_playwright, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from config import settings
from demo.phone import PhoneCompany
from gateway.access.roles import system
from gateway.assembly import assemble
from gateway.process import Kanal
from gateway.store.unit import UnitOfWork
from normalizer.report import Status
from tests.gateway.office import (
    AGENCIES,
    NAME,
    PASSWORD,
    Clock,
    Office,
    console,
    failing,
    office,
    report,
    served,
    unsure,
)
from tests.services.programs import free_ports

pytestmark = pytest.mark.asyncio(loop_scope="module")

CITIZEN = "+6281234567890"
LAMP = "Lampu jalan mati di depan Pasar Palagan Pangkalan Bun Kotawaringin Barat"
LAMP_AGENCY = "6201-dinas-perhubungan"
UNSURE = (
    "Samarinda, di depan SMA 1 tiap sore begitu terus. Kami warga sekitar sudah lama sabar, anak "
    "anak pulang takut, orang tua bingung, guru juga tahu, tetapi tidak ada yang datang. Mohon "
    "bapak ibu melihat sendiri ke sini"
)
SOON = 20_000
"""Milliseconds within which a page shows what happened, without a reload, on a busy machine."""
PROMISED = 2.0
"""Seconds within which the console shows a new message: docs/decisions/0007."""
expect.set_options(timeout=SOON)
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass
class Screen:
    """A logged-in page; ``faults`` is what the browser complained of."""

    page: Page
    url: str
    faults: list[str] = field(default_factory=list)

    def hear(self, message: ConsoleMessage) -> None:
        if message.type == "error" and "the server responded with" not in message.text:
            self.faults.append(message.text)

    async def log_in(self) -> None:
        await self.page.goto(self.url + "/")
        await self.page.get_by_label("Nama").fill(NAME)
        await self.page.get_by_label("Kata sandi").fill(PASSWORD)
        await self.page.keyboard.press("Enter")
        await self.page.wait_for_url(self.url + "/")

    async def stay(self) -> None:
        """Leave a mark in the page that a reload would wipe away."""
        await self.page.evaluate("window.stayed = true")

    async def stayed(self) -> bool:
        return bool(await self.page.evaluate("window.stayed === true"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(chromium_path: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=chromium_path, args=QUIET)
        yield chromium
        await chromium.close()


@asynccontextmanager
async def opened(browser: Browser, url: str, **options: Any) -> AsyncIterator[Screen]:
    """Log in with a fresh browser profile; afterwards the browser must have had no complaint."""
    context = await browser.new_context(**options)
    context.set_default_timeout(SOON)
    screen = Screen(await context.new_page(), url)
    screen.page.on("console", screen.hear)
    screen.page.on("pageerror", lambda error: screen.faults.append(str(error)))
    await screen.log_in()
    try:
        yield screen
    finally:
        await context.close()
    assert screen.faults == []


# On the real gateway


@dataclass
class Running:
    """A whole gateway on SQLite, with a phone company and an agency's port."""

    kanal: Kanal
    company: PhoneCompany
    agency_port: int

    @property
    def url(self) -> str:
        return str(self.kanal.services.settings.server.public_url).rstrip("/")

    async def text(self, body: str, *, sender: str = CITIZEN, forge: bool = False) -> int:
        return await self.company.text(f"{self.url}/in/sms", sender, body, forge=forge)


@pytest_asyncio.fixture(loop_scope="module")
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    web_port, agency_port = free_ports(2)
    async with PhoneCompany("token", "AC" + "0" * 32, "+6281100001708") as company:
        kanal = Kanal(
            assemble(settings.load(None, **_settings(tmp_path, company, web_port, agency_port)))
        )
        try:
            await kanal.start(("web", "worker"))
            await kanal.services.accounts.set_password(NAME, PASSWORD)
            yield Running(kanal, company, agency_port)
        finally:
            await kanal.stop()


def _settings(folder: Path, company: PhoneCompany, web: int, agency: int) -> dict[str, Any]:
    return {
        "server": {"port": web, "public_url": f"http://127.0.0.1:{web}", "data_dir": folder},
        "work": {"retry_after": (0.05,)},
        "channels": {
            "sms": {
                "type": "twilio",
                "account_sid": company.account_sid,
                "auth_tokens": [company.auth_token],
                "number": company.number,
                "api_base": company.url,
            }
        },
        "delivery": {
            LAMP_AGENCY: {
                "method": "webhook",
                "url": f"http://127.0.0.1:{agency}/hook",
                "secret": "whsec_a2FuYWwtdGVzdC1zZWNyZXQtMDEyMzQ1Njc4OQ==",
            }
        },
    }


async def test_a_message_is_seen_within_two_seconds_without_reload(
    running: Running, browser: Browser
) -> None:
    async with opened(browser, running.url + "/console") as screen:
        rows = screen.page.locator("#latest .row")
        await expect(rows).to_have_count(0)
        await screen.stay()
        assert await running.text(UNSURE, sender="+6281100000001") == 200
        await expect(rows).to_have_count(1)  # the first report of a process also loads its holidays
        assert await _quickest(running, rows) < PROMISED
        await expect(rows.first).to_contain_text("Dinas Perhubungan Kabupaten Kotawaringin Barat")
        assert await screen.stayed()
        await rows.first.get_by_role("link").click()
        await expect(screen.page.locator(".text mark").first).to_have_text(
            re.compile("lampu", re.I)
        )
        body = await screen.page.content()
        assert CITIZEN not in body
        assert CITIZEN[3:] not in body


async def _quickest(running: Running, rows: Locator) -> float:
    """Send messages until one is seen as soon as promised; a busy machine may delay a few."""
    waits: list[float] = []
    while len(waits) < 5 and min(waits, default=PROMISED) >= PROMISED:
        begun = time.monotonic()
        assert await running.text(LAMP, sender=f"{CITIZEN[:-1]}{len(waits)}") == 200
        await expect(rows).to_have_count(2 + len(waits))
        waits.append(time.monotonic() - begun)
    return min(waits)


async def test_one_click_assigns_from_triage(running: Running, browser: Browser) -> None:
    async with opened(browser, running.url + "/console") as screen:
        await screen.page.get_by_role("link", name="Triase").click()
        await screen.stay()
        assert await running.text(UNSURE) == 200
        card = screen.page.locator(".card")
        await expect(card).to_have_count(1)
        chosen = card.locator("button.choice").first
        name = await chosen.locator("span").inner_text()
        await chosen.click()
        await expect(card).to_have_count(0)
        await expect(screen.page.locator("#notice")).to_contain_text(f"ditujukan ke {name}.")
        assert await screen.stayed()
    (assigned,) = await running.kanal.services.operators.latest(actor=system("sari"))
    assert assigned.status == Status.FORWARDED
    assert assigned.assignment
    assert assigned.assignment.agency
    assert (assigned.assignment.agency.name, assigned.assignment.by) == (name, f"operator:{NAME}")


async def test_an_agency_is_found_by_typing_and_assigned(
    running: Running, browser: Browser
) -> None:
    async with opened(browser, running.url + "/console") as screen:
        assert await running.text(UNSURE) == 200
        await screen.page.goto(screen.url + "/triage")
        await screen.page.get_by_role("searchbox", name="Instansi lain").fill("perhubungan samar")
        found = screen.page.get_by_role("button", name="Dinas Perhubungan Kota Samarinda")
        await found.click()
        await expect(screen.page.locator("#notice")).to_contain_text("Dinas Perhubungan Kota Sama")
        await expect(screen.page.locator(".card")).to_have_count(0)


async def test_a_dead_letter_goes_again_when_the_agency_is_back(
    running: Running, browser: Browser
) -> None:
    taken: asyncio.Queue[bytes] = asyncio.Queue()

    async def take(request: Request) -> Response:
        taken.put_nowait(await request.body())
        return Response()

    async with AsyncExitStack() as stack:
        screen = await stack.enter_async_context(opened(browser, running.url + "/console"))
        await screen.page.get_by_role("link", name="Gagal", exact=False).first.click()
        await screen.stay()
        assert await running.text(LAMP) == 200
        letters = screen.page.locator("#dead .card")
        await expect(letters).to_have_count(1)
        hook = Starlette(routes=[Route("/hook", take, methods=["POST"])])
        await stack.enter_async_context(served(hook, running.agency_port))
        await letters.get_by_role("button", name="Kirim ulang").click()
        await expect(letters).to_have_count(0)
        await expect(screen.page.locator("#notice")).to_contain_text("1 pesan dikirim ulang.")
        async with asyncio.timeout(30):
            assert b"Palagan" in await taken.get()
        assert await screen.stayed()


async def test_a_quarantined_message_is_released(running: Running, browser: Browser) -> None:
    assert await running.text(LAMP, forge=True) == 403
    async with opened(browser, running.url + "/console") as screen:
        await expect(screen.page.locator("#latest .row")).to_have_count(0)
        await screen.page.goto(screen.url + "/failed")
        held = screen.page.locator("#held .card")
        await expect(held).to_contain_text("Tanda tangan tidak sah")
        await held.get_by_role("button", name="Lepaskan").click()
        await expect(held).to_have_count(0)
        await expect(screen.page.locator("#notice")).to_contain_text("diproses sebagai laporan")
        await screen.page.get_by_role("link", name="Ikhtisar").click()
        await expect(screen.page.locator("#latest .row")).to_have_count(1)


async def test_a_session_that_ends_takes_the_open_page_to_the_login(
    running: Running, browser: Browser
) -> None:
    async with opened(browser, running.url + "/console") as screen:
        await running.kanal.services.accounts.set_password(
            NAME, PASSWORD
        )  # ends every session of theirs
        await screen.page.wait_for_url("**/console/login?next=/console/")
        await expect(screen.page.get_by_role("heading")).to_have_text("Masuk ke konsol")


# On a desk whose timing the test holds


@pytest_asyncio.fixture(loop_scope="module")
async def desk(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as desk:
        await desk.put(report(1), unsure(2), unsure(3))
        await desk.kill(7)
        await desk.hold("q1")
        yield desk


async def test_the_page_says_so_when_the_gateway_is_gone(
    desk: Office, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(console(desk, Clock()))
        async with opened(browser, url) as screen:
            await expect(screen.page.locator("#stale")).to_be_hidden()
            # From here on the browser complains of the gateway and the network, and rightly.
            screen.page.remove_listener("console", screen.hear)
            with monkeypatch.context() as patch:
                patch.setattr(desk.desk, "overview", failing(RuntimeError()))
                await expect(screen.page.locator("#stale")).to_be_visible()
            await expect(screen.page.locator("#stale")).to_be_hidden()
            await screen.page.context.set_offline(True)
            await expect(screen.page.locator("#stale")).to_be_visible()


async def test_buttons_rest_while_a_decision_is_under_way(
    desk: Office, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, unit = asyncio.Event(), desk.house.store.unit

    @asynccontextmanager
    async def held() -> AsyncIterator[UnitOfWork]:
        await gate.wait()
        async with unit() as opened:
            yield opened

    monkeypatch.setattr(desk.house.store, "unit", held)
    async with console(desk, Clock()) as url, opened(browser, url) as screen:
        await screen.page.goto(url + "/triage")
        first = screen.page.locator(".card").first
        button = first.locator("button.choice").first
        await button.focus()
        await screen.page.keyboard.press("Enter")
        await expect(button).to_be_disabled()
        gate.set()
        await expect(screen.page.locator(".card")).to_have_count(1)
        assert await desk.acts("assigned_by_operator") == [(unsure(2).id, NAME, "")]
        await expect(screen.page.locator(f"#t-{unsure(3).id}")).to_be_focused()


async def test_two_operators_at_one_card_hear_of_each_other(desk: Office, browser: Browser) -> None:
    async with console(desk, Clock()) as url, opened(browser, url) as screen:
        await screen.page.goto(url + "/triage")
        first, second = (screen.page.locator(f"#t-{unsure(n).id}") for n in (2, 3))
        # One whose page has not heard yet is told by the answer to the click.
        await screen.page.route("**/parts/triage**", lambda route: route.abort())
        screen.page.remove_listener("console", screen.hear)
        await desk.desk.assign(unsure(2).id, AGENCIES[1].id, actor=system("rekan"))
        await first.locator("button.choice").first.click()
        told = f"diputuskan rekan → {AGENCIES[1].name}"
        await expect(screen.page.locator("#notice .bad")).to_contain_text(told)
        await expect(first).to_have_count(0)
        assert len(await desk.acts("assigned_by_operator")) == 1
        await expect(screen.page.locator("#stale")).to_be_visible()
        # One whose page hears of it sees the card go, whatever the keyboard does there.
        await screen.page.unroute("**/parts/triage**")
        await expect(screen.page.locator("#stale")).to_be_hidden()
        await second.locator("summary").last.focus()
        await desk.desk.archive(unsure(3).id, actor=system("rekan"), reason="Uji coba.")
        await expect(second).to_contain_text("diarsipkan rekan")
        await expect(second.locator("button.choice").first).to_be_disabled()
        await expect(second).to_have_count(0)
        await expect(screen.page.locator("#main")).to_be_focused()


async def test_what_is_new_waits_and_what_changed_is_marked(desk: Office, browser: Browser) -> None:
    async with console(desk, Clock()) as url, opened(browser, url) as screen:
        await screen.page.goto(url + "/triage")
        cards = screen.page.locator("#cards > .card")
        await cards.first.locator("summary", has_text="Arsipkan").click()
        reason = cards.first.get_by_label("Alasan mengarsipkan")
        await reason.fill("Bukan")
        await desk.put(unsure(2, text="Sudah dua orang jatuh."), unsure(8), unsure(9))
        await expect(cards.first.locator(".badge.changed")).to_have_text("berubah")
        await expect(cards.first).to_contain_text("dua orang jatuh")
        await expect(reason).to_be_focused()
        await expect(reason).to_have_value("Bukan")
        await expect(cards).to_have_count(2)
        await screen.page.get_by_role("button", name="2 baru").click()
        await expect(cards).to_have_count(4)
        await expect(screen.page.locator("#count")).to_have_text("4 dari 4")


async def test_one_key_decides_and_goes_on(desk: Office, browser: Browser) -> None:
    async with console(desk, Clock()) as url, opened(browser, url) as screen:
        await screen.page.goto(url + "/triage")
        first, second = (screen.page.locator(f"#t-{unsure(n).id}") for n in (2, 3))
        keys = screen.page.keyboard
        await keys.press("1")
        await expect(first).to_be_visible()  # no card has the keyboard yet
        await keys.press("j")
        await expect(first).to_be_focused()
        await keys.press("a")
        await keys.type("dinas 1e")
        await expect(first.get_by_role("searchbox")).to_have_value("dinas 1e")
        await keys.press("Escape")
        await expect(first).to_be_focused()
        await keys.press("2")
        await expect(second).to_be_focused()
        await keys.press("e")
        await keys.type("Uji coba.")
        await keys.press("Enter")
        await expect(second).to_have_count(0)
        assert (await desk.report(unsure(2).id)).assignment.agency == AGENCIES[1]  # type: ignore[union-attr]
        assert await desk.acts("archived_by_admin") == [(unsure(3).id, NAME, "Uji coba.")]
        await desk.put(unsure(8))
        await expect(screen.page.locator(".card")).to_have_count(1)
        await keys.press("?")
        await screen.page.get_by_label("Pakai pintasan").uncheck()
        await screen.page.get_by_role("button", name="Tutup").click()
        await screen.page.reload()
        await keys.press("j")
        await expect(screen.page.locator(".card:focus")).to_have_count(0)


def _answering(status: int) -> Callable[[Any], Awaitable[None]]:
    async def answer(route: Any) -> None:
        await route.fulfill(status=status, body="<p>nginx</p>")

    return answer


async def test_any_answer_that_is_no_success_shows_the_banner(
    desk: Office, browser: Browser
) -> None:
    async with console(desk, Clock()) as url, opened(browser, url) as screen:
        screen.page.remove_listener("console", screen.hear)
        stale = screen.page.locator("#stale")
        rows = screen.page.locator("#latest .row")
        for status in (404, 414, 500):
            await screen.page.route("**/parts/latest**", _answering(status))
            await expect(stale).to_be_visible()
            await expect(rows).to_have_count(3)
            await screen.page.unroute("**/parts/latest**")
            await expect(stale).to_be_hidden()


PAGES = (
    "/", "/triage", "/failed", "/exchanges/sms", f"/reports/{report(1).id}",
    f"/reports/{unsure(2).id}", "/ended", "/nope",
)  # fmt: skip

_FAINT = """() => {
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = numbers(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.body.querySelectorAll("*")) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !element.checkVisibility()) continue;
    const [a, b] = [light(numbers(getComputedStyle(element).color)), light(behind(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) faint.push(`${element.outerHTML.slice(0, 80)} ${contrast.toFixed(2)}`);
  }
  return faint;
}"""


async def test_pages_fit_and_can_be_read(desk: Office, browser: Browser) -> None:
    await desk.put(report(4, anonymous=True, confidential=True, text="x" * 900, title="y" * 90))
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    async with console(desk, Clock()) as url, opened(browser, url) as screen:
        for path, width in product(PAGES, (360, 1280)):
            await screen.page.set_viewport_size({"width": width, "height": 800})
            await screen.page.goto(url + path)
            wide = await screen.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, path
            for scheme in schemes:
                await screen.page.emulate_media(color_scheme=scheme)
                assert await screen.page.evaluate(_FAINT) == [], (path, width, scheme)


async def test_the_keyboard_comes_to_the_content_first(desk: Office, browser: Browser) -> None:
    async with console(desk, Clock()) as url, opened(browser, url) as screen:
        await screen.page.goto(url + "/triage")
        await screen.page.keyboard.press("Tab")
        await expect(screen.page.get_by_role("link", name="Langsung ke isi")).to_be_focused()
        await screen.page.keyboard.press("Enter")
        await screen.page.keyboard.press("Tab")
        await expect(screen.page.locator(".card a").first).to_be_focused()
