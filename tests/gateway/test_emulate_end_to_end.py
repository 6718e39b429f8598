"""A Twilio that strangers wrote, against the whole gateway: in, acknowledged, delivered."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, encode_basic_auth

from gateway.access.roles import system
from gateway.process import Kanal
from gateway.store.views import NotificationView, ReportFile
from normalizer.report import Status
from normalizer.tracking import mentions
from tests.emulate import ACCOUNT, NUMBER, TOKEN, Emulated, emulated_twilio
from tests.gateway.citizens import found, walking
from tests.services import free_ports

CITIZEN = "+6281234567890"
TEXT = "SAMARINDA jalan rusak parah depan pasar segiri, banyak lubang"


async def sent_by_us(company: Emulated) -> list[dict[str, Any]]:
    """Ask the company's own API what it was given to carry to phones."""
    url = f"{company.url}/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    headers = {"Authorization": encode_basic_auth(ACCOUNT, TOKEN)}
    async with ClientSession() as http, http.get(url, headers=headers) as answer:
        assert answer.status == 200
        messages: list[dict[str, Any]] = (await answer.json())["messages"]
    return [m for m in messages if m["direction"].startswith("outbound")]


def answers(file: ReportFile) -> list[NotificationView]:
    """Return what was written to the citizen."""
    return list(file.notifications)


@pytest.mark.parametrize(("status", "state"), [("delivered", "delivered"), ("failed", "failed")])
async def test_a_text_is_filed_acknowledged_and_its_fate_noted(
    tmp_path: Path, status: str, state: str
) -> None:
    (port,) = free_ports(1)
    base = f"http://127.0.0.1:{port}"
    async with (
        emulated_twilio(f"{base}/in/sms") as company,
        walking(settings_file(tmp_path, port, company)) as (kanal, _),
    ):
        await company.text(CITIZEN, TEXT)
        [told] = await found(lambda: _any(company))
        assert (told["to"], told["from"]) == (CITIZEN, NUMBER)
        tracking = next(mentions(told["body"]))

        file = await kanal.services.operators.find(tracking, actor=system("sari"))
        assert file
        assert (file.report.status, file.report.text) == (Status.FORWARDED, TEXT)
        assert file.report.assignment
        assert file.report.assignment.agency
        assert file.report.assignment.agency.id == "6472-dinas-pu"

        await found(lambda: _answer_in(kanal, tracking, "sent"))
        await company.report(told["sid"], status)
        await found(lambda: _answer_in(kanal, tracking, state))
        assert len(await sent_by_us(company)) == 1


async def _any(company: Emulated) -> list[dict[str, Any]] | None:
    return await sent_by_us(company) or None


async def _answer_in(kanal: Kanal, tracking: str, state: str) -> NotificationView | None:
    file = await kanal.services.operators.find(tracking, actor=system("sari"))
    assert file
    return next((letter for letter in answers(file) if letter.state == state), None)


def settings_file(folder: Path, port: int, company: Emulated) -> Path:
    """Write the settings of a Kanal that has this company's number."""
    file = folder / "kanal.toml"
    file.write_text(f"""\
[server]
public_url = "http://127.0.0.1:{port}"
port = {port}
data_dir = "{folder}/data"
[mail_server]
enabled = false
[channels.sms]
type = "twilio"
account_sid = "{ACCOUNT}"
auth_tokens = ["{TOKEN}"]
number = "{NUMBER}"
api_base = "{company.url}"
""")
    return file
