"""Catching up: an outage of our door loses nothing that the provider still holds."""

import asyncio
import json
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from adapters.contract import (
    Inbound,
    Page,
    Reconciler,
    Throttled,
    Unreachable,
    UnreadableItem,
)
from config.settings import load
from gateway.assembly import assemble
from gateway.cli import app
from gateway.intake.reconciling import RECONCILE, Reconciling
from gateway.platform import metrics
from gateway.process import Kanal
from gateway.queues.leased_task import BEAT, LEASE
from gateway.store.engine import Unavailable
from gateway.wire.queues import REPORTS
from tests.gateway.citizens import citizens, found, walking
from tests.gateway.conftest import Away
from tests.gateway.making import NOWHERE, ROAD, House, house, note
from tests.gateway.processes import processes
from tests.gateway.streams import Stream, pages

EVERY = 900.0
OVERLAP = timedelta(hours=1)
KEYED = ("paper", RECONCILE)


class Archive(Stream, Reconciler):
    """The provider of the paper channel: it lists what it called us for."""

    def __init__(self) -> None:
        super().__init__("paper")
        self.since_when: list[datetime] = []
        self.ends: Exception | None = None
        """Raised after the last page."""

    async def since(self, moment: datetime) -> AsyncGenerator[Page, None]:
        self.since_when.append(moment)
        if self.fails:
            raise self.fails.pop(0)
        for begin in range(0, len(self.said), self.size):
            yield Page(tuple(self.said[begin : begin + self.size]))
        if self.ends:
            raise self.ends


def reconciling(house: House, channel: Archive, holder: str = "one") -> Reconciling:
    mark = house.store.cursors.of(*KEYED, holder=holder)
    return Reconciling(channel, mark, pages(house), house.store, every=EVERY, overlap=OVERLAP)


def listed(channel: Archive, written: dict[str, Any]) -> Inbound:
    """Return a note as the provider lists it."""
    (item,) = channel.reread(json.dumps(written | {"account": "1708"}).encode())
    assert isinstance(item, Inbound)
    return item


async def test_only_what_is_missing_is_filed(house: House) -> None:
    notes = [note(f"{ROAD} nomor {number}") for number in range(8)]
    for written in notes[::2]:
        await house.take(written)
    channel = Archive()
    channel.said = [listed(channel, written) for written in notes]
    counted = metrics.RECOVERED.labels("paper")._value
    before = counted.get()
    assert await reconciling(house, channel).turn() == BEAT
    assert counted.get() - before == 4
    assert await house.counted("messages") == 8
    assert (await house.store.cursors.status())[KEYED].recovered == 4
    for written in notes:  # the provider's late tries
        assert (await house.take(written)).status == 200
    assert await house.counted("messages") == 8
    assert await house.counted("quarantine") == 0
    assert await house.work(REPORTS, house.route) == {}
    assert await house.counted("reports") == 8


async def test_what_is_here_is_left_alone_even_where_the_list_says_it_otherwise(
    house: House,
) -> None:
    written = note(f"{ROAD}\nPasar Wonocolo")
    await house.take(written)
    channel = Archive()
    channel.said = [listed(channel, written | {"text": ROAD})]
    await reconciling(house, channel).turn()
    assert (await house.counted("messages"), await house.counted("quarantine")) == (1, 0)


async def test_each_look_begins_before_the_last_one_began(lite: House) -> None:
    channel = Archive()
    mine = reconciling(lite, channel)
    begun = lite.clock.at
    await mine.turn()
    assert channel.since_when[0] - begun < timedelta(seconds=1), "what is older is not ours"
    lite.clock.pass_(seconds=EVERY / 2)
    await mine.turn()
    assert len(channel.since_when) == 1
    lite.clock.pass_(seconds=EVERY)
    await mine.turn()
    assert abs(channel.since_when[1] - (begun - OVERLAP)) < timedelta(seconds=1)


async def test_the_first_look_goes_back_to_the_last_message(house: House) -> None:
    await house.take(note(ROAD))
    heard = house.clock.at
    house.clock.pass_(days=3)
    channel = Archive()
    await reconciling(house, channel).turn()
    assert abs(channel.since_when[0] - (heard - OVERLAP)) < timedelta(seconds=1)


@pytest.mark.parametrize("error", [Unreachable("away"), Throttled("slow"), KeyError("oops")])
async def test_a_list_that_breaks_off_keeps_what_came_and_is_read_again(
    house: House, error: Exception
) -> None:
    channel = Archive()
    mine = reconciling(house, channel)
    await mine.turn()
    house.clock.pass_(seconds=EVERY + 1)
    channel.say(*(f"{ROAD} nomor {number}" for number in range(4)))
    channel.ends = error
    await mine.turn()
    assert await house.counted("messages") == 4
    assert (await house.store.cursors.status())[KEYED].failures == 1
    channel.ends = None
    channel.say(NOWHERE)
    house.clock.pass_(seconds=5)
    await mine.turn()
    assert channel.since_when[2] == channel.since_when[1], "the cursor had not moved"
    assert await house.counted("messages") == 5
    assert (await house.store.cursors.status())[KEYED].recovered == 5


async def test_poison_in_a_list_is_quarantined_once(house: House) -> None:
    channel = Archive()
    channel.say(f"{ROAD} satu", f"{ROAD} x", account="17\ud80008")
    channel.said.append(UnreadableItem(b"{}", "no sender"))
    channel.say(f"{ROAD} dua")
    channel.said[0] = channel.item(0, f"{ROAD} satu")
    mine = reconciling(house, channel)
    for _ in range(3):
        await mine.turn()
        house.clock.pass_(seconds=EVERY + 1)
    assert await house.counted("messages") == 2
    held = await house.store.quarantine.latest(10)
    assert sorted(view.reason for view in held) == ["unreadable", "unstorable"]


async def test_only_one_process_does_it_by_the_clock_but_anybody_by_hand(house: House) -> None:
    channel = Archive()
    one, two = reconciling(house, channel, "one"), reconciling(house, channel, "two")
    await two.turn()
    house.clock.pass_(seconds=EVERY)
    await one.turn()
    assert await two.turn() == BEAT
    assert len(channel.since_when) == 2
    channel.say(ROAD)
    assert await two.once() == 1
    assert await two.once() == 0
    house.clock.pass_(seconds=LEASE + 1)
    await two.turn()
    assert len(channel.since_when) == 4, "not due yet"


async def test_a_process_that_begins_looks_at_once_unless_it_was_told_to_wait(lite: House) -> None:
    channel = Archive()
    await reconciling(lite, channel).turn()
    channel.fails = [Throttled("slow down", retry_after=600)]
    await reconciling(lite, channel).turn()
    assert len(channel.since_when) == 2
    await reconciling(lite, channel).turn()
    assert len(channel.since_when) == 2


async def test_by_hand_from_a_moment_of_ones_own(house: House) -> None:
    channel = Archive()
    mine = reconciling(house, channel)
    await mine.once()
    first = (await house.store.cursors.of(*KEYED, holder="").peek()).cursor
    long_ago, lately = house.clock.at - timedelta(days=30), house.clock.at
    house.clock.pass_(hours=5)
    await mine.once(lately + timedelta(hours=4))
    assert (await house.store.cursors.of(*KEYED, holder="").peek()).cursor == first, "a gap is left"
    await mine.once(long_ago)
    assert channel.since_when[-1] == long_ago
    assert (await house.store.cursors.of(*KEYED, holder="").peek()).cursor > first


async def test_while_the_database_is_away_nothing_is_half_done(
    database_url: str, tmp_path: Path, away: Away
) -> None:
    async with house(database_url, tmp_path, timeout=2.0) as built:
        channel = Archive()
        mine = reconciling(built, channel)
        await mine.turn()
        built.clock.pass_(seconds=EVERY + 1)
        channel.say(ROAD)
        with away():
            await mine.turn()
            with pytest.raises(Unavailable):
                await mine.once()

        async def filed() -> bool | None:
            await mine.turn()
            return True if await built.counted("messages") else None

        assert await found(filed)


# --- from end to end ------------------------------------------------------------------------------

TEXTS = [f"SAMARINDA jalan rusak parah depan pasar segiri, lubang nomor {n}" for n in range(20)]


async def messages(running: Kanal) -> int:
    async with running.services.store.database.read() as connection:
        counted = await connection.exec_driver_sql("SELECT count(*) FROM messages")
        return int(counted.scalar() or 0)


async def test_an_outage_of_an_hour_loses_nothing_the_provider_still_holds(
    database_url: str, tmp_path: Path
) -> None:
    async with citizens(tmp_path, database=database_url) as people:
        hook = f"{people.base}/in/sms"
        sids = [f"SM{token_hex(16)}" for _ in TEXTS]
        async with walking(people.file) as (running, _):
            assert await people.phone.text(hook, "+6281200000000", TEXTS[0]) == 200
            assert len(running.services.reconcilings) == 1
        hour_ago = datetime.now(UTC) - timedelta(minutes=59)
        for number, (sid, text) in enumerate(zip(sids, TEXTS, strict=True)):
            at = hour_ago + timedelta(minutes=number)
            sender = f"+62812{number:08}"
            assert await people.phone.text(hook, sender, text, sid=sid, at=at) == 502
        async with walking(people.file) as (running, _):

            async def filed() -> int | None:
                count = await messages(running)
                return count if count >= 21 else None

            assert await found(filed) == 21
            for number, (sid, text) in enumerate(zip(sids, TEXTS, strict=True)):
                assert await people.phone.text(hook, f"+62812{number:08}", text, sid=sid) == 200
            assert await running.services.store.quarantine.count() == 0
            assert await messages(running) == 21


async def test_a_poller_of_its_own_catches_up_without_any_door(tmp_path: Path) -> None:
    async with citizens(tmp_path) as people:
        running = Kanal(assemble(load(people.file), people.file))
        await running.services.store.migrate()
        mark = running.services.store.cursors.of("sms", RECONCILE, holder="before")
        place = await mark.take(LEASE)
        assert place is not None
        before = datetime.now(UTC) - timedelta(hours=2)
        await mark.move(place, before.isoformat(), pause=EVERY)
        await mark.release()
        for number, text in enumerate(TEXTS):
            await people.phone.text(f"{people.base}/in/sms", f"+62812{number:08}", text)
        try:
            async with processes(people.file, ("run", "poller")):

                async def filed() -> bool | None:
                    return True if await messages(running) == 20 else None

                assert await found(filed)
                assert "providers" in (await running.services.health.look()).checks
                assert (await running.services.health.look()).checks["providers"] == "ok"
        finally:
            await running.stop()


def test_a_poller_without_anything_to_poll_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(app, ["run", "poller"])
    assert ended.exit_code == 0
    assert "nothing to run" in ended.stdout


async def reconcile(*arguments: str) -> Result:
    """Run the command beside the provider, which lives in this process."""
    return await asyncio.to_thread(CliRunner().invoke, app, ["reconcile", *arguments])


async def test_the_command_says_how_many_it_recovered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with citizens(tmp_path) as people:
        hook = f"{people.base}/in/sms"
        for number, text in enumerate(TEXTS):
            await people.phone.text(hook, f"+62812{number:08}", text)
        plain = Kanal(assemble(load(people.file), people.file))
        await plain.services.store.migrate()
        await plain.stop()
        ended = await reconcile("--since", "2")
        assert ended.exit_code == 0, ended.stderr
        assert ended.stdout.split() == ["sms", "20", "recovered"]
        ended = await reconcile("sms", "--since", "2", "--json")
        assert (ended.exit_code, json.loads(ended.stdout)) == (0, {"sms": 0}), ended.stderr
        people.phone.auth_token = "changed"
        ended = await reconcile("sms", "email")
        assert ended.exit_code == 1
        assert "account_sid and auth_tokens do not match" in ended.stdout
        assert "email        there is no such channel, or it cannot be asked" in ended.stdout


@pytest.mark.parametrize("since", ["soon", "2999-01-01", "-3", "nan", "1e400", "2026-99-01"])
def test_a_moment_that_is_none_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, since: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(app, ["reconcile", f"--since={since}"])
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert since in ended.stderr
