"""Polling: what a provider holds is read once, through every crash, outage and second process."""

import asyncio
import contextlib
import os
import random
import signal
import sys
from asyncio.subprocess import PIPE
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.contract import (
    Author,
    ChannelError,
    Inbound,
    Page,
    Receipt,
    Refused,
    Throttled,
    Unreachable,
    UnreadableItem,
)
from gateway.intake.envelope import PAGE, unpack
from gateway.intake.polling import GAP, POLL, SOONEST
from gateway.operations.health import OVERDUE, Health
from gateway.platform import metrics
from gateway.platform.names import hash_name, opened_cursor
from gateway.platform.seal import ENVELOPE
from gateway.queues import leased_task
from gateway.queues.leased_task import BEAT, LEASE, LONGEST_PAUSE, LONGEST_WAIT, backoff
from gateway.store.cursors import LeaseLost
from gateway.store.unit import UnitOfWork
from gateway.store.views import FetchStatus
from gateway.wire.queues import REPORTS
from tests.gateway.citizens import found
from tests.gateway.conftest import Away
from tests.gateway.making import ROAD, SOON, House, house
from tests.gateway.processes import ROOT, surroundings
from tests.gateway.streams import Stream, polling

KEYED = ("stream", POLL)


async def reading(house: House) -> FetchStatus:
    return (await house.store.cursors.status())[KEYED]


async def cursor(house: House) -> str:
    kept = (await house.store.cursors.of(*KEYED, holder="").peek()).cursor
    return opened_cursor(house.seal, kept)


# --- reading --------------------------------------------------------------------------------------


async def test_what_the_provider_holds_is_filed_and_routed_once(house: House) -> None:
    channel = Stream()
    channel.say(*(f"{ROAD} nomor {number}" for number in range(7)))
    mine = polling(house, channel)
    assert [await mine.turn() for _ in range(3)] == [0, 0, 5.0]
    assert channel.asked == ["", "3", "6"]
    ((kept,),) = await house.rows("SELECT cursor FROM cursors")
    assert kept.startswith("sealed:"), "it may be somebody's post"
    assert await cursor(house) == "7"
    assert await house.counted("messages") == 7
    assert await house.work(REPORTS, house.route) == {}
    assert await house.counted("reports") == 7


async def test_the_next_look_comes_when_it_is_due(lite: House) -> None:
    channel = Stream()
    mine = polling(lite, channel)
    channel.say(ROAD)
    assert await mine.turn() == 5.0
    lite.clock.pass_(seconds=2)
    assert await mine.turn() == pytest.approx(3, abs=0.01)
    assert channel.asked == [""]
    lite.clock.pass_(seconds=3.1)
    await mine.turn()
    assert channel.asked == ["", "1"]


@pytest.mark.parametrize("lost", ["", "2"], ids=["the whole page", "a part of it"])
async def test_a_page_that_comes_again_changes_nothing(house: House, lost: str) -> None:
    channel = Stream(size=5)
    channel.say(*(f"{ROAD} nomor {number}" for number in range(5)))
    mine = polling(house, channel)
    await mine.turn()
    await house.change(f"UPDATE cursors SET cursor = '{lost}', due_at = NULL")
    await mine.turn()
    assert await cursor(house) == "5"
    assert await house.counted("messages") == 5
    assert await house.counted("quarantine") == 0


async def test_an_empty_cursor_stays_where_it_is_and_no_progress_is_no_hurry(lite: House) -> None:
    class Vague(Stream):
        every = 0.0

        async def poll(self, cursor: str) -> Page:
            self.asked.append(cursor)
            return Page(more=True)

    channel = Vague()
    mine = polling(lite, channel)
    await mine.turn()
    await lite.change("UPDATE cursors SET cursor = '7', due_at = NULL")
    assert await mine.turn() == SOONEST
    assert await cursor(lite) == "7"


async def test_a_receipt_in_a_page_reaches_the_letter_it_is_about(house: House) -> None:
    await house.report(ROAD)
    (_, sent) = house.paper.carried[-1]
    name = hash_name(house.seal, "stream", f"paper-{sent.id}")
    await house.change(f"UPDATE notifications SET channel = 'stream', provider_id = '{name}'")
    channel = Stream()
    channel.said.append(Receipt("stream", f"paper-{sent.id}", "delivered"))
    await polling(house, channel).turn()
    assert await house.counted("notifications", "state = 'delivered'") == 1
    assert await cursor(house) == "1"


async def test_what_may_be_a_receipt_and_is_about_none_of_ours_is_a_message(lite: House) -> None:
    channel = Stream()
    written = Inbound("stream", "1708", "r1", Author("+6281234567890"), ROAD, b'{"text": "x"}')
    channel.said.append(Receipt("stream", "unknown", "delivered", otherwise=written))
    await polling(lite, channel).turn()
    assert await lite.counted("messages") == 1


# --- poison ---------------------------------------------------------------------------------------


def unreadable(channel: Stream) -> None:
    channel.said.append(UnreadableItem(b'{"no": "item"}', "an item without a sender"))


def unstorable(channel: Stream) -> None:
    channel.say(f"{ROAD} x", account="17\ud80008")


def unsealable(channel: Stream) -> None:
    channel.say(f"{ROAD} x", **{"from": "+6281234567\ud800"})


@pytest.mark.parametrize("poison", [unreadable, unstorable, unsealable])
async def test_a_poison_item_is_quarantined_and_its_neighbours_go_on(
    house: House, poison: Any
) -> None:
    channel = Stream(size=10)
    channel.say(f"{ROAD} satu")
    poison(channel)
    channel.say(f"{ROAD} dua", f"{ROAD} tiga")
    mine = polling(house, channel)
    for _ in range(2):
        await mine.turn()
        await house.change("UPDATE cursors SET cursor = '', due_at = NULL")
    assert await house.counted("messages") == 3
    (held,) = await house.store.quarantine.latest(10)
    assert held.reason in ("unreadable", "unstorable")
    assert (held.channel, held.state) == ("stream", "open")
    ((sealed,),) = await house.rows("SELECT envelope FROM quarantine")
    kept = unpack(house.seal.open(bytes(sealed), ENVELOPE))
    raw = channel.said[1]
    assert not isinstance(raw, Receipt)
    assert (kept.url, kept.body) == (PAGE, raw.raw)
    await house.change("UPDATE cursors SET cursor = '', due_at = NULL")
    await mine.turn()
    assert await cursor(house) == "4"


async def test_what_no_person_wrote_is_only_noted(lite: House) -> None:
    channel = Stream()
    channel.say("Saya sedang cuti", automatic="auto-reply")
    await polling(lite, channel).turn()
    (held,) = await lite.store.quarantine.latest(10)
    assert (held.reason, held.state) == ("automatic", "noted")
    assert await lite.counted("messages") == 0


async def test_an_item_that_was_released_is_read_again_by_its_channel(lite: House) -> None:
    channel = Stream()
    channel.say(ROAD, automatic="auto-reply")
    await polling(lite, channel).turn()
    ((id, sealed),) = await lite.rows("SELECT id, envelope FROM quarantine")
    reader = lite.door.reader("stream")
    assert reader is channel
    assert lite.door.receiver("stream") is None, "nobody can call a channel that asks"
    kept = unpack(lite.seal.open(bytes(sealed), ENVELOPE))
    assert await lite.door.readmit(reader, kept, id, "automatic") == 1
    assert await lite.counted("messages") == 1


# --- crashes --------------------------------------------------------------------------------------


class Killed(BaseException):
    """Stands for the end of the process."""


async def test_a_crash_before_the_commit_leaves_neither_messages_nor_cursor(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = Stream()
    channel.say(f"{ROAD} satu", f"{ROAD} dua")
    flush = UnitOfWork.flush

    async def killed(unit: UnitOfWork) -> None:
        await flush(unit)
        raise Killed

    monkeypatch.setattr(UnitOfWork, "flush", killed)
    with pytest.raises(Killed):
        await polling(house, channel).turn()
    assert (await house.counted("messages"), await cursor(house)) == (0, "")
    monkeypatch.undo()
    house.clock.pass_(seconds=LEASE + 1)
    await polling(house, channel, holder="the next process").turn()
    assert (await house.counted("messages"), await cursor(house)) == (2, "2")


async def test_nothing_is_lost_or_doubled_when_the_poller_is_killed_again_and_again(
    house: House, database_url: str, tmp_path: Path
) -> None:
    count, killed = 60, 0
    dice = random.Random(4)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.gateway.streams", database_url, str(count)),
        cwd=ROOT,
        env=surroundings(None),
        stdin=PIPE,
        stdout=PIPE,
        start_new_session=True,  # what is left of it is ended as a whole
    )
    assert process.stdin
    assert process.stdout
    try:
        while await cursor(house) != str(count):
            folder = tmp_path / f"life-{killed}"
            folder.mkdir()
            process.stdin.write(f"{folder}\n".encode())
            while not (said := await process.stdout.readline()).startswith(b"ready"):
                assert said, (
                    "the process ended by itself"
                )  # else said in the moment of the last kill
            await house.change("UPDATE cursors SET held_until = NULL")  # as if it was over
            # It is killed somewhere in its second to fourth page: one at least was written.
            for _ in range(dice.randint(2, 4)):
                if await process.stdout.readline() == b"done\n":
                    break
            await asyncio.sleep(dice.random() / 100)
            os.kill(int(said.split()[1]), signal.SIGKILL)
            killed += 1
    finally:
        process.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        await process.stdout.read()  # to its end: the last life holds it, too
    assert await cursor(house) == str(count)
    assert killed > 3, "it was hardly killed on the way"
    assert await house.counted("messages") == count
    assert await house.counted("quarantine") == 0


# --- one at a time --------------------------------------------------------------------------------


async def test_only_one_process_polls_and_another_takes_over_when_it_is_gone(house: House) -> None:
    channel = Stream()
    one, two = polling(house, channel, "one"), polling(house, channel, "two")
    await one.turn()
    house.clock.pass_(seconds=6)
    assert await two.turn() == BEAT
    assert channel.asked == [""]
    house.clock.pass_(seconds=LEASE)
    await two.turn()
    assert channel.asked == ["", "0"]
    house.clock.pass_(seconds=6)
    assert await one.turn() == BEAT
    assert len(channel.asked) == 2


async def test_who_stops_lets_the_next_one_go_on_at_once(house: House) -> None:
    channel = Stream()
    running = asyncio.create_task(polling(house, channel, "one").run())

    async def asked() -> bool | None:
        return True if channel.asked else None

    assert await found(asked)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    house.clock.pass_(seconds=6)
    await polling(house, channel, "two").turn()
    assert len(channel.asked) == 2


async def test_a_page_that_comes_after_another_process_took_over_is_not_written(
    house: House,
) -> None:
    class Slow(Stream):
        async def poll(self, cursor: str) -> Page:
            page = await super().poll(cursor)
            if len(self.asked) == 1:
                house.clock.pass_(seconds=LEASE + 1)
                await polling(house, self, "two").turn()
                self.say(f"{ROAD} kemudian")
            return page

    channel = Slow()
    channel.say(ROAD)
    assert await polling(house, channel, "one").turn() == BEAT
    assert (await house.counted("messages"), await cursor(house)) == (1, "1")
    assert (await reading(house)).failures == 0


async def test_a_long_look_keeps_others_away(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leased_task, "BEAT", 0.01)
    begun, done = asyncio.Event(), asyncio.Event()

    class Long(Stream):
        async def poll(self, cursor: str) -> Page:
            begun.set()
            await done.wait()
            return await super().poll(cursor)

    channel = Long()
    looking = asyncio.create_task(polling(house, channel, "one").turn())
    await begun.wait()
    other = house.store.cursors.of(*KEYED, holder="two")

    async def held_anew() -> bool | None:
        until = f"{house.clock() + timedelta(seconds=LEASE - 1):%Y-%m-%d %H:%M:%S}"
        return True if await house.counted("cursors", f"held_until > '{until}+00'") else None

    for _ in range(3):
        house.clock.pass_(seconds=LEASE - 2)
        assert await found(held_anew)
        assert await other.take(LEASE) is None
    done.set()
    await looking
    assert await cursor(house) == "0"


async def test_a_cursor_that_moved_meanwhile_is_not_moved_back(house: House) -> None:
    mark = house.store.cursors.of(*KEYED, holder="one")
    place = await mark.take(LEASE)
    assert place is not None
    await mark.move(place, "5", pause=0)
    with pytest.raises(LeaseLost):
        await mark.move(place, "3", pause=0)
    assert await cursor(house) == "5"


# --- outages --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (Unreachable("the provider did not answer"), "the provider did not answer"),
        (Refused("the token is wrong"), "the token is wrong"),
        (KeyError("+62812 menulis"), "KeyError"),
        (TimeoutError(), "no answer within 60 s"),
    ],
)
async def test_a_look_that_fails_is_put_off_and_seen(
    house: House, error: Exception, says: str
) -> None:
    channel = Stream()
    mine = polling(house, channel)
    health = Health(house.store, house.broker, house.commits, house.spool, {KEYED: mine.every})
    assert (await health.look()).ok
    await mine.turn()
    house.clock.pass_(seconds=6)
    channel.say(ROAD)
    channel.fails = [error, error]
    assert 0.5 <= await mine.turn() <= 1
    house.clock.pass_(seconds=0.2)
    await mine.turn()
    assert len(channel.asked) == 2, "not before it is due"
    house.clock.pass_(seconds=1)
    assert 1 <= await mine.turn() <= 2
    seen = await reading(house)
    assert (seen.failures, seen.error) == (2, says)
    (view,) = await house.store.overview.channels(["stream"])
    assert view.poll == seen
    house.clock.pass_(seconds=OVERDUE.total_seconds() + 6)
    finding = await health.look()
    assert (finding.ok, finding.ready) == (False, True)
    assert finding.checks["providers"] == f"stream poll: {says}"
    await mine.turn()
    assert (await health.look()).ok
    seen = await reading(house)
    assert (seen.failures, seen.error) == (0, says), "the last error stays to be read"
    assert await house.counted("messages") == 1


async def test_health_is_red_when_no_process_polls(lite: House) -> None:
    health = Health(lite.store, lite.broker, lite.commits, lite.spool, {KEYED: 5.0})
    assert (await health.look()).ok, "it may be about to start"
    lite.clock.pass_(seconds=OVERDUE.total_seconds() + 6)
    said = (await health.look()).checks["providers"]
    assert said == "stream poll: no process does it: kanal run poller"


async def test_a_provider_that_asks_for_patience_gets_it_from_every_process(house: House) -> None:
    channel = Stream()
    channel.fails = [Throttled("slow down", retry_after=900)]
    assert await polling(house, channel, "one").turn() == BEAT
    house.clock.pass_(seconds=890)
    await polling(house, channel, "two").turn()
    assert len(channel.asked) == 1
    house.clock.pass_(seconds=11)
    await polling(house, channel, "two").turn()
    assert len(channel.asked) == 2


@pytest.mark.parametrize(
    ("failures", "error", "least", "most"),
    [
        (0, Unreachable(), 0.5, 1),
        (3, Unreachable(), 4, 8),
        (5000, Unreachable(), LONGEST_PAUSE / 2, LONGEST_PAUSE),
        (0, Throttled(retry_after=30), 30, 30),
        (9, Throttled(retry_after=0.1), 30, 60),
        (0, Throttled(retry_after=10**9), LONGEST_WAIT, LONGEST_WAIT),
        (0, Throttled(retry_after=float("nan")), 0.5, 1),
        (0, Throttled(retry_after=float("inf")), 0.5, 1),
        (0, Throttled(retry_after=-5), 0.5, 1),
    ],
)
def test_each_failure_waits_longer_and_never_at_the_same_moment(
    failures: int, error: ChannelError, least: float, most: float
) -> None:
    waits = [backoff(failures, error) for _ in range(50)]
    assert all(least <= wait <= most for wait in waits)
    assert least == most or len(set(waits)) > 10


async def test_while_the_database_is_away_the_provider_is_not_asked(
    database_url: str, tmp_path: Path, away: Away
) -> None:
    async with house(database_url, tmp_path, timeout=2.0) as built:
        channel = Stream()
        mine = polling(built, channel)
        await mine.turn()
        built.clock.pass_(seconds=6)
        channel.say(ROAD)
        with away():
            assert await mine.turn() == leased_task.PAUSE
            assert await mine.turn() == leased_task.PAUSE
        assert channel.asked == [""]
        async with asyncio.timeout(SOON):
            while not await built.counted("messages"):
                await mine.turn()
                built.clock.pass_(seconds=6)
        assert built.commits.spooled == 0


async def test_a_database_that_goes_away_during_a_look_loses_nothing(
    database_url: str, tmp_path: Path, away: Away
) -> None:
    async with house(database_url, tmp_path, timeout=2.0) as built:

        class Cut(Stream):
            async def poll(self, cursor: str) -> Page:
                page = await super().poll(cursor)
                if len(self.asked) == 1:
                    outage.enter_context(away())
                return page

        channel = Cut()
        channel.say(ROAD)
        mine = polling(built, channel)
        with contextlib.ExitStack() as outage:
            assert await mine.turn() == leased_task.PAUSE
        async with asyncio.timeout(SOON):
            while not await built.counted("messages"):
                await mine.turn()
        assert await cursor(built) == "1"


async def test_what_comes_after_an_outage_is_counted_as_recovered(house: House) -> None:
    counted = metrics.RECOVERED.labels("stream")._value
    before = counted.get()
    channel = Stream()
    mine = polling(house, channel)
    channel.say(f"{ROAD} sebelum")
    await mine.turn()
    assert counted.get() == before
    channel.say(*(f"{ROAD} selama {number}" for number in range(5)))
    house.clock.pass_(seconds=GAP + 10)
    while await mine.turn() == 0:
        pass
    channel.say(f"{ROAD} sesudah")
    house.clock.pass_(seconds=6)
    await mine.turn()
    assert counted.get() - before == 5
    assert (await reading(house)).recovered == 5
    assert await house.counted("messages") == 7


async def test_catching_up_by_hand_reads_to_the_end_unless_another_process_does(
    house: House,
) -> None:
    channel = Stream()
    channel.say(*(f"{ROAD} nomor {number}" for number in range(7)))
    assert await polling(house, channel, "one").once() == 7
    other = house.store.cursors.of(*KEYED, holder="two")
    assert await other.take(LEASE) is not None
    assert await polling(house, channel, "one").once() is None
    await other.release()
    channel.fails = [Unreachable("away")]
    with pytest.raises(Unreachable):
        await polling(house, channel, "one").once()
