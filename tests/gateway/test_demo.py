"""``kanal demo --once``: what a newcomer sees first, on both kinds of database and broker."""

import re
from pathlib import Path

import pytest

from demo import show
from demo.cast import DOORS
from demo.doors import TelegramDoor
from demo.samples import SAMPLES
from demo.sms_gateway import SmsDoor
from normalizer.tracking import mentions
from tests.gateway.processes import Ended, kanal

CHANNEL = "|".join(door.channel for door in DOORS)
REFUSALS = re.compile(rf"^({CHANNEL}) +- +refused with (\d+): (.+?) +-$", re.MULTILINE)
MESSAGES = re.compile(rf"^({CHANNEL}) +(\d{{4}}-\d{{4}}-\d{{4}}) +(\S.*?) +(\d+)%$", re.MULTILINE)
BAD = [(each.channel, str(code), fault) for each in DOORS for fault, code in each.refused.items()]


async def demo(folder: Path, **settings: str) -> Ended:
    """Run the demonstration as a process."""
    return await kanal("demo", "--once", folder=folder, settings=settings, within=250)


def all_is_as_expected(ended: Ended, on: str) -> None:
    """Hold the demonstration to its own list of samples."""
    assert ended.status == 0, ended.out + ended.err
    first = ended.out.splitlines()[0]
    assert first.startswith(f"Kanal is up on {on}; ")
    assert all(door.name in first and door.by in first for door in DOORS)
    assert len(DOORS) >= 9
    told = MESSAGES.findall(ended.out)
    assert [channel for channel, *_ in told] == [sample.channel for sample in SAMPLES]
    assert all(list(mentions(number)) for _, number, *_ in told)
    assert len({number for _, number, *_ in told}) == len(SAMPLES)
    assert REFUSALS.findall(ended.out) == BAD
    assert len(told) + len(REFUSALS.findall(ended.out)) >= 12
    assert "messages arrived where they should." in ended.out
    assert "Traceback" not in ended.err


def test_every_channel_with_a_door_has_citizens() -> None:
    assert {sample.channel for sample in SAMPLES} == {door.channel for door in DOORS}


async def test_with_nothing_installed(tmp_path: Path) -> None:
    all_is_as_expected(await demo(tmp_path), "SQLite and the embedded queue")


async def test_on_postgresql_and_rabbitmq(
    tmp_path: Path, postgres_url: str, rabbit_url: str
) -> None:
    ended = await demo(tmp_path, KANAL_DATABASE__URL=postgres_url, KANAL_BROKER__URL=rabbit_url)
    all_is_as_expected(ended, "PostgreSQL and RabbitMQ")


async def test_a_sample_that_goes_astray_is_told_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process, and by two doors: all of them are open above."""
    doors = (SmsDoor, TelegramDoor)
    samples = [each for each in SAMPLES if each.channel in {door.channel for door in doors}]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(show, "DOORS", doors)
    monkeypatch.setattr(show, "SAMPLES", samples)
    monkeypatch.setenv("KANAL_ROUTING__COST_OF_WRONG", "1000")
    assert await show.show(once=True) == 1
    said = capsys.readouterr()
    astray = sum(sample.expect != "triage" for sample in samples) + len(doors)  # conversations
    assert f"{astray} of " in said.out
    assert "went astray" in said.out
    assert "Traceback" not in said.err
