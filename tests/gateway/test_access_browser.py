"""Accounts in a real browser on a phone: from the first link to an invited officer."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pyotp
from playwright.async_api import Browser, Page, async_playwright, expect

from gateway.access.people import first_link
from tests import node
from tests.gateway.office import Clock, console, office, report
from tests.gateway.test_citizen_browser import AXE
from tests.gateway.test_console_browser import QUIET, SOON

PASSWORD = "kucing oranye 7 tangga"


@asynccontextmanager
async def window(browser: Browser, width: int, *, script: bool = True) -> AsyncIterator[Page]:
    """Open a fresh browser; afterwards it must have had no complaint and asked no other host."""
    context = await browser.new_context(
        viewport={"width": width, "height": 800}, java_script_enabled=script
    )
    context.set_default_timeout(SOON)
    page, faults, hosts = await context.new_page(), list[str](), set[str]()
    page.on("console", lambda m: faults.append(m.text) if "security" in m.text.lower() else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda asked: hosts.add(asked.url.split("/")[2]))
    try:
        yield page
    finally:
        await context.close()
    assert faults == []
    assert len(hosts) == 1


async def sound(page: Page, name: str, folder: Path) -> None:
    """Hold a page to WCAG 2.2 AA by axe, and to the width of the screen; take its picture."""
    await page.screenshot(path=folder / f"{name}.png", full_page=True)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    await page.evaluate(AXE.read_text("utf-8"))
    found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in found["violations"]] == [], name


async def begin(page: Page, url: str, code: str, name: str) -> None:
    """Open a one-time link, and choose a name and a password."""
    await page.goto(f"{url}/begin#{code}")
    await expect(page.get_by_label("Nama untuk masuk")).to_be_visible()
    assert code not in page.url
    await page.get_by_label("Nama untuk masuk").fill(name)
    await page.get_by_label("Nama lengkap").fill(name.title())
    if await page.get_by_label("Alamat e-mail").count():
        await page.get_by_label("Alamat e-mail").fill(f"{name}@kota.example")
    await page.get_by_label("Kata sandi", exact=True).fill(PASSWORD)
    await page.get_by_label("Kata sandi sekali lagi").fill(PASSWORD)


async def test_from_the_first_link_to_an_invited_officer(
    chromium_path: str, tmp_path: Path
) -> None:

    node.install()
    async with (
        office(tmp_path) as desk,
        console(desk, Clock(still=datetime.now(UTC))) as url,
        async_playwright() as playwright,
    ):
        await desk.put(report(1))
        browser = await playwright.chromium.launch(executable_path=chromium_path, args=QUIET)
        code = await first_link(desk.house.store)
        assert code
        async with window(browser, 360) as page:
            await begin(page, url, code, "rini")
            await sound(page, "first", tmp_path)
            await page.get_by_role("button", name="Buat akun dan masuk").click()
            await page.wait_for_url("**/console/me")
            await sound(page, "me", tmp_path)
            await page.get_by_role("link", name="Pasang kode dua langkah").click()
            await sound(page, "codes", tmp_path)
            secret = await page.locator("code").inner_text()
            now = desk.house.clock()
            await page.get_by_label("Kode dari aplikasi").fill(pyotp.TOTP(secret).at(now))
            await page.get_by_role("button", name="Aktifkan").click()
            await expect(page.locator(".recovery li")).to_have_count(10)
            await sound(page, "recovery", tmp_path)
            await page.goto(f"{url}/")
            await expect(page.locator("#m-triage")).to_be_visible()
            await page.locator("#m-accounts").click()
            await page.locator("input[type=email]").fill("budi@dishub.example")
            await page.locator("select[name=role]").select_option("officer")
            await page.locator("input[name=scope]").fill("dinas perhubungan kotawaringin")
            option = page.locator("#scopes option[value='6201-dinas-perhubungan']")
            await expect(option).to_be_attached()
            await page.locator("input[name=scope]").fill("6201-dinas-perhubungan")
            await page.get_by_role("button", name="Buat undangan").click()
            link = await page.get_by_label("Salin tautan ini").input_value()
            await sound(page, "link", tmp_path)
            await page.locator("#m-accounts").click()
            await page.get_by_role("link", name="petugas", exact=True).click()
            await sound(page, "account", tmp_path)
            await page.goto(f"{url}/reports/{report(1).id}")
            desk.house.clock.pass_(minutes=11)
            await page.get_by_text("Buka identitas").first.click()
            await page.locator('form[action$="/unseal"] [name=reason]').fill("diminta polisi")
            await page.get_by_role("button", name=re.compile("Buka")).click()
            await sound(page, "confirm", tmp_path)
        async with window(browser, 360, script=False) as officer:
            await officer.goto(f"{url}/begin")
            await officer.get_by_label("Tautan atau kodenya").fill(link)
            await officer.get_by_role("button", name="Lanjut").click()
            await expect(officer.get_by_text("budi@dishub.example")).to_be_visible()
            await officer.get_by_label("Nama untuk masuk").fill("budi")
            await officer.get_by_label("Nama lengkap").fill("Budi")
            await officer.get_by_label("Kata sandi", exact=True).fill(PASSWORD)
            await officer.get_by_label("Kata sandi sekali lagi").fill(PASSWORD)
            await officer.get_by_role("button", name="Buat akun dan masuk").click()
            await expect(officer.locator("#m-accounts")).to_have_count(0)
            await expect(officer.locator("#m-me")).to_have_text("budi")
        await browser.close()
