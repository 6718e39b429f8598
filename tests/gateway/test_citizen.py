"""The citizens' pages over real HTTP, without JavaScript: form, receipt, tracking, additions."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from html import unescape
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from structlog.testing import capture_logs

from adapters.load import load
from config.settings import DEFAULTS, read_toml
from gateway import components
from gateway.access.roles import Actor, Grant, Role
from gateway.casework.agencies import Reply
from gateway.intake import webhook
from gateway.intake.limits import LOOKS_AT_ONE, CallLimits
from gateway.intake.load import LoadLimits
from gateway.portals.citizen import routes
from gateway.portals.citizen.pages import FILES
from gateway.store.engine import Unavailable
from normalizer.message import Kind
from normalizer.report import Status
from tests.adapters.web.forms import JPEG, Attached, filled, multipart
from tests.cases import overwriting, reworded
from tests.gateway.making import House, house, made_parts
from tests.gateway.office import served
from tests.services import free_ports

AGENCY = "3578-dinas-perhubungan"
WHO = {"name": "Siti Rahma", "contact": "siti@desa.example"}
PAGES = ("/", "/lacak", "/lacak/482109375514", "/luring", "/privasi")


@dataclass
class Visitor:
    """A browser without JavaScript, and the gateway it calls."""

    house: House
    url: str
    http: aiohttp.ClientSession

    async def get(self, path: str, **headers: str) -> tuple[aiohttp.ClientResponse, str]:
        async with self.http.get(self.url + path, headers=headers, allow_redirects=False) as got:
            return got, unescape(await got.text())

    async def post(
        self,
        path: str,
        values: Mapping[str, str],
        files: Attached = (),
        *,
        origin: str = "",
        encoded: bool = False,
        **headers: str,
    ) -> tuple[aiohttp.ClientResponse, str]:
        kind = "multipart/form-data; boundary=xx"
        body: Any = multipart(values, files)
        if encoded:
            kind, body = "application/x-www-form-urlencoded", aiohttp.FormData(dict(values))()
        told = {"origin": origin or self.url, "sec-fetch-site": "same-origin", "content-type": kind}
        async with self.http.post(self.url + path, data=body, headers=told | headers) as got:
            return got, unescape(await got.text())

    async def report(self, **changes: str) -> tuple[str, str]:
        """Send a report, let the gateway work, and return number and secret from the receipt."""
        got, page = await self.post("/", filled(**changes))
        assert got.status == 201, page
        assert await self.house.work_all() == {}
        return receipt(page)

    async def look(self, number: str, secret: str, **more: str) -> tuple[int, str]:
        values = {"number": number, "secret": secret, **more}
        got, page = await self.post("/lacak", values, encoded=True)
        return got.status, page


async def test_a_receipt_in_danger_begins_with_the_number_to_call(visitor: Visitor) -> None:
    body = "tolong rumah tetangga terbakar sekarang di Kelurahan Dago Kota Bandung"
    _, page = await visitor.post("/", filled(title="Laporan", body=body))
    assert page.index("Segera telepon 112") < page.index('id="receipt-title"')
    _, page = await visitor.post("/", filled())
    assert 'id="r-danger" role="alert" hidden' in page


def receipt(page: str) -> tuple[str, str]:
    """Read number and secret off a receipt."""
    number = re.search(r'id="r-number">([\d-]{14})<', page)
    secret = re.search(r'id="r-secret">([a-z2-7]{8})<', page)
    assert number, page
    assert secret, page
    return number[1], secret[1]


@pytest.fixture
def block() -> dict[str, Any]:
    """What a test changes in the block of the channel."""
    return {}


@pytest.fixture
async def visitor(sqlite_url: str, tmp_path: Path, block: dict[str, Any]) -> AsyncIterator[Visitor]:
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    web = load("web", {"type": "web", **block}, public_url=url)
    async with house(sqlite_url, tmp_path, more=[web]) as built:
        limits = CallLimits("", proxied=False)
        parts = routes.CitizenServices(
            built.services.tracking,
            components.categories(made_parts()),
            files=built.files,
        )
        app = Starlette(
            routes=[
                *webhook.routes(built.door, url, 65_536, limits),
                *routes.routes(built.door, parts, limits),
            ]
        )
        async with served(app, port), aiohttp.ClientSession() as http:
            yield Visitor(built, url, http)


# The form


async def test_a_photo_of_an_answer_is_seen_with_number_and_secret_only(visitor: Visitor) -> None:
    number, secret = await visitor.report()
    file = await visitor.house.newest()
    made = file.report.assignment
    assert made is not None
    assert made.agency is not None
    officer = Actor("rini", (Grant(Role.OFFICER, made.agency.id),))
    officers, written = visitor.house.services.officers, BytesIO()
    Image.new("RGB", (8, 8)).save(written, "JPEG")
    kept = replace(await officers.store_photo(written.getvalue()), label="after")
    await officers.answer(
        file.report.id, "Sudah selesai.", [kept], actor=officer, version=file.version
    )
    status, page = await visitor.look(number, secret)
    assert (status, "Foto sesudah" in page, "rini" in page) == (200, True, False)
    values = {"number": number, "secret": secret, "photo": kept.sha256}
    for changes, wanted in (
        ({}, 200), ({"secret": "aaaaaaaa"}, 404), ({"photo": "0" * 64}, 404)
    ):  # fmt: skip
        form = aiohttp.FormData(values | changes)
        async with visitor.http.post(visitor.url + "/lacak", data=form) as got:
            assert got.status == wanted
            body = await got.read()
        if wanted == 200:
            assert got.content_type == "image/jpeg"
            assert got.headers["Content-Security-Policy"].startswith("sandbox")
            assert body[:3] == b"\xff\xd8\xff"


async def test_a_report_reaches_its_agency_and_its_receipt_opens_the_tracking_page(
    visitor: Visitor,
) -> None:
    number, secret = await visitor.report(**WHO, anonim="yes", rahasia="yes")
    report = (await visitor.house.newest()).report
    assert report.tracking == number.replace("-", "")
    assert (report.anonymous, report.confidential) == (True, True)
    assert report.address == "Kecamatan Wonocolo, Kota Surabaya"
    assert report.chosen_topic == "perhubungan"
    assert report.assignment
    assert report.assignment.agency
    assert report.assignment.agency.id == AGENCY
    status, page = await visitor.look(number, secret)
    assert status == 200
    for shown in ("Lampu jalan mati", "Ditujukan ke Instansi", "Dinas Perhubungan Kota Surabaya"):
        assert shown in page
    assert "Penyelesaian" in page


async def test_who_wrote_is_on_no_page_and_in_no_log_and_sealed_in_the_store(
    visitor: Visitor, tmp_path: Path
) -> None:
    with capture_logs() as logs:
        number, secret = await visitor.report(**WHO)
        _, page = await visitor.look(number, secret)
        _, form = await visitor.get("/")
    whole = _stored(tmp_path)
    for secret_word in WHO.values():
        assert secret_word not in page + form + str(logs)
        assert secret_word.encode() not in whole
    assert secret not in str(logs)


def _stored(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("chosen", "kind"), [("aspiration", Kind.ASPIRATION), ("complaint", Kind.COMPLAINT)]
)
async def test_the_kind_that_was_chosen_counts(visitor: Visitor, chosen: str, kind: Kind) -> None:
    await visitor.report(kind=chosen)
    assert (await visitor.house.newest()).report.kind == kind


async def test_faults_stand_beside_their_fields_and_nothing_typed_is_lost(
    visitor: Visitor,
) -> None:
    values = filled(title="ab", body='Jalan "rusak" <b>sekali</b> & licin di sini', rahasia="yes",
                    agency="Dinas PU", kind="aspiration", contact="di rumah")  # fmt: skip
    got, page = await visitor.post("/", values, [("a.jpg", JPEG)])
    assert got.status == 400
    for field in ("title", "contact"):
        assert f'<a href="#{field}">' in page
        assert re.search(rf'id="{field}"[^>]*aria-invalid="true"', page)
        assert re.search(rf'id="{field}-fault">[^<]+<', page)
    assert 'Jalan "rusak" <b>sekali</b> & licin di sini' in page
    assert 'value="Dinas PU"' in page
    assert f'value="{values["key"]}"' in page
    assert re.search(r'name="rahasia" value="yes" checked', page)
    assert re.search(r'value="aspiration" required checked', page)
    assert re.search(r'value="perhubungan"[^>]* selected', page)
    assert "Pilih lagi lampiran Anda" in page
    assert await visitor.house.counted("messages") == 0
    assert await visitor.house.counted("quarantine") == 0


async def test_what_was_typed_is_escaped(visitor: Visitor) -> None:
    values = filled(title='"><script>alert(1)</script>', contact="x")
    async with visitor.http.post(
        visitor.url + "/",
        data=multipart(values),
        headers={"origin": visitor.url, "content-type": "multipart/form-data; boundary=xx"},
    ) as got:
        assert "<script>alert" not in await got.text()


async def test_a_forged_origin_is_refused_and_not_kept(visitor: Visitor) -> None:
    for path in ("/", "/in/web"):
        got, page = await visitor.post(path, filled(), origin="https://evil.example")
        assert got.status == 403
        assert "tidak berasal dari halaman kami" in page
    assert await visitor.house.counted("quarantine") == 0
    assert await visitor.house.counted("messages") == 0


async def test_a_robot_is_set_aside_for_an_operator(visitor: Visitor) -> None:
    got, page = await visitor.post("/", filled(website="x"))
    assert got.status == 202
    assert "diperiksa petugas" in page
    (held,) = await visitor.house.store.quarantine.latest(10)
    assert (held.reason, held.state) == ("automatic", "noted")


async def test_the_form_posted_by_script_is_answered_with_the_number_once(
    visitor: Visitor,
) -> None:
    values = filled()
    answers = [await visitor.post("/in/web", values) for _ in range(3)]
    assert {got.status for got, _ in answers} == {201}
    assert len({body for _, body in answers}) == 1
    said = json.loads(answers[0][1])
    assert said["url"].startswith(f"{visitor.url}/lacak/{said['tracking']}#")
    assert await visitor.house.counted("messages") == 1


async def test_photos_may_be_larger_than_other_channels_messages(visitor: Visitor) -> None:
    photo = JPEG.ljust(200_000, b"\1")
    got, page = await visitor.post("/in/web", filled(), [("a.jpg", photo)])
    assert got.status == 201, page
    await visitor.house.work_all()
    (attachment,) = (await visitor.house.newest()).report.attachments
    assert (attachment.media_type, attachment.size) == ("image/jpeg", len(photo))


@pytest.mark.parametrize("block", [{"max_bytes": 65_536}])
@pytest.mark.parametrize("path", ["/", "/in/web"])
async def test_too_much_is_refused(visitor: Visitor, path: str) -> None:
    got, page = await visitor.post(path, filled(), [("a.jpg", JPEG.ljust(70_000, b"\1"))])
    assert got.status == 413
    if path == "/":
        assert "Kiriman terlalu besar" in page


@pytest.mark.parametrize("block", [{"posts_per_hour": 2}])
async def test_one_address_may_not_flood_the_form(visitor: Visitor) -> None:
    number, secret = await visitor.report()
    assert (await visitor.post("/in/web", filled()))[0].status == 201
    got, page = await visitor.post("/", filled())
    assert got.status == 429
    assert int(got.headers["retry-after"]) > 60
    assert "Terlalu banyak kiriman" in page
    assert (await visitor.post("/in/web", filled()))[0].status == 429
    status, _ = await visitor.look(number, secret, key=str(uuid4()), body="masih rusak juga")
    assert status == 429
    assert await visitor.house.counted("messages") == 2


# The tracking page


async def test_a_reporter_reads_what_was_cut_and_no_code(visitor: Visitor) -> None:
    number, secret = await visitor.report()
    _, before = await visitor.look(number, secret)
    assert "Tentang pesan Anda" not in before
    file = await visitor.house.newest()
    noted = reworded(file.report, notes=("parts_missing: 2/3", "mail_dmarc", "odd_code"))
    await visitor.house.change(overwriting(noted))
    _, page = await visitor.look(number, secret)
    assert "Tentang pesan Anda" in page
    assert "Sebagian pesan Anda tidak kami terima." in page
    assert "DMARC" not in page
    assert "odd" not in page


async def test_a_wrong_secret_and_an_unknown_number_look_the_same(visitor: Visitor) -> None:
    number, secret = await visitor.report()
    other = "4821-0937-5514"
    pages = [await visitor.look(*pair) for pair in ((number, "aaaaaaaa"), (other, secret))]
    assert [status for status, _ in pages] == [404, 404]
    assert all("tidak cocok" in page for _, page in pages)
    assert "Lampu jalan" not in pages[0][1]
    assert (await visitor.look(number.replace("-", " "), f" {secret.upper()} "))[0] == 200


async def test_guessing_is_slowed_also_for_the_right_secret(visitor: Visitor) -> None:
    number, secret = await visitor.report()
    tries = [visitor.look(number, f"{n:08}") for n in range(LOOKS_AT_ONE.amount)]
    assert {status for status, _ in await asyncio.gather(*tries)} == {404}
    status, page = await visitor.look(number, secret)
    assert status == 429
    assert "Terlalu banyak percobaan" in page
    assert (await visitor.look("4821-0937-5514", "aaaaaaaa"))[0] == 404


async def test_a_report_that_is_not_routed_yet_is_on_its_way(visitor: Visitor) -> None:
    _, page = await visitor.post("/", filled())
    status, page = await visitor.look(*receipt(page))
    assert status == 200
    assert "Diterima, sedang diproses" in page


async def test_the_agency_answers_and_the_reporter_adds_to_it(visitor: Visitor) -> None:
    number, secret = await visitor.report()
    key = str(uuid4())
    for _ in range(2):  # sent twice, as a reload does
        status, page = await visitor.look(number, secret, key=key, body="Tiang nomor 12 juga mati")
        assert (status, "Keterangan Anda kami terima" in page) == (200, True)
    assert await visitor.house.work_all() == {}
    file = await visitor.house.file(number.replace("-", ""))
    assert file.report.text.count("Tiang nomor 12 juga mati") == 1
    assert await visitor.house.counted("reports") == 1
    for_agency = [m.body for m in await visitor.house.for_agency(AGENCY)]
    assert sum(b"Tiang nomor 12" in body for body in for_agency) == 1
    assert all(b"web:" not in body for body in for_agency)
    reply = Reply(kind="answer", text="Lampu sudah diganti.")
    await visitor.house.agencies.reply(AGENCY, file.report.tracking, reply, key="1")
    assert await visitor.house.work_all() == {}
    _, page = await visitor.look(number, secret)
    assert "Lampu sudah diganti." in page
    assert "Sudah Ditanggapi" in page
    sent = await visitor.house.counted("notifications", "channel = 'web' AND state <> 'sent'")
    assert sent == 0, "an answer on the page is there at once"


async def test_an_addition_that_cannot_be_stored_now_stands_in_the_form_again(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, secret = await visitor.report()
    full = LoadLimits(bytes=0, small=0)
    with monkeypatch.context() as overload:
        overload.setattr(visitor.house.door.load, "_limits", full)
        key = str(uuid4())
        status, page = await visitor.look(number, secret, key=key, body="Nomor 12 mati")
        assert f'name="key" value="{key}"' in page, "sent again it is the same addition"
        _, forged = await visitor.look(number, secret, key='"><b>', body="Nomor 12 mati")
        assert re.search(r'name="key" value="[0-9a-f-]{36}"', forged)
    assert (status, "Nomor 12 mati" in page) == (503, True)
    assert "belum dapat disimpan saat ini" in page


async def test_an_addition_long_afterwards_still_finds_its_report(visitor: Visitor) -> None:
    number, secret = await visitor.report()
    visitor.house.clock.pass_(days=40)
    await visitor.look(number, secret, key=str(uuid4()), body="Sampai sekarang belum diperbaiki")
    assert await visitor.house.work_all() == {}
    assert await visitor.house.counted("reports") == 1


async def test_our_question_is_answered_on_the_page(visitor: Visitor) -> None:
    number, secret = await visitor.report(
        title="Jalan berlubang",
        body="jalan berlubang dan sangat berbahaya, tolong diperbaiki",
        address="dekat rumah saya",
        topic="",
    )
    _, page = await visitor.look(number, secret)
    assert "Menunggu Kelengkapan Informasi" in page
    assert "kabupaten/kota mana kejadiannya" in page
    where = "di kecamatan Tenggarong, Kutai Kartanegara"
    await visitor.look(number, secret, key=str(uuid4()), body=where)
    assert await visitor.house.work_all() == {}
    _, page = await visitor.look(number, secret)
    assert "Kabupaten Kutai Kartanegara" in page


async def test_nobody_adds_to_a_report_with_a_guessed_key_or_to_another_channels(
    visitor: Visitor,
) -> None:
    number, _ = await visitor.report()
    bare = number.replace("-", "")
    forged = {"key": str(uuid4()), "follows": str(uuid4()), "number": bare, "body": "palsu sekali"}
    await visitor.post("/in/web", forged, encoded=True)
    assert await visitor.house.work_all() == {}
    assert "palsu" not in (await visitor.house.file(bare)).report.text


async def test_an_addition_with_a_fault_is_told_and_kept(visitor: Visitor) -> None:
    number, secret = await visitor.report()
    status, page = await visitor.look(number, secret, key=str(uuid4()), body="bantuan")
    assert status == 400
    assert "Tulis apa yang terjadi" in page
    assert ">\nbantuan</textarea>" in page


async def test_a_closed_report_takes_nothing_more(visitor: Visitor) -> None:
    number, secret = await visitor.report()
    file = await visitor.house.newest()
    async with visitor.house.store.unit() as unit:
        stored = await unit.reports.by_id(file.report.id, lock=True)
        assert stored
        at = visitor.house.clock()
        unit.reports.change(
            stored, stored.report.with_status(Status.CLOSED_BY_ADMIN, at=at, by="x"), []
        )
    status, page = await visitor.look(number, secret, key=str(uuid4()), body="masih rusak juga")
    assert status == 200
    assert "sudah ditutup" in page
    assert "<textarea" not in page
    assert await visitor.house.counted("messages") == 1


# How it is served


async def test_the_example_of_a_proxy_lets_every_page_through(visitor: Visitor) -> None:
    example = (Path(__file__).parents[2] / "docs" / "nginx.conf").read_text()
    limits = CallLimits("", proxied=False)
    parts = routes.CitizenServices(visitor.house.services.tracking, {})
    for route in routes.routes(visitor.house.door, parts, limits):
        path = getattr(route, "path").partition("{")[0]  # noqa: B009 - of a Route and of a Mount
        ways = f"location = {path} ", f"location {path} ", f"location {path}/ "
        assert any(way in example for way in ways), path


@pytest.mark.parametrize("path", [*PAGES, "/sw.js", "/manifest.webmanifest", "/nothing-here"])
async def test_strict_headers_everywhere(visitor: Visitor, path: str) -> None:
    got, page = await visitor.get(path)
    if path == "/nothing-here":
        assert got.status == 404
        return
    policy = got.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert "public" not in got.headers["Cache-Control"]
    assert "set-cookie" not in got.headers
    assert not re.search(r"<script(?![^>]*\bsrc=)|\bon\w+=|\bstyle=|<style", page)


async def test_a_page_with_a_secret_is_kept_by_nobody(visitor: Visitor) -> None:
    number, secret = await visitor.report()
    values = {"number": number, "secret": secret}
    got, page = await visitor.post("/lacak", values, encoded=True)
    assert secret in page
    assert got.headers["Cache-Control"] == "no-store"
    assert "content-encoding" not in got.headers


async def test_static_files_are_kept_for_ever_and_come_compressed(visitor: Visitor) -> None:
    _, page = await visitor.get("/")
    found = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert len(set(found)) >= 4
    for address in set(found):
        got, _ = await _bytes(visitor, address)
        assert got.status == 200
        assert "immutable" in got.headers["Cache-Control"]
    got, _ = await visitor.get(next(a for a in found if "citizen.js" in a))
    assert got.headers["content-encoding"] == "gzip"


async def _bytes(visitor: Visitor, path: str) -> tuple[aiohttp.ClientResponse, bytes]:
    async with visitor.http.get(visitor.url + path) as got:
        return got, await got.read()


async def test_the_manifest_names_icons_that_are_there(visitor: Visitor) -> None:
    _, text = await visitor.get("/manifest.webmanifest")
    manifest = json.loads(text)
    assert (manifest["start_url"], manifest["display"]) == ("/", "standalone")
    for icon in manifest["icons"]:
        got, content = await _bytes(visitor, icon["src"])
        assert got.headers["content-type"] == "image/png"
        side = int(icon["sizes"].partition("x")[0])
        assert int.from_bytes(content[16:20], "big") == side
    assert sum(file.stat().st_size for file in FILES.glob("*.png")) < 20_000


async def test_indonesian_first_and_english_when_chosen(visitor: Visitor) -> None:
    _, page = await visitor.get("/", **{"accept-language": "en-US,en"})
    assert '<html lang="id">' in page
    assert "Tulis laporan" in page
    got, page = await visitor.get("/?lang=en")
    assert '<html lang="en">' in page
    assert "Write a report" in page
    assert got.cookies["lang"].value == "en"
    _, page = await visitor.get("/lacak", cookie="lang=en")
    assert "Track a report" in page
    got, page = await visitor.post("/", filled(title=""), cookie="lang=en")
    assert "Write a title" in page
    got, page = await visitor.get("/?lang=xx")
    assert '<html lang="id">' in page
    assert "lang" not in got.cookies


async def test_the_categories_are_lapors_groups_that_topics_use(visitor: Visitor) -> None:
    _, page = await visitor.get("/")
    assert '<option value="perhubungan" lang="id">Perhubungan</option>' in page
    groups = components.categories(made_parts())
    assert list(groups.values()) == sorted(groups.values())
    assert set(groups) == {row.group for row in made_parts().routing.topics.rows.values()}


@pytest.mark.parametrize(
    ("broken", "status"), [(Unavailable("database away"), 503), (RuntimeError("kunci rumah"), 500)]
)
async def test_a_fault_of_ours_is_a_page_without_a_trace(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, broken: Exception, status: int
) -> None:
    number, secret = await visitor.report()

    async def fail(*_: object, **__: object) -> None:
        raise broken

    monkeypatch.setattr(visitor.house.store.reports, "file", fail)
    with capture_logs() as logs:
        got, page = await visitor.look(number, secret)
    assert got == status
    assert "Coba lagi sebentar lagi" in page
    assert "kunci rumah" not in page + str(logs)


async def test_without_a_web_channel_there_are_no_pages(lite: House) -> None:
    parts = routes.CitizenServices(lite.services.tracking, {})
    assert routes.routes(lite.door, parts, CallLimits("", proxied=False)) == []


def test_every_text_is_there_in_both_languages() -> None:
    texts = [_shape(read_toml(DEFAULTS.with_name("pages") / f"{n}.toml")) for n in ("id", "en")]
    assert texts[0] == texts[1]


def _shape(texts: Mapping[str, Any], path: str = "") -> set[str]:
    found = set()
    for key, value in texts.items():
        found |= _shape(value, f"{path}{key}.") if isinstance(value, dict) else {path + key}
    return found


# Whose address counts


@pytest.mark.parametrize(
    ("header", "proxied", "sent", "caller"),
    [
        ("", False, None, "10.0.0.1"),
        ("", True, None, None),
        ("", False, "9.9.9.9", "10.0.0.1"),
        ("x-real-ip", True, "36.80.1.2", "36.80.1.2"),
        ("x-real-ip", True, "9.9.9.9, 36.80.1.2", "36.80.1.2"),
        ("x-real-ip", True, "2001:db8::1", "2001:db8::/64"),
        ("x-real-ip", True, "2001:db8::2", "2001:db8::/64"),
        ("x-real-ip", True, "nobody", None),
        ("x-real-ip", True, None, None),
    ],
)
def test_an_address_is_believed_only_from_where_the_settings_say(
    header: str, proxied: bool, sent: str | None, caller: str | None
) -> None:
    headers = [(b"x-real-ip", sent.encode())] if sent else []
    scope = {"type": "http", "client": ("10.0.0.1", 5), "headers": headers}
    assert CallLimits(header, proxied=proxied).caller(Request(scope)) == caller


async def test_a_flood_of_made_up_numbers_costs_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.intake.rates.MOST_KEYS", 50)
    counts = CallLimits("", proxied=True)
    request = Request({"type": "http", "client": None, "headers": []})
    for number in range(500):
        assert await counts.looked(str(number), request) == 0
    assert len(counts._rates._storage.storage) <= 60


async def test_who_keeps_calling_stays_counted_through_a_flood(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.intake.rates.MOST_KEYS", 50)
    counts = CallLimits("", proxied=False)

    def calls(address: str) -> Request:
        return Request({"type": "http", "client": (address, 1), "headers": []})

    caller = calls("198.51.100.7")
    waits = [await counts.looked("482109375514", caller) for _ in range(40)]
    assert waits[0] == 0
    assert waits[-1] > 0
    for number in range(500):
        await counts.looked(f"made up {number}", calls(f"10.0.{number // 250}.{number % 250}"))
        if number % 10 == 0:
            assert await counts.looked("482109375514", caller) > 0
