"""Agencies' methods: one file each, found by name; an unknown one is a fault of the settings."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from adapters.contract import Sender
from adapters.load import BadBlock
from config.settings import SettingsError, load
from gateway import checks, components
from gateway.casework.agencies import Reply
from gateway.outbound import methods
from gateway.outbound.deliveries import deliver
from gateway.outbound.methods.base import Method
from gateway.wire import events
from gateway.wire.queues import DELIVERIES, REPORTS
from normalizer.report import Agency
from tests.gateway.making import ROAD, WHO, House, house, note

AGENCY = "3578-dinas-pu"
SECRET = "whsec_" + "c2VjcmV0" * 5 + "c2U="
BLOCKS: dict[str, dict[str, str]] = {
    "inbox": {},
    "queue": {},
    "webhook": {"url": "https://agency.example/hook", "secret": SECRET},
}
STRANGER = '''
"""By runner: a file per delivery in a folder that the agency empties."""

from pathlib import Path
from typing import ClassVar

from gateway.outbound.methods.base import CallingMethod, MethodSettings
from gateway.store.rows import Delivery, Reached


class RunnerSettings(MethodSettings):
    folder: Path


class RunnerMethod(CallingMethod):
    settings = RunnerSettings
    reached: ClassVar[Reached] = "fetched"
    block: RunnerSettings

    async def send(self, delivery: Delivery, body: bytes) -> None:
        (self.block.folder / delivery.id).write_bytes(body)


METHOD = RunnerMethod
'''


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of methods that has one file more."""
    folder = tmp_path / "strange"
    folder.mkdir()
    (folder / "runner.py").write_text(STRANGER)
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(folder)])


def made(block: dict[str, Any]) -> Method:
    return methods.load(AGENCY, block, public_url="http://kanal.localhost")


def test_every_method_is_built_from_its_block() -> None:
    assert methods.kinds() == sorted(BLOCKS)
    for kind, block in BLOCKS.items():
        method = made({"method": kind, "token": "key of the agency", **block})
        assert method.block.method == kind
        assert method.block.token == SecretStr("key of the agency")
        assert "key of the agency" not in repr(method.block)


def test_an_agency_whose_block_names_no_method_has_the_inbox() -> None:
    assert made({"token": "t"}).block.method == methods.DEFAULT == "inbox"


@pytest.mark.parametrize(
    ("block", "key", "said"),
    [
        ({"method": "fax"}, "method", "no method 'fax'; there are: inbox, queue, webhook"),
        ({"method": "console"}, "method", "no method 'console'"),
        ({"method": "base"}, "method", "no method 'base'"),
        ({"method": "queue", "url": "https://a.example"}, "url", "not permitted"),
        ({"method": "webhook", "secret": SECRET}, "url", "required"),
        ({"method": "webhook", "url": "https://a.example"}, "secret", "required"),
        ({**BLOCKS["webhook"], "method": "webhook", "secret": "short"}, "secret", "whsec_"),
        ({**BLOCKS["webhook"], "method": "webhook", "url": "no"}, "url", "valid URL"),
    ],
)
def test_a_fault_of_a_block_is_named_by_its_key(block: dict[str, str], key: str, said: str) -> None:
    with pytest.raises(BadBlock) as caught:
        made(block)
    ((keys, message),) = caught.value.faults
    assert keys == (key,)
    assert said in message


def test_a_fault_is_shown_with_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "kanal.toml"
    file.write_text(f'[delivery."{AGENCY}"]\ntoken = "t"\nmethod = "fax"\n')
    (fault,) = checks.faults(load(file), file)
    assert str(fault).startswith(f"{file}:3: delivery.{AGENCY}.method: no method 'fax'")
    monkeypatch.setenv("KANAL_DELIVERY__PLN__METHOD", "webhook")
    monkeypatch.setenv("KANAL_DELIVERY__PLN__URL", "not a url")
    with pytest.raises(SettingsError) as caught:
        components.methods(load(), None)
    assert any("KANAL_DELIVERY__PLN__URL: " in str(fault) for fault in caught.value.faults)


@pytest.mark.usefixtures("stranger")
async def test_a_method_of_a_stranger_is_one_file(sqlite_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "outbox"
    folder.mkdir()
    assert "runner" in methods.kinds()
    blocks = {AGENCY: {"method": "runner", "folder": str(folder)}}
    async with house(sqlite_url, tmp_path, methods=blocks) as built:
        (delivery,) = (await built.report(ROAD)).deliveries
        assert (delivery.method, delivery.state) == ("runner", "fetched")
        assert [path.name for path in folder.iterdir()] == [delivery.id]
        assert await built.for_agency(AGENCY) == []


async def test_a_webhook_goes_through_the_loaded_sender() -> None:
    method = made({"method": "webhook", **BLOCKS["webhook"]})
    assert isinstance(method.sender, Sender)
    await method.close()


# How far a delivery is.


async def _agency(house: House) -> str:
    (delivery,) = (await house.newest()).deliveries
    return delivery.agency_id


async def test_a_delivery_is_placed_then_fetched_then_read(house: House) -> None:
    file = await house.report(ROAD)
    agency = await _agency(house)
    (placed,) = file.deliveries
    assert (placed.state, placed.fetched_at, placed.read_at) == ("placed", None, None)
    assert await house.agencies.fetch(agency, after="", most=9) == []
    house.clock.pass_(minutes=5)
    (event,) = await house.agencies.fetch(agency, after="", most=9)
    assert (event.id, event.fetched) == (placed.id, False)
    (fetched,) = (await house.newest()).deliveries
    assert (fetched.state, fetched.placed_at) == ("fetched", placed.placed_at)
    house.clock.pass_(minutes=5)
    (event,) = await house.agencies.fetch(agency, after="", most=9)
    assert event.fetched
    assert (await house.newest()).deliveries == (fetched,)
    await house.agencies.reply(
        agency, file.report.tracking, Reply(kind="answer", text="sudah"), key="k"
    )
    (read,) = (await house.newest()).deliveries
    assert (read.state, read.placed_at, read.fetched_at) == (
        "read", placed.placed_at, fetched.fetched_at,
    )  # fmt: skip
    assert read.read_at
    async with house.store.unit() as unit:
        assert await unit.deliveries.fetch([read.id]) == set()
        assert await unit.deliveries.place([read.id], "queue", reached="placed") == set()
        await unit.deliveries.fail(read.id, "late")
        await unit.deliveries.withdraw(read.id, "late")
    assert (await house.newest()).deliveries == (read,)


async def test_what_is_fetched_before_it_is_placed_is_placed_all_the_same(house: House) -> None:
    await house.take(note(ROAD, WHO))
    await house.work(REPORTS, house.route)
    house.clock.pass_(minutes=5)
    agency = await _agency(house)
    assert len(await house.agencies.fetch(agency, after="", most=9)) == 1
    (early,) = (await house.newest()).deliveries
    assert (early.state, early.placed_at) == ("fetched", None)
    assert await house.work(DELIVERIES, house.deliver) == {}
    assert len(await house.for_agency(agency)) == 1
    (now,) = (await house.newest()).deliveries
    assert (now.state, now.fetched_at) == ("fetched", early.fetched_at)
    assert now.placed_at


async def test_a_report_that_went_elsewhere_is_withdrawn_and_not_listed(house: House) -> None:
    file = await house.report(ROAD)
    agency = await _agency(house)
    async with house.store.unit() as unit:
        stored = await unit.reports.by_id(file.report.id)
        assert stored is not None
        deliver(unit, stored.report, kind=events.FOLLOWED_UP, cause="late")
        made = stored.report.assignment
        assert made is not None
        other = made.model_copy(update={"agency": Agency(id="3578-dinas-x", name="X")})
        unit.reports.change(stored, stored.report.model_copy(update={"assignment": other}), [])
    assert await house.work(DELIVERIES, house.deliver) == {}
    before, late = (await house.newest()).deliveries
    assert (before.state, late.state) == ("placed", "withdrawn")
    assert late.detail == "report_elsewhere"
    assert late.ended_at
    house.clock.pass_(minutes=5)
    assert await house.agencies.fetch(agency, after="", most=9) == []
