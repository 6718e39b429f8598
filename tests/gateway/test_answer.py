"""Answers: to the address only this step unseals, once, at the channel's pace, failures in view."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.contract import ChannelSettings, Outgoing, Receipt, Refused, Throttled, Unreachable
from gateway.broker.base import DELIVERIES, REPORTS
from gateway.intake import receipts
from gateway.outbound.notify import NoWay
from gateway.platform.names import hash_name
from gateway.platform.seal import BadSeal, Seal
from gateway.queues.lane import Pace
from gateway.store.views import NotificationView
from tests.gateway import making
from tests.gateway.making import ROAD, SOON, WHO, House, Paper, note, running


async def _waiting(house: House, count: int = 1) -> list[str]:
    """Bring reports of as many citizens as far as their answers; return the ids of those."""
    notes = (note(f"{ROAD} {n}", f"{WHO[:-2]}{n:02}", id=f"<m{n}@x>") for n in range(count))
    await house.take(*notes)
    await house.work(REPORTS, house.route)
    return [row[0] for row in await house.rows("SELECT id FROM notifications ORDER BY created_at")]


async def _answer(house: House) -> NotificationView:
    (found,) = (await house.newest()).notifications
    return found


async def test_an_answer_goes_once_to_the_sealed_address(house: House) -> None:
    (id,) = await _waiting(house)
    (row,) = await house.rows("SELECT * FROM notifications")
    assert WHO[3:] not in repr(row)
    for _ in range(2):
        assert await house.notify() == {}
    ((to, letter),) = house.paper.carried
    assert to == f"{WHO[:-2]}00"
    assert letter.id == id
    assert letter.thread == ("<m0@x>",)
    assert letter.subject is not None
    assert letter.subject.startswith("Laporan ")
    assert (await _answer(house)).state == "sent"
    assert await house.rows("SELECT provider_id FROM notifications") == [
        (hash_name(house.seal, "paper", f"paper-{letter.id}"),)
    ]


@pytest.mark.parametrize("until", [None, "writes"])
async def test_a_receipt_that_overtakes_our_own_commit_is_taken_or_comes_again(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: Any
) -> None:
    """What is not found at first and filed a moment later is not taken for noted.

    SQLite has one writer at a time: there nothing is filed in between.
    """
    async with making.house(postgres_url, tmp_path) as house:
        await _overtake(house, monkeypatch, until)


async def _overtake(house: House, monkeypatch: pytest.MonkeyPatch, until: Any) -> None:
    (id,) = await _waiting(house)
    (lane,) = [lane for lane in house.services.lanes if lane.label == "notifications paper"]
    (job,) = await lane.work.claim(9, take_over=False)
    receipt = Receipt("paper", f"paper-{id}", "failed", until=until)
    execute, told = AsyncConnection.execute, asyncio.Event()

    async def overtaken(self: AsyncConnection, *its: Any, **more: Any) -> Any:
        result = await execute(self, *its, **more)
        if not told.is_set() and "notifications.provider_id" in str(its[0]):
            told.set()
            await lane.work.file([(job, await lane.work.send(job))])
        return result

    monkeypatch.setattr(AsyncConnection, "execute", overtaken)
    known = await receipts.note(house.store, house.seal, house.paper, receipt)
    assert told.is_set()
    state = (await _answer(house)).state
    assert known == (state != "sent")


async def test_an_answer_its_channel_refuses_is_failed_in_view_and_not_repeated(
    house: House,
) -> None:
    house.paper.fails = [Refused("the number does not exist")]
    await _waiting(house)
    assert await house.notify() == {}
    letter = await _answer(house)
    assert (letter.state, letter.detail) == ("failed", "the number does not exist")
    (channel,) = await house.store.overview.channels(["paper"])
    assert (channel.waiting_out, channel.failed_out) == (0, 1)
    await house.hurry()
    assert await house.notify() == {}
    assert house.paper.carried == []


@pytest.mark.parametrize("error", [Throttled("429", retry_after=60), Unreachable("503")])
async def test_an_answer_that_may_succeed_later_waits(house: House, error: Exception) -> None:
    house.paper.fails = [error]
    (id,) = await _waiting(house)
    assert await house.notify() == {id: error}
    assert (await _answer(house)).state == "waiting"
    assert await house.notify() == {}
    assert house.paper.carried == [], "not before its time"
    await house.hurry()
    assert await house.notify() == {}
    assert [letter.id for _, letter in house.paper.carried] == [id]
    assert (await _answer(house)).state == "sent"


@pytest.mark.parametrize(
    "error", [Unreachable("503"), RuntimeError("unforeseen"), Refused("gone"), KeyError("to")]
)
async def test_one_answer_that_fails_is_no_reason_to_send_the_others_twice(
    lite: House, error: Exception
) -> None:
    await _waiting(lite, 6)
    lite.paper.fails = [error]
    failed = await lite.notify()
    assert len(failed) == (0 if isinstance(error, Refused) else 1)
    assert len(lite.paper.carried) == 5
    await lite.hurry()
    assert await lite.notify() == {}
    sent = [letter.id for _, letter in lite.paper.carried]
    assert len(sent) == len(set(sent)) == (5 if isinstance(error, Refused) else 6)


async def test_a_seal_that_does_not_open_fails_alone(lite: House) -> None:
    bad = (await _waiting(lite, 3))[1]
    foreign = Seal([b"x" * 32]).close_text('{"to": "+62"}', "reporter")
    await lite.change(f"UPDATE notifications SET sealed_to = '{foreign}' WHERE id = '{bad}'")
    failed = await lite.notify()
    assert {id: type(error) for id, error in failed.items()} == {bad: BadSeal}
    assert len(lite.paper.carried) == 2


@pytest.mark.parametrize("channels", [{}, {"paper": Paper(enabled=False)}])
async def test_a_channel_that_is_off_is_said_and_nothing_is_lost(
    lite: House, channels: dict[str, Paper]
) -> None:
    await _waiting(lite)
    (error,) = (await lite.notify(lite.another(channels))).values()
    assert isinstance(error, NoWay)
    assert "paper" in str(error)
    assert (await _answer(lite)).state == "waiting"
    await lite.hurry()
    assert await lite.notify() == {}
    assert len(lite.paper.carried) == 1


class Counting(Paper):
    """Says when it has carried so many."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._news = asyncio.Condition()

    async def send(self, to: str, message: Outgoing) -> str:
        id = await super().send(to, message)
        async with self._news:
            self._news.notify_all()
        return id

    async def carries(self, count: int) -> None:
        async with self._news:
            await self._news.wait_for(lambda: len(self.carried) >= count)


class Slow(Counting):
    """Keeps every send under way until as many as may be are."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most, self.peak, self._under_way = most, 0, 0
        self._full = asyncio.Event()

    async def send(self, to: str, message: Outgoing) -> str:
        self._under_way += 1
        self.peak = max(self.peak, self._under_way)
        if self._under_way >= self.most:
            self._full.set()
        await self._full.wait()
        await asyncio.sleep(0)
        self._under_way -= 1
        return await super().send(to, message)


async def test_only_so_many_answers_are_under_way_at_once(lite: House) -> None:
    slow = Slow(3)
    its = lite.another({"paper": slow}, work={"concurrency": 3})
    await _waiting(lite, 9)
    async with running(its.lanes), asyncio.timeout(SOON):
        await slow.carries(9)
    assert slow.peak == 3


@pytest.mark.parametrize(
    ("per_second", "asked_at", "waits"),
    [
        (1, [100, 100, 100], [0, 0, 0]),
        (1, [100] * 7, [0, 0, 0, 0, 0, 0, 1]),
        (2, [100] * 8, [0, 0, 0, 0, 0, 0, 0.5, 1]),
        (1, [100] * 8 + [200], [0, 0, 0, 0, 0, 0, 1, 2, 0]),
        (10, [100] * 6 + [100.05, 101], [0] * 6 + [0.05, 0]),
    ],
)
def test_a_channels_pace_is_kept_after_a_small_burst(
    monkeypatch: pytest.MonkeyPatch,
    per_second: float,
    asked_at: Sequence[float],
    waits: Sequence[float],
) -> None:
    now = 0.0
    monkeypatch.setattr("gateway.queues.lane.time", SimpleNamespace(monotonic=lambda: now))
    pace, waited = Pace(per_second), list[float]()
    for moment in asked_at:
        now = moment
        waited.append(round(pace.pause(), 6))
        assert (pace.room() > 0) is (waited[-1] == 0)
        pace.take(1)
    assert waited == pytest.approx(list(waits))


def test_a_pace_never_lets_more_go_than_it_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("gateway.queues.lane.time", SimpleNamespace(monotonic=lambda: now))
    pace, gone = Pace(10), 0
    for tenth in range(100):
        now = 100.0 + tenth / 10
        room = pace.room()
        pace.take(room)
        gone += room
    assert gone == 105, "ten in a second, and the burst at the start"


async def test_a_channels_own_pace_is_the_one_that_is_kept(lite: House) -> None:
    slow = Counting(sends_per_second=0.01)
    its = lite.another({"paper": slow})
    await _waiting(lite, 9)
    async with running(its.lanes), asyncio.timeout(SOON):
        await slow.carries(6)
    assert len(slow.carried) == 6, "the burst, and the next one in a hundred seconds"


async def test_deliveries_are_not_taken_for_answers(lite: House) -> None:
    await _waiting(lite)
    assert (await lite.store.queue.depths())[DELIVERIES] == 1
    assert isinstance(lite.paper.block, ChannelSettings)
    assert lite.paper.carried == []
