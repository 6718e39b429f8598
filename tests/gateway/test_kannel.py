"""A real Kannel between a fake message centre and the whole running gateway."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from gateway.store.views import NotificationView
from normalizer.report import Report
from normalizer.tracking import mentions
from tests.conftest import offered
from tests.gateway.citizens import found, walking
from tests.gateway.making import ROAD
from tests.services import Kannel, free_ports
from tests.services.kannel import PASSWORD, USER

TOKEN, REPLIES = "token-of-kannel-5b1d", "token-of-the-agency"
AGENCY, WHO, OTHER = "3578-dinas-pu", "+6281234567890", "081298765432"
LONG = (
    "Lampu jalan mati sejak sebulan di Jalan Pahlawan, Kecamatan Wonocolo, Kota Surabaya. Sudah "
    "dua kali ada yang jatuh dari motor, mohon segera diganti. {nomor} & 100% gelap."
)
SIGNS = "air PDAM mati di Kota Malang 💡 “sudah” 3 hari"
ANSWER = "Regu kami “turun” besok – pukul 08.00 💡 terima kasih"


@pytest.fixture
async def kannel(tmp_path: Path) -> AsyncIterator[tuple[Kannel, Path]]:
    """A Kannel, and the settings of the gateway that it brings messages to."""
    kannel, (web,) = Kannel(), free_ports(1)
    file = tmp_path / "kanal.toml"
    file.write_text(
        f'server.data_dir = "{tmp_path}/data"\nserver.port = {web}\n'
        f'server.public_url = "http://127.0.0.1:{web}"\nmail_server.enabled = false\n'
        f'[channels.sms]\ntype = "sms_http"\npreset = "kannel"\nnumber = "1708"\n'
        f'url = "{kannel.url}"\n'
        f'credentials = {{ username = "{USER}", password = "{PASSWORD}" }}\n'
        f'access.allow = ["127.0.0.0/8"]\naccess.token.values = ["{TOKEN}"]\n'
        f'[delivery.{AGENCY}]\ntoken = "{REPLIES}"\n'
    )
    try:
        with offered("Kannel"):
            hook = f"http://127.0.0.1:{web}/in/sms?token={TOKEN}"
            await kannel.start(hook, combines=False)
        yield kannel, file
    finally:
        await kannel.close()


def _parts(text: str) -> list[tuple[bytes, bytes]]:
    """Write a text as a phone does: the user data header and the words of each part, last first."""
    bodies = [text[at : at + 153].encode() for at in range(0, len(text), 153)]
    numbered = enumerate(bodies, 1)
    return [(bytes([5, 0, 3, 77, len(bodies), n]), body) for n, body in numbered][::-1]


async def test_a_text_an_answer_a_long_one_and_what_became_of_them(
    kannel: tuple[Kannel, Path],
) -> None:
    gateway, file = kannel
    # Nobody is there yet: Kannel keeps what it could not bring and tries again.
    await gateway.write(WHO, "1708", "text", ROAD.encode())
    async with walking(file) as (kanal, ports):
        store = kanal.services.store

        async def reports(count: int) -> list[Report] | None:
            listed = list(await store.reports.latest(10))
            return listed if len(listed) >= count else None

        (road,) = await found(lambda: reports(1))
        assert road.first.text == ROAD
        assert road.assignment is not None
        assert road.assignment.agency is not None
        assert road.assignment.agency.id == AGENCY
        ((to, receipt),) = await gateway.until(1)
        assert to == WHO
        assert list(mentions(receipt)) == [road.tracking]

        url = f"http://127.0.0.1:{ports.web}/agency/v1/reports/{road.tracking}/replies"
        async with (
            aiohttp.ClientSession(headers={"authorization": f"Bearer {REPLIES}"}) as client,
            client.post(url, json={"kind": "answer", "text": ANSWER}) as answered,
        ):
            assert answered.status == 201
        to, answer = (await gateway.until(2))[1]
        assert to == WHO
        assert answer.endswith('Regu kami "turun" besok - pukul 08.00 terima kasih')

        for udh, body in _parts(LONG):
            await gateway.write(OTHER, "1708", "udh-text", udh, body)
        await gateway.write("+628131234567", "1708", "ucs2", SIGNS.encode("utf-16-be"))
        filed = {report.first.text: report for report in await found(lambda: reports(3))}
        assert set(filed) == {ROAD, LONG, SIGNS}
        await gateway.until(4)

        async def arrived() -> list[NotificationView] | None:
            said = [n for r in filed.values() for n in await store.notifications.of(r.id)]
            return said if len(said) >= 4 and all(n.state == "delivered" for n in said) else None

        await found(arrived)
        assert await store.quarantine.latest(10) == []
        told = sorted(to for to, _ in gateway.received)
        assert told == sorted([WHO, WHO, "+6281298765432", "+628131234567"])
