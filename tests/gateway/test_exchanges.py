"""Calls to providers and by them: kept for operators, bounded, and nobody is named in them."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import String

from adapters.contract import Channel, Outgoing, Receiver, Unreachable
from adapters.exchange import KEPT as IN_MEMORY
from adapters.load import channel_class, kinds
from gateway.operations.exchange_writer import ExchangeWriter
from gateway.platform import correlation, metrics
from gateway.store.engine import Database
from gateway.store.exchanges import KEPT, KEPT_FOR, ExchangeView
from gateway.store.store import Store
from gateway.store.tables import exchanges
from tests.adapters.examples import build
from tests.gateway.conftest import Away
from tests.gateway.making import ROAD, WHO, House, Paper, hook, note
from tests.gateway.whole import whole

RECEIVERS = [kind for kind in kinds() if issubclass(channel_class(kind), Receiver)]
TEXT = "lubang besar di depan rumah Bu Sulastri"


def call(number: int, **changes: object) -> ExchangeView:
    at = datetime(2026, 3, 2, 3, 0, tzinfo=UTC) + timedelta(seconds=number)
    view = ExchangeView(
        channel="sms",
        at=at,
        direction="out",
        method="POST",
        target="api.example/Messages.json",
        status=201,
        seconds=0.25,
        failed=False,
        error="",
        excerpt="",
        correlation=f"m{number}",
    )
    return replace(view, **changes)  # type: ignore[arg-type]


def dropped(channel: str) -> float:
    found = metrics.REGISTRY.get_sample_value("kanal_exchanges_dropped_total", {"channel": channel})
    return found or 0.0


async def test_what_one_process_writes_another_one_reads_newest_first(
    house: House, database_url: str
) -> None:
    await house.store.exchanges.put([call(1), call(2), call(3, channel="web")])
    other = Store(Database(database_url, pool_size=2, timeout=20), house.clock)
    try:
        assert await other.exchanges.latest("sms", 10) == [call(2), call(1)]
        assert await other.exchanges.latest("sms", 1) == [call(2)]
        assert await other.exchanges.channels() == ["sms", "web"]
    finally:
        await other.close()


async def test_a_channel_keeps_its_newest_and_what_failed_is_not_pushed_out(house: House) -> None:
    kept = house.store.exchanges
    failed = call(0, failed=True, status=500)
    await kept.put([failed, call(1, channel="web")])
    for start in range(1, 2 * KEPT, 100):
        await kept.put([call(number) for number in range(start, start + 100)])
    found = await kept.latest("sms", 10_000)
    assert len(found) == KEPT + 1
    assert found[-1] == failed
    assert found[0] == call(2 * KEPT)
    assert await kept.latest("web", 10) == [call(1, channel="web")]


async def test_what_strangers_send_does_not_push_out_our_own_calls(house: House) -> None:
    kept = house.store.exchanges
    ours = call(0, failed=True, status=500, direction="out")
    await kept.put([ours])
    for start in range(1, 2 * KEPT, 100):
        forged = range(start, start + 100)
        await kept.put([call(n, failed=True, status=403, direction="in") for n in forged])
    found = await kept.latest("sms", 10_000)
    assert len(found) == KEPT + 1
    assert found[-1] == ours


async def test_what_is_old_goes_whatever_channel_it_was(house: House) -> None:
    kept = house.store.exchanges
    await kept.put([call(1, channel="gone")])
    house.clock.pass_(days=KEPT_FOR.days, seconds=1)
    await kept.put([call(2, at=house.clock())])
    assert await kept.channels() == ["sms"]


def test_a_row_cannot_be_larger_than_what_is_promised() -> None:
    """The bound of bytes is rows times the width of a row, so every text has a width."""
    widths = [column.type.length for column in exchanges.columns if isinstance(column.type, String)]
    assert widths
    assert sum(width or 10**9 for width in widths) <= 1_000


async def test_both_directions_land_with_the_message_they_are_about(house: House) -> None:
    writer = ExchangeWriter(house.store.exchanges, house.channels)
    with correlation.request("r1"):
        assert (await house.take(note(ROAD))).status == 200
        assert (await house.take(note(ROAD), proof="none")).status == 403
    with house.paper.exchanges.note("POST", "https://api.example/send") as exchange:
        exchange.status = 202
    assert await writer.write() == 3
    assert await writer.write() == 0
    out, refused, taken = await house.store.exchanges.latest("paper", 10)
    assert (out.direction, out.status, out.failed) == ("out", 202, False)
    assert (refused.direction, refused.status, refused.failed) == ("in", 403, True)
    assert (taken.direction, taken.status, taken.correlation) == ("in", 200, "r1")
    assert taken.target == "kanal.localhost/in/paper"


async def test_a_gateway_that_stops_writes_down_its_last_calls(tmp_path: Path) -> None:
    async with whole(tmp_path) as kanal:
        url = kanal.services.settings.database_url
        assert kanal.web is not None
        door = f"http://127.0.0.1:{kanal.web.port}/in/sms"
        async with aiohttp.request("POST", door, data={"Body": TEXT}) as answer:
            id = answer.headers["X-Request-Id"]
    later = Store(Database(url, pool_size=1, timeout=20), lambda: datetime.now(UTC))
    (row,) = await later.exchanges.latest("sms", 10)
    assert (row.direction, row.status, row.correlation) == ("in", 403, id)
    assert row.target == "lapor.example.go.id/in/sms"
    await later.close()


async def test_a_database_that_is_away_costs_lines_and_nothing_else(
    database_url: str, tmp_path: Path, away: Away, house: House
) -> None:
    quick = Store(Database(database_url, pool_size=2, timeout=0.3), house.clock)
    writer = ExchangeWriter(quick.exchanges, house.channels)
    before = dropped("paper")
    with house.paper.exchanges.note("POST", "https://api.example/send"):
        pass
    with away():
        assert await writer.write() == 0
    assert dropped("paper") == before + 1
    with house.paper.exchanges.note("POST", "https://api.example/send"):
        pass
    async with asyncio.timeout(20):
        while not await writer.write():
            with house.paper.exchanges.note("POST", "https://api.example/send"):
                await asyncio.sleep(0.05)  # the server comes back
    await quick.close()


async def test_more_than_fits_between_two_writes_is_counted(lite: House) -> None:
    writer = ExchangeWriter(lite.store.exchanges, lite.channels)
    before = dropped("paper")
    for _ in range(IN_MEMORY + 7):
        with lite.paper.exchanges.note("POST", "https://api.example/send"):
            pass
    assert await writer.write() == IN_MEMORY
    assert dropped("paper") == before + 7


class Loud(Paper):
    """A provider whose errors repeat all that it was told."""

    async def send(self, to: str, message: Outgoing) -> str:
        with self.exchanges.note("POST", f"https://api.example/{to}?text={message.text}"):
            raise Unreachable(f"{to} {message.text}")


async def test_no_row_says_what_was_said_or_to_whom(house: House) -> None:
    loud = Loud("loud")
    with pytest.raises(Unreachable):
        await loud.send(WHO, Outgoing("1", TEXT))
    await ExchangeWriter(house.store.exchanges, {"loud": loud}).write()
    (row,) = await house.store.exchanges.latest("loud", 10)
    assert (row.error, row.failed) == ("Unreachable", True)
    for secret in (WHO, WHO[1:], TEXT, "Sulastri", "lubang"):
        assert secret not in repr(row)


def secrets(channel: Channel) -> list[str]:
    values = channel.block.model_dump(mode="python")
    return [s.get_secret_value() for s in values.values() if hasattr(s, "get_secret_value")]


@pytest.mark.parametrize("kind", RECEIVERS)
async def test_a_call_of_a_provider_leaves_no_word_of_it(kind: str, lite: House) -> None:
    """Whatever stands in address, headers and body: the row has the path of the door only."""
    channel = build(kind)
    assert isinstance(channel, Receiver)
    lite.door.channels = {channel.name: channel}
    marks = [TEXT.replace(" ", "+"), WHO, *secrets(channel)]
    url = f"{channel.hook_url}/{WHO}?text={'&x='.join(marks)}"
    headers = {f"x-{number}": mark for number, mark in enumerate(marks)}
    call = replace(hook(note(TEXT)), url=url, headers=headers)
    await lite.door.receive_webhook(channel, call)
    await ExchangeWriter(lite.store.exchanges, {"it": channel}).write()
    (row,) = await lite.store.exchanges.latest("it", 10)
    assert row.status is not None
    assert not [mark for mark in (*marks, "Sulastri") if mark in repr(row)]
