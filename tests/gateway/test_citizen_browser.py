"""The citizens' form on a phone: Chromium, online, offline, without JavaScript, and axe."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    async_playwright,
    expect,
)

from config import settings
from gateway.assembly import assemble
from gateway.casework.agencies import Reply
from gateway.process import Kanal
from normalizer.report import Report
from tests.gateway.test_console_browser import QUIET, SOON
from tests.services.programs import free_ports

pytestmark = pytest.mark.asyncio(loop_scope="module")

AXE = Path(__file__).parents[1] / "npm" / "node_modules" / "axe-core" / "axe.min.js"
PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 640},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
MOST_BYTES = 60_000
"""The whole first view, with everything the phone keeps for later."""
AGENCY = "3578-dinas-perhubungan"
TITLE, WHERE = "Lampu jalan mati", "Kecamatan Wonocolo, Kota Surabaya"
BODY = "Lampu jalan mati sudah seminggu, gelap sekali kalau malam."
OFFLINE = "ERR_INTERNET_DISCONNECTED"


@dataclass
class Phone:
    """A page on a phone; ``faults`` is what the browser complained of."""

    page: Page
    kanal: Kanal
    faults: list[str] = field(default_factory=list)

    @property
    def context(self) -> BrowserContext:
        return self.page.context

    def hear(self, message: ConsoleMessage) -> None:
        expected = "the server responded with" in message.text or OFFLINE in message.text
        if message.type == "error" and not expected:
            self.faults.append(message.text)

    async def open(self, path: str = "/") -> None:
        await self.page.goto(str(self.kanal.services.settings.server.public_url).rstrip("/") + path)

    async def ready(self) -> None:
        """Open the form and wait until the phone keeps it."""
        await self.open()
        await self.page.evaluate("navigator.serviceWorker.ready.then(() => null)")
        await self.page.wait_for_function("navigator.serviceWorker.controller !== null")

    async def fill(self, *, title: str = TITLE) -> None:
        await self.page.get_by_label("Judul laporan").fill(title)
        await self.page.get_by_role("textbox", name="Isi laporan").fill(BODY)
        await self.page.get_by_label("Lokasi kejadian").fill(WHERE)

    async def send(self) -> None:
        await self.page.get_by_role("button", name="Kirim laporan").click()

    async def receipt(self) -> tuple[str, str]:
        """Wait for the receipt and read number and secret off it."""
        heading = self.page.get_by_role("heading", name="Laporan Anda kami terima")
        await expect(heading).to_be_visible()
        number = await self.page.locator("#r-number").inner_text()
        return number, await self.page.locator("#r-secret").inner_text()

    async def reports(self, title: str) -> list[Report]:
        found = await self.kanal.services.store.reports.latest(100)
        return [report for report in found if report.title == title]

    async def routed(self, title: str) -> Report:
        """Wait until the gateway has routed a report."""
        async with asyncio.timeout(30):
            while not (found := await self.reports(title)):
                await self.page.wait_for_timeout(50)
        return found[0]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kanal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Kanal]:
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    folder = tmp_path_factory.mktemp("citizen")
    server = {"port": port, "public_url": url, "data_dir": folder}
    block = {"type": "web", "posts_per_hour": 1000}
    said = {"controller": "Dinas Komunikasi dan Informatika Kabupaten Contoh Jaya"}
    privacy = {**said, "contact": "pelindungan.data@contohkab.go.id"}
    chosen = settings.load(None, server=server, channels={"web": block}, privacy=privacy)
    running = Kanal(assemble(chosen))
    try:
        await running.start(("web", "worker"))
        yield running
    finally:
        await running.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(chromium_path: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=chromium_path, args=QUIET)
        yield chromium
        await chromium.close()


@asynccontextmanager
async def held(browser: Browser, kanal: Kanal, **options: Any) -> AsyncIterator[Phone]:
    """Take a fresh phone into the hand; afterwards the browser must have had no complaint."""
    context = await browser.new_context(**PHONE | options)
    context.set_default_timeout(SOON)
    phone = Phone(await context.new_page(), kanal)
    phone.page.on("console", phone.hear)
    phone.page.on("pageerror", lambda error: phone.faults.append(str(error)))
    try:
        yield phone
    finally:
        await context.close()
    assert phone.faults == []


async def sound(phone: Phone, what: str, folder: Path) -> None:
    """Hold a page to WCAG 2.2 AA by axe, and to the width of the screen; take its picture."""
    await phone.page.screenshot(path=folder / f"{what}.png", full_page=True)
    wide = await phone.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE["viewport"]["width"], what
    await phone.page.evaluate(AXE.read_text("utf-8"))
    found = await phone.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    grave = [
        (each["id"], [node["html"] for node in each["nodes"]])
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]
    assert grave == [], what


@pytest.mark.parametrize("language", ["id", "en"])
async def test_the_privacy_notice_is_one_screen_of_a_cheap_phone_without_scripts(
    browser: Browser, kanal: Kanal, tmp_path: Path, language: str
) -> None:
    async with held(browser, kanal, java_script_enabled=False) as phone:
        await phone.open(f"/?lang={language}")
        await phone.page.locator("footer a[href='/privasi']").click()
        await expect(phone.page.get_by_role("heading", level=1)).to_be_visible()
        await phone.page.screenshot(path=tmp_path / "privacy.png")
        box = await phone.page.locator("main dl").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= PHONE["viewport"]["height"]
    async with held(browser, kanal) as phone:
        await phone.open(f"/privasi?lang={language}")
        await sound(phone, f"privacy {language}", tmp_path)


async def test_a_report_is_sent_tracked_answered_and_added_to(
    browser: Browser, kanal: Kanal, tmp_path: Path
) -> None:
    title = "Lampu jalan mati di Wonocolo"
    async with held(browser, kanal) as phone:
        page = phone.page
        await phone.ready()
        await sound(phone, "form", tmp_path)
        await phone.send()
        await expect(page.locator("#faults")).to_be_focused()
        await sound(phone, "faults", tmp_path)
        await page.locator("#faults").get_by_role("link").first.click()
        await expect(page.get_by_label("Judul laporan")).to_be_focused()
        await phone.fill(title=title)
        await page.get_by_role("checkbox", name=re.compile("^Anonim")).check()
        await phone.send()
        number, secret = await phone.receipt()
        await sound(phone, "receipt", tmp_path)
        report = await phone.routed(title)
        assert report.anonymous
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.get_by_role("link", name="Lihat status laporan").click()
        await expect(page.get_by_text("Dinas Perhubungan Kota Surabaya").first).to_be_visible()
        assert secret not in "".join(url.partition("#")[0] for url in asked)
        assert secret not in page.url
        await page.get_by_label("Keterangan atau jawaban Anda").fill("Tiang nomor 12")
        await page.get_by_role("button", name="Kirim keterangan").click()
        await expect(page.get_by_text("Keterangan Anda kami terima")).to_be_visible()
        await kanal.services.agencies.reply(
            AGENCY, report.tracking, Reply(kind="answer", text="Sudah diganti."), key="1"
        )
        await page.get_by_role("button", name="Muat ulang status").click()
        await expect(page.get_by_text("Sudah diganti.")).to_be_visible()
        await sound(phone, "tracking", tmp_path)
        await phone.open("/lacak")
        await page.get_by_label("Nomor laporan").fill(number)
        await page.get_by_label("Kode pembuka").fill("aaaaaaaa")
        await page.get_by_role("button", name="Lihat status").click()
        await expect(page.get_by_text("tidak cocok")).to_be_visible()
        await sound(phone, "track", tmp_path)
    assert len(await phone.reports(title)) == 1


async def test_a_report_written_offline_is_sent_once_when_the_network_is_back(
    browser: Browser, kanal: Kanal, tmp_path: Path
) -> None:
    title = "Lampu mati ditulis tanpa jaringan"
    async with held(browser, kanal) as phone:
        page = phone.page
        await phone.ready()
        await phone.context.set_offline(True)
        await page.reload()
        await phone.fill(title=title)
        await phone.send()
        await expect(page.locator("#outbox")).to_contain_text(title)
        await expect(page.get_by_label("Judul laporan")).to_have_value("")
        await sound(phone, "offline", tmp_path)
        await phone.open("/lacak/482109375514")
        await expect(page.get_by_role("heading", name="Tidak ada jaringan")).to_be_visible()
        await page.get_by_role("link", name="Tulis laporan").click()
        await expect(page.locator("#outbox")).to_contain_text(title)
        posted: list[str] = []
        phone.context.on("request", lambda asked: _note_post(asked, posted))
        await phone.context.set_offline(False)
        await page.evaluate("dispatchEvent(new Event('online'))")
        await expect(page.locator("#sent")).to_contain_text(title)
        await expect(page.locator("#outbox")).to_be_hidden()
        await expect(page.locator("#sent")).to_contain_text("Kode pembuka")
        await sound(phone, "sent-later", tmp_path)
        await phone.routed(title)
        await page.reload()
        await page.get_by_role("button", name=f"Hapus: {title}").click()
        await expect(page.locator("#sent")).to_be_hidden()
    assert posted
    assert len(await phone.reports(title)) == 1
    assert (await kanal.services.store.quarantine.count()) == 0


def _note_post(asked: Request, posted: list[str]) -> None:
    if asked.method == "POST":
        posted.append(asked.url)


async def test_an_answer_that_got_lost_makes_no_second_report(
    browser: Browser, kanal: Kanal
) -> None:
    title = "Lampu mati, jawaban hilang di jalan"
    async with held(browser, kanal, service_workers="block") as phone:
        page = phone.page
        await phone.open()
        lost = True

        async def lose(route: Any) -> None:
            nonlocal lost
            if not lost:
                await route.continue_()
                return
            lost = False
            await route.fetch()  # it reached the gateway, but its answer does not come back
            await route.abort()

        await page.route("**/in/web", lose)
        await phone.fill(title=title)
        await phone.send()
        await expect(page.locator("#outbox")).to_contain_text(title)
        await page.get_by_role("button", name="Kirim sekarang").click()
        await expect(page.locator("#sent")).to_contain_text(title)
        await phone.routed(title)
        phone.faults = [each for each in phone.faults if "ERR_FAILED" not in each]
    assert len(await phone.reports(title)) == 1


async def test_everything_works_without_javascript(
    browser: Browser, kanal: Kanal, tmp_path: Path
) -> None:
    title = "Lampu mati tanpa skrip"
    async with held(browser, kanal, java_script_enabled=False) as phone:
        page = phone.page
        await phone.open()
        await page.get_by_label("Judul laporan").fill(title)
        await page.get_by_role("textbox", name="Isi laporan").fill(BODY)
        photo = {"name": "foto.png", "mimeType": "image/png", "buffer": _picture(40, 30)}
        await page.get_by_label("Pilih berkas").set_input_files(photo)  # type: ignore[arg-type]
        await phone.send()  # without a place, which only the gateway notices here
        await expect(page.locator("#faults")).to_contain_text("Tulis lokasi kejadian")
        await expect(page.get_by_label("Judul laporan")).to_have_value(title)
        await page.screenshot(path=tmp_path / "without-script.png", full_page=True)
        await page.get_by_label("Lokasi kejadian").fill(WHERE)
        await page.get_by_label("Pilih berkas").set_input_files(photo)  # type: ignore[arg-type]
        await phone.send()
        number, secret = await phone.receipt()
        await phone.routed(title)
        await page.get_by_role("link", name="Lihat status laporan").click()
        await expect(page.get_by_label("Nomor laporan")).to_have_value(number.replace("-", ""))
        await page.get_by_label("Kode pembuka").fill(secret)
        await page.get_by_role("button", name="Lihat status").click()
        await expect(page.get_by_text("Ditujukan ke Instansi").first).to_be_visible()
    (report,) = await phone.reports(title)
    assert [file.media_type for file in report.attachments] == ["image/png"]


async def test_photos_are_made_smaller_and_the_position_is_sent_only_when_asked(
    browser: Browser, kanal: Kanal
) -> None:
    title = "Lampu mati dengan foto dan lokasi"
    place = {"latitude": -7.3166, "longitude": 112.75, "accuracy": 15}
    options: dict[str, Any] = {"geolocation": place, "permissions": ["geolocation"]}
    async with held(browser, kanal, **options) as phone:
        page = phone.page
        await phone.open()
        await phone.fill(title=title)
        large = {"name": "foto.png", "mimeType": "image/png", "buffer": _picture(4000, 3000)}
        await page.get_by_label("Ambil foto").set_input_files(large)  # type: ignore[arg-type]
        await expect(page.locator("#picked")).to_contain_text("foto.jpg")
        await page.get_by_role("button", name="Pakai lokasi saya").click()
        await expect(page.locator("#gps-said")).to_contain_text("15 meter")
        await phone.send()
        await phone.receipt()
        report = await phone.routed(title)
    assert report.coordinates
    assert (report.coordinates.latitude, report.coordinates.longitude) == (-7.3166, 112.75)
    (attachment,) = report.attachments
    assert attachment.media_type == "image/jpeg"
    assert attachment.size
    assert attachment.size < 200_000


async def test_what_was_typed_survives_a_closed_page_but_not_the_contact(
    browser: Browser, kanal: Kanal
) -> None:
    async with held(browser, kanal) as phone:
        page = phone.page
        await phone.open()
        await phone.fill()
        await page.get_by_label("Nomor telepon atau e-mail").fill("siti@desa.example")
        await page.reload()
        await expect(page.get_by_label("Judul laporan")).to_have_value(TITLE)
        await expect(page.get_by_label("Nomor telepon atau e-mail")).to_have_value("")
        kept = await page.evaluate("JSON.stringify(localStorage)")
        assert "siti" not in kept
        await page.get_by_role("button", name="Hapus isian").click()
        await page.reload()
        await expect(page.get_by_label("Judul laporan")).to_have_value("")


async def test_english_is_one_press_away_and_stays(
    browser: Browser, kanal: Kanal, tmp_path: Path
) -> None:
    async with held(browser, kanal, color_scheme="dark") as phone:
        page = phone.page
        await phone.open()
        await expect(page.get_by_role("heading", name="Tulis laporan")).to_be_visible()
        await page.get_by_role("link", name="EN, English").click()
        await expect(page.get_by_role("heading", name="Write a report")).to_be_visible()
        await sound(phone, "english-dark", tmp_path)
        await page.get_by_role("link", name="Track").click()
        await expect(page.locator("html")).to_have_attribute("lang", "en")
        await sound(phone, "track-dark", tmp_path)


async def test_the_first_view_costs_less_than_sixty_kilobytes(
    browser: Browser, kanal: Kanal
) -> None:
    async with held(browser, kanal) as phone:
        done: list[Request] = []
        phone.context.on("requestfinished", lambda request: done.append(request))
        await phone.ready()
        urls = {request.url.rpartition("/")[2].partition("?")[0] for request in done}
        assert {"", "citizen.css", "citizen.js", "queue.js", "lapor.svg"} <= urls
        total = await _bytes_of(done)
        shell = await phone.page.evaluate(
            "caches.keys().then(([name]) => caches.open(name))"
            ".then((cache) => cache.keys()).then((kept) => kept.length)"
        )
    assert 10_000 < total < MOST_BYTES
    assert shell == 6


async def _bytes_of(requests: Iterable[Request]) -> int:
    sizes = [await request.sizes() for request in requests]
    return sum(each["responseBodySize"] + each["responseHeadersSize"] for each in sizes)


async def test_targets_are_large_enough_and_the_keyboard_goes_in_the_order_of_the_form(
    browser: Browser, kanal: Kanal
) -> None:
    async with held(browser, kanal) as phone:
        page = phone.page
        await phone.open()
        small = await page.evaluate(
            """() => [...document.querySelectorAll('a, button, input, select, textarea')]
            .filter((e) => e.checkVisibility() && !e.closest('.unseen, .skip') && e.tabIndex >= 0)
            .map((e) => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
            .filter(([, box]) => box.width < 24 || box.height < 24).map(([html]) => html)"""
        )
        assert small == []
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Langsung ke isi")).to_be_focused()
        order = await page.evaluate(
            """() => [...document.querySelectorAll('#report [name]')]
            .filter((e) => e.type !== 'hidden' && e.tabIndex >= 0).map((e) => e.name)"""
        )
    assert list(dict.fromkeys(order)) == [
        *("kind", "title", "body", "date", "address", "agency", "topic"),
        *("attachments", "anonim", "rahasia", "publik", "name", "contact"),
    ]


def _picture(width: int, height: int) -> bytes:
    """Draw a picture without the help of a camera."""
    out = BytesIO()
    Image.linear_gradient("L").resize((width, height)).save(out, "PNG")
    return out.getvalue()
