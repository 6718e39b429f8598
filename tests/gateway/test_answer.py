"""Answers: to the address only this step unseals, once, at the channel's pace, failures in view."""

import asyncio
import time
from collections.abc import Sequence

import pytest

from adapters.contract import ChannelSettings, Outgoing, Refused, Throttled, Unreachable
from gateway.broker.base import DELIVERIES, REPORTS, ReceivedMessage
from gateway.outbound.notify import NoWay, Pace
from gateway.platform.names import hash_name
from gateway.platform.seal import BadSeal, Seal
from gateway.store.views import NotificationView
from gateway.wire.queues import NOTIFICATIONS
from tests.gateway.making import ROAD, SOON, WHO, House, Paper, note


async def _waiting(house: House, count: int = 1) -> list[ReceivedMessage]:
    """Bring reports of as many citizens as far as their answers, and take those."""
    notes = (note(f"{ROAD} {n}", f"{WHO[:-2]}{n:02}", id=f"<m{n}@x>") for n in range(count))
    await house.take(*notes)
    await house.work(REPORTS, house.route)
    return await house.leased(NOTIFICATIONS)


async def _answer(house: House) -> NotificationView:
    (found,) = (await house.newest()).notifications
    return found


async def test_an_answer_goes_once_to_the_sealed_address(house: House) -> None:
    batch = await _waiting(house)
    (row,) = await house.rows("SELECT * FROM notifications")
    assert WHO[3:] not in repr(row)
    for _ in range(2):
        assert await house.notify(batch) == {}
    ((to, letter),) = house.paper.carried
    assert to == f"{WHO[:-2]}00"
    assert letter.id == batch[0].message.id
    assert letter.thread == ("<m0@x>",)
    assert letter.subject is not None
    assert letter.subject.startswith("Laporan ")
    assert (await _answer(house)).state == "sent"
    assert await house.rows("SELECT provider_id FROM notifications") == [
        (hash_name(house.seal, "paper", f"paper-{letter.id}"),)
    ]


async def test_an_answer_its_channel_refuses_is_failed_in_view_and_not_repeated(
    house: House,
) -> None:
    house.paper.fails = [Refused("the number does not exist")]
    batch = await _waiting(house)
    assert await house.notify(batch) == {}
    letter = await _answer(house)
    assert (letter.state, letter.detail) == ("failed", "the number does not exist")
    (channel,) = await house.store.overview.channels(["paper"])
    assert (channel.waiting_out, channel.failed_out) == (0, 1)
    assert await house.notify(batch) == {}
    assert house.paper.carried == []


@pytest.mark.parametrize("error", [Throttled("429", retry_after=60), Unreachable("503")])
async def test_an_answer_that_may_succeed_later_waits(house: House, error: Exception) -> None:
    house.paper.fails = [error]
    batch = await _waiting(house)
    assert await house.notify(batch) == {batch[0].message.id: error}
    assert (await _answer(house)).state == "waiting"
    assert await house.notify(batch) == {}
    assert [letter.id for _, letter in house.paper.carried] == [batch[0].message.id]
    assert (await _answer(house)).state == "sent"


@pytest.mark.parametrize(
    "error", [Unreachable("503"), RuntimeError("unforeseen"), Refused("gone"), KeyError("to")]
)
async def test_one_answer_that_fails_is_no_reason_to_send_the_others_twice(
    lite: House, error: Exception
) -> None:
    batch = await _waiting(lite, 6)
    lite.paper.fails = [error]
    failed = await lite.notify(batch)
    assert len(failed) == (0 if isinstance(error, Refused) else 1)
    assert len(lite.paper.carried) == 5
    assert await lite.notify(batch) == {}
    sent = [letter.id for _, letter in lite.paper.carried]
    assert len(sent) == len(set(sent)) == (5 if isinstance(error, Refused) else 6)


async def test_a_seal_that_does_not_open_fails_alone(lite: House) -> None:
    batch = await _waiting(lite, 3)
    bad = batch[1].message.id
    foreign = Seal([b"x" * 32]).close_text('{"to": "+62"}', "reporter")
    await lite.change(f"UPDATE notifications SET sealed_to = '{foreign}' WHERE id = '{bad}'")
    failed = await lite.notify(batch)
    assert {id: type(error) for id, error in failed.items()} == {bad: BadSeal}
    assert len(lite.paper.carried) == 2


@pytest.mark.parametrize("channels", [{}, {"paper": Paper(enabled=False)}])
async def test_a_channel_that_is_off_is_said_and_nothing_is_lost(
    lite: House, channels: dict[str, Paper]
) -> None:
    batch = await _waiting(lite)
    off = lite.another(channels).notify
    ((error,),) = [tuple((await off(batch)).values())]
    assert isinstance(error, NoWay)
    assert "paper" in str(error)
    assert (await _answer(lite)).state == "waiting"
    assert await lite.notify(batch) == {}
    assert len(lite.paper.carried) == 1


class Slow(Paper):
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
    step = lite.another({"paper": slow}, work={"concurrency": 3}).notify
    async with asyncio.timeout(SOON):
        assert await step(await _waiting(lite, 9)) == {}
    assert (slow.peak, len(slow.carried)) == (3, 9)


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
async def test_a_channels_pace_is_kept_after_a_small_burst(
    monkeypatch: pytest.MonkeyPatch,
    per_second: float,
    asked_at: Sequence[float],
    waits: Sequence[float],
) -> None:
    moments, waited = iter(asked_at), list[float]()

    async def sleep(seconds: float) -> None:
        waited.append(round(seconds, 6))

    monkeypatch.setattr(time, "monotonic", lambda: next(moments))
    monkeypatch.setattr(asyncio, "sleep", sleep)
    pace = Pace(per_second)
    for _ in asked_at:
        await pace.turn()
    monkeypatch.undo()
    assert waited == pytest.approx(list(waits))


async def test_a_channels_own_pace_is_the_one_that_is_kept(lite: House) -> None:
    turns: list[str] = []

    class Counted(Pace):
        async def turn(self) -> None:
            turns.append("paper")

    step = lite.another().notify
    assert step._paces["paper"]._gap == pytest.approx(1e-4)
    step._paces["paper"] = Counted(1)
    await step(await _waiting(lite, 4))
    assert len(turns) == 4


async def test_deliveries_are_not_taken_for_answers(lite: House) -> None:
    await _waiting(lite)
    assert (await lite.store.queue.depths())[DELIVERIES] == 1
    assert isinstance(lite.paper.block, ChannelSettings)
    assert lite.paper.carried == []
