"""Files over HTTP: who gets them, and how little they can do in a browser."""

import asyncio
import smtplib
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from fastapi import FastAPI
from playwright.async_api import Browser, expect

from config import settings
from gateway.access.roles import Actor
from gateway.assembly import assemble
from gateway.intake.limits import CallLimits
from gateway.media.access import ShownFile
from gateway.portals.agency import api
from gateway.process import Kanal
from gateway.wire.queues import MEDIA
from normalizer.message import Attachment, FileNote, FileState
from tests.gateway import test_console, test_console_browser
from tests.gateway.making import ROAD, House, house
from tests.gateway.office import Clock, Office, console, office, report, served
from tests.gateway.pictures import HTML, OWNER, encoded, photo, picture
from tests.gateway.test_console import Visitor
from tests.gateway.test_console_browser import opened
from tests.gateway.test_media import files, photos
from tests.services.programs import free_ports

clock, guest, operator = test_console.clock, test_console.guest, test_console.operator
browser = test_console_browser.browser
DIGEST = "ab" * 32
AGENCY, ANOTHER = "3578-dinas-pu", "3578-dinas-perhubungan"
TOKENS = {AGENCY: "token-of-pu", ANOTHER: "token-of-perhubungan"}
HARMLESS = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as desk:
        await desk.put(report(1))
        yield desk


class Cabinet:
    """Stands where the files are handed out: it has one, and keeps who looked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, desk: Office, only: ShownFile) -> None:
        self.only, self.shown_to = only, list[str]()
        monkeypatch.setattr(desk.house.files, "for_operator", self.hand_out)

    async def hand_out(self, report_id: str, sha256: str, *, actor: Actor) -> ShownFile:
        self.shown_to.append(actor.name)
        return self.only


def _shown(name: str, media_type: str, *, inline: bool, content: bytes = b"x") -> ShownFile:
    return ShownFile(name, media_type, inline, DIGEST, content)


@pytest.mark.parametrize(
    ("shown", "media_type", "disposition"),
    [
        (
            _shown('foto jalan é"\r\n.jpg', "image/jpeg", inline=True),
            "image/jpeg",
            'inline; filename="foto jalan ____.jpg"; '
            "filename*=UTF-8''foto%20jalan%20%C3%A9%22%0D%0A.jpg",
        ),
        (
            _shown("a.html.bin", "application/octet-stream", inline=False, content=HTML),
            "application/octet-stream",
            "attachment; filename=\"a.html.bin\"; filename*=UTF-8''a.html.bin",
        ),
        (
            _shown("a.txt", "text/plain", inline=True, content=HTML),
            "text/plain; charset=utf-8",
            "inline; filename=\"a.txt\"; filename*=UTF-8''a.txt",
        ),
    ],
)
async def test_a_file_can_do_nothing_in_the_operators_browser(
    operator: Visitor,
    desk: Office,
    monkeypatch: pytest.MonkeyPatch,
    shown: ShownFile,
    media_type: str,
    disposition: str,
) -> None:
    cabinet = Cabinet(monkeypatch, desk, shown)
    path = f"/files/{report(1).id}/{DIGEST}"
    response, _ = await operator.get(path)
    assert response.status == 200
    assert {name: response.headers[name] for name in HARMLESS} == HARMLESS
    assert response.headers["Content-Type"] == media_type
    assert response.headers["Content-Disposition"] == disposition
    response, body = await operator.get(path, **{"If-None-Match": response.headers["ETag"]})
    assert (response.status, body) == (304, "")
    assert set(cabinet.shown_to) == {"petugas"}


async def test_a_stranger_gets_no_file(
    guest: Visitor, desk: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    cabinet = Cabinet(monkeypatch, desk, _shown("a.jpg", "image/jpeg", inline=True))
    response, _ = await guest.get(f"/files/{report(1).id}/{DIGEST}")
    assert response.status == 303
    assert cabinet.shown_to == []


@pytest.mark.parametrize("path", [f"/files/{report(1).id}/{'0' * 64}", "/files/x/y"])
async def test_a_file_that_is_not_there_is_said_so(operator: Visitor, path: str) -> None:
    response, body = await operator.get(path)
    assert response.status == 404
    assert "Berkas itu tidak ada" in body


# The agencies


@pytest.fixture
async def town(sqlite_url: str, tmp_path: Path) -> AsyncIterator[House]:
    methods = {name: {"token": token} for name, token in TOKENS.items()}
    async with house(sqlite_url, tmp_path, methods=methods) as built:
        yield built


async def test_an_agency_fetches_the_files_of_its_reports_and_no_others(town: House) -> None:
    found = await town.report(ROAD, **photos(photo(), HTML))
    await town.work(MEDIA, town.media)
    good, bad = files(await town.newest())
    number = found.report.tracking
    app = FastAPI()
    app.include_router(api.api(town.agencies, town.files, CallLimits("", proxied=False)))
    async with served(app) as url, aiohttp.ClientSession() as http:

        async def fetched(number: str, digest: str | None, token: str) -> tuple[int, Any, bytes]:
            path = f"{url}/agency/v1/reports/{number}/files/{digest}"
            async with http.get(path, headers={"authorization": f"Bearer {token}"}) as answer:
                return answer.status, answer.headers, await answer.read()

        mine = TOKENS[AGENCY]
        status, headers, body = await fetched(number, good.sha256, mine)
        assert (status, headers["content-type"]) == (200, "image/jpeg")
        assert {name: headers[name] for name in HARMLESS} == HARMLESS
        assert body == await town.attachments.get(str(good.sha256))
        written = f"{number[:4]}-{number[4:8]}-{number[8:]}"
        assert (await fetched(written, good.sha256, mine))[0] == 200
        assert (await fetched(number, good.sha256, TOKENS[ANOTHER]))[0] == 404
        assert (await fetched("482109375514", good.sha256, mine))[0] == 404
        assert (await fetched(number, good.sha256, "wrong"))[0] == 401
        assert (await fetched(number, bad.sha256, mine))[0] == 404
        assert (await fetched(number, "0" * 64, mine))[0] == 404
        assert (await fetched(number, "x" * 64, mine))[0] == 422


# The whole gateway


async def test_a_photo_by_mail_reaches_the_agency_without_its_notes(tmp_path: Path) -> None:
    """Through the real doors, the real worker process and the agencies' API."""
    web, mail = free_ports(2)
    kanal = Kanal(
        assemble(
            settings.load(
                None,
                server={"port": web, "public_url": f"http://127.0.0.1:{web}", "data_dir": tmp_path},
                mail_server={"port": mail},
                channels={"email": {"type": "mail", "address": "lapor@lapor.localhost"}},
                delivery={AGENCY: {"token": TOKENS[AGENCY], "method": "inbox"}},
                database={"timeout": 2.0},
            )
        )
    )
    try:
        await kanal.start(("web", "mail", "worker"))
        await asyncio.to_thread(_send, mail)
        attached = await _attached(f"http://127.0.0.1:{web}/agency/v1/reports")
    finally:
        await kanal.stop()
    assert OWNER.encode() not in attached
    assert attached.startswith(b"\xff\xd8\xff")
    kept = [path.read_bytes() for path in _paths(tmp_path / "files")]
    assert len(kept) == 1
    assert b"JFIF" not in kept[0]


def _send(port: int) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "w@warga.test", "lapor@lapor.localhost", "Jalan"
    mail["Message-ID"] = "<satu@warga.test>"
    mail.set_content(ROAD)
    mail.add_attachment(photo(), maintype="image", subtype="jpeg", filename="jalan.jpg")
    with smtplib.SMTP("127.0.0.1", port) as client:
        assert client.send_message(mail) == {}


async def _attached(url: str) -> bytes:
    """Do as an agency does: look until the files are ready, then fetch the first one."""
    headers = {"authorization": f"Bearer {TOKENS[AGENCY]}"}
    async with aiohttp.ClientSession(headers=headers) as http, asyncio.timeout(60):
        while True:
            async with http.get(url) as answer:
                events = (await answer.json())["events"]
            ready = [e for e in events if e["type"] == "id.kanal.report.files_ready"]
            if ready:
                digest = ready[0]["data"]["messages"][0]["attachments"][0]["sha256"]
                async with http.get(f"{url}/{ready[0]['subject']}/files/{digest}") as answer:
                    assert answer.status == 200
                    return await answer.read()
            await asyncio.sleep(0.05)


def _paths(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


# What the operator sees


@pytest.mark.asyncio(loop_scope="module")  # the browser's
async def test_the_report_shows_its_files(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("lubang.jpg", "suara.ogg", "undangan.apk", "video.mp4", "foto-lama.jpg", "baru.jpg")
    made: list[dict[str, Any]] = [
        {"state": FileState.STORED, "sha256": DIGEST, "media_type": "image/png", "size": 12345},
        {"state": FileState.STORED, "sha256": "cd" * 32, "media_type": "audio/ogg", "size": 900},
        {"state": FileState.QUARANTINED, "note": FileNote.UNKNOWN_KIND, "sha256": "ef" * 32},
        {"state": FileState.REFUSED, "note": FileNote.TOO_LARGE},
        {"state": FileState.GONE, "note": FileNote.UNREACHABLE, "url": "secret-at-provider"},
        {},
    ]
    attachments = tuple(
        Attachment(**({"name": name, "media_type": "application/x-unknown"} | values))
        for name, values in zip(names, made, strict=True)
    )
    content = encoded(picture((400, 300)), "PNG")
    async with (
        office(tmp_path) as desk,
        console(desk, Clock()) as url,
        opened(browser, url) as screen,
    ):
        await desk.put(report(1, attachments=attachments))
        Cabinet(monkeypatch, desk, _shown("lubang.png", "image/png", inline=True, content=content))
        page = screen.page
        await page.set_viewport_size({"width": 1200, "height": 1100})
        await page.goto(f"{url}/reports/{report(1).id}")
        drawn = page.locator(".attached img")
        await expect(drawn).to_have_count(1)
        assert await drawn.evaluate("i => i.decode().then(() => i.naturalWidth)") == 400
        said = await page.locator(".files").inner_text()
        for words in (
            "dikarantina, hanya untuk diunduh petugas",
            "jenis berkas ini bisa berbahaya",
            "tidak disimpan",
            "terlalu besar",
            "tidak dapat diambil",
            "penyedia tidak menjawab",
            "sedang diambil",
        ):
            assert words in said
        assert "secret-at-provider" not in await page.content()
        assert await page.locator(".files a").count() == 4
        await page.screenshot(path=tmp_path / "files.png")
        await page.set_viewport_size({"width": 360, "height": 740})
        await page.screenshot(path=tmp_path / "files-phone.png", full_page=True)
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 360
