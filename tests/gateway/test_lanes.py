"""Lanes: nobody waits for a slow neighbour, nothing leaves unmarked, and what may have left is
sent once more at most."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine, event

from adapters.contract import (
    ChannelError,
    Outgoing,
    SentList,
    Throttled,
    UnknownOutcome,
    Unreachable,
)
from gateway.assembly import Services
from gateway.outbound.notify import Uncertain
from gateway.queues.lane import AFTER, LONGEST_REST, Breaker, Lane
from gateway.store.engine import Unavailable
from gateway.store.rows import SendResult
from tests.gateway.making import ROAD, SOON, WHO, House, Paper, note, running

SENT = "SELECT state, doubts, attempts FROM notifications"


class Held(Paper):
    """Keeps every send under way until it is let go, and says when so many have begun."""

    def __init__(self, name: str = "paper", **settings: Any) -> None:
        super().__init__(name, **settings)
        self.go, self.begun = asyncio.Event(), 0
        self._news = asyncio.Condition()

    async def send(self, to: str, message: Outgoing) -> str:
        async with self._news:
            self.begun += 1
            self._news.notify_all()
        await self.go.wait()
        return await super().send(to, message)

    async def begins(self, count: int = 1) -> None:
        async with self._news:
            await self._news.wait_for(lambda: self.begun >= count)


async def routed(house: House, count: int = 1) -> None:
    """Bring reports of as many citizens as far as what is told them."""
    notes = (note(f"{ROAD} {n}", f"{WHO[:-2]}{n:02}") for n in range(count))
    await house.take(*notes)
    await house.work("reports", house.route)


def lanes(its: Services) -> list[Lane[Any]]:
    return [lane for lane in its.lanes if lane.work.kind == "notifications"]


async def killed(house: House) -> None:
    """Leave the marks of a process that died while it was sending."""
    await house.change("UPDATE notifications SET send_at = 0 WHERE state = 'sending'")


async def rows(house: House, query: str = SENT) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await house.rows(query)]


async def test_a_channel_that_hangs_holds_up_no_other(lite: House) -> None:
    hung, quick = Held("paper"), Held("other")
    quick.go.set()
    its = lite.another({"paper": hung, "other": quick}, work={"concurrency": 2})
    await routed(lite, 6)
    half = "SELECT id FROM notifications ORDER BY id LIMIT 3"
    await lite.change(f"UPDATE notifications SET channel = 'other' WHERE id IN ({half})")
    async with running(lanes(its)), asyncio.timeout(SOON):
        await hung.begins(2)
        await quick.begins(3)
        assert hung.carried == []
        hung.go.set()
        await hung.begins(3)


async def test_a_message_that_hangs_holds_up_none_behind_it(lite: House) -> None:
    class First(Held):
        async def send(self, to: str, message: Outgoing) -> str:
            if self.begun == 0:
                return await super().send(to, message)
            return await Paper.send(self, to, message)

    slow = First()
    its = lite.another({"paper": slow}, work={"concurrency": 2})
    await routed(lite, 5)
    async with running(lanes(its)), asyncio.timeout(SOON):
        await slow.begins()
        while (await rows(lite, "SELECT count(*) FROM notifications WHERE state = 'sent'")) != [
            (4,)
        ]:
            await lite.store.queue.changed(0.01)
        assert await lite.counted("notifications", "state = 'sending'") == 1
        slow.go.set()
    assert await lite.counted("notifications", "state = 'sent'") == 5


async def test_what_is_urgent_leaves_first_however_much_waits(house: House) -> None:
    await routed(house, 4)
    newest = "SELECT id FROM notifications ORDER BY created_at DESC LIMIT 1"
    await house.change(f"UPDATE notifications SET urgent = true WHERE id = ({newest})")
    ((urgent,),) = await rows(house, newest)
    assert await house.notify() == {}
    assert len(house.paper.carried) == 4
    assert house.paper.carried[0][1].id == urgent


@pytest.mark.parametrize(
    ("late", "state"), [(None, "sent"), (UnknownOutcome("cut"), "sending")], ids=["sent", "failed"]
)
async def test_who_was_taken_for_gone_undoes_nothing(
    house: House, late: Exception | None, state: str
) -> None:
    """A late success stands; a late failure says nothing of what another process sends now."""
    await routed(house)
    (lane,) = [each for each in lanes(house.services) if each.work.name == "paper"]
    (first,) = await lane.work.claim(1, take_over=False)
    await killed(house)
    (second,) = await lane.work.claim(1, take_over=True)
    assert (first.claim.id, second.claim.doubts) == (second.claim.id, 1)
    await lane.work.file([(first, late or SendResult(first.claim.id, "sent", provider_id="p"))])
    assert await rows(house, "SELECT state FROM notifications") == [(state,)]
    assert await house.counted("queue", "state = 'dead'") == 0
    await lane.work.file([(second, UnknownOutcome("cut"))])
    ((state, doubts),) = await rows(house, "SELECT state, doubts FROM notifications")
    assert (state, doubts) == (("waiting", 2) if late else ("sent", 1))


async def test_the_mark_is_there_before_anything_leaves(house: House) -> None:
    slow = Held()
    its = house.another({"paper": slow})
    await routed(house)
    async with running(lanes(its)), asyncio.timeout(SOON):
        await slow.begins()
        ((state, lease),) = await rows(house, "SELECT state, lease FROM notifications")
        assert (state, bool(lease)) == ("sending", True)
        assert await house.notify() == {}, "another process leaves it alone"
        slow.go.set()
    assert await rows(house, "SELECT state, lease FROM notifications") == [("sent", None)]
    assert (len(slow.carried), house.paper.carried) == (1, [])


async def test_a_database_that_cannot_be_written_lets_nothing_leave(
    lite: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await routed(lite, 3)

    def full(*_: Any, **__: Any) -> Any:
        raise Unavailable("the database's disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(lite.store, "unit", full)
        with pytest.raises(Unavailable):
            await lite.notify()
    assert lite.paper.carried == []
    assert await lite.notify() == {}
    assert len(lite.paper.carried) == 3


async def test_what_came_of_a_send_is_filed_again_and_nothing_is_sent_again(
    lite: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database reads, takes the mark, and then takes nothing for a while."""
    slow = Held()
    its = lite.another({"paper": slow})
    notify, tries = its.notify, list[int]()
    file = notify.file

    async def hard(done: Sequence[Any]) -> dict[str, Exception]:
        tries.append(len(done))
        if len(tries) < 3:
            raise Unavailable("locked")
        return await file(done)

    monkeypatch.setattr(notify, "file", hard)
    monkeypatch.setattr("gateway.queues.lane.PAUSE", 0.01)
    await routed(lite, 2)
    slow.go.set()
    async with running(lanes(its)), asyncio.timeout(SOON):
        await slow.begins(2)
    assert len(slow.carried) == 2
    assert await rows(lite) == [("sent", 0, 0)] * 2


async def test_an_orderly_end_waits_for_what_is_under_way(lite: House) -> None:
    slow = Held()
    its = lite.another({"paper": slow}, work={"concurrency": 2})
    await routed(lite, 5)
    tasks = [asyncio.create_task(lane.run()) for lane in lanes(its)]
    async with asyncio.timeout(SOON):
        await slow.begins(2)
        for lane in lanes(its):
            lane.end()
        slow.go.set()
        await asyncio.gather(*tasks)
    assert len(slow.carried) == 2
    assert await lite.counted("notifications", "state = 'sending'") == 0
    assert await lite.notify() == {}
    told = [message.id for _, message in (*slow.carried, *lite.paper.carried)]
    assert len(told) == len(set(told)) == 5


async def test_what_a_killed_process_may_have_sent_goes_once_more_and_is_counted(
    house: House,
) -> None:
    slow = Held()
    its = house.another({"paper": slow})
    await routed(house)
    (lane,) = [each for each in lanes(its) if each.work.name == "paper"]
    for doubts in (1, 2):
        task = asyncio.create_task(lane.once())
        async with asyncio.timeout(SOON):
            await slow.begins(doubts)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await killed(house)
    (error,) = (await house.notify()).values()
    assert isinstance(error, Uncertain)
    assert (slow.begun, house.paper.carried) == (2, []), "sent twice at most"
    assert [row[0] for row in await rows(house)] == ["failed"]
    (dead,) = await house.store.dead_letters.latest(5)
    assert dead.error.startswith("Uncertain")
    await house.store.replay([dead.id])
    assert await house.work("notifications", house.services.notify.resume) == {}
    assert await house.notify() == {}
    assert len(house.paper.carried) == 1


@pytest.mark.parametrize("error", [UnknownOutcome("cut"), RuntimeError("a fault after the call")])
async def test_a_provider_that_does_not_say_whether_it_took_it_is_asked_twice_at_most(
    lite: House, error: Exception
) -> None:
    lite.paper.fails = [error, error, error]
    await routed(lite)
    failed = [await lite.notify()]
    for _ in range(3):
        await lite.hurry()
        failed.append(await lite.notify())
    kinds = [[type(each) for each in one.values()] for one in failed]
    assert kinds == [[UnknownOutcome], [UnknownOutcome], [Uncertain], []]
    assert len(lite.paper.fails) == 1, "it was asked twice"


async def test_what_surely_did_not_leave_is_no_doubt(lite: House) -> None:
    lite.paper.fails = [Unreachable("refused")] * 2
    await routed(lite)
    for _ in range(2):
        await lite.notify()
        await lite.hurry()
    assert await rows(lite) == [("waiting", 0, 2)]
    assert await lite.notify() == {}
    assert len(lite.paper.carried) == 1


class Listing(Paper, SentList):
    """A provider that lists what it took."""

    def __init__(self) -> None:
        super().__init__()
        self.took: dict[tuple[str, str], str] = {}
        self.silent = True

    async def send(self, to: str, message: Outgoing) -> str:
        self.took[to, message.text] = id = await super().send(to, message)
        if self.silent:
            raise UnknownOutcome("cut")
        return id

    async def find_sent(self, to: str, message: Outgoing, since: datetime) -> str | None:
        assert since.tzinfo
        return self.took.get((to, message.text))


async def test_what_a_provider_lists_is_not_sent_again(lite: House) -> None:
    listing = Listing()
    its = lite.another({"paper": listing})
    await routed(lite)
    assert await lite.notify(its)
    await lite.hurry()
    assert await lite.notify(its) == {}
    assert len(listing.carried) == 1
    (row,) = await rows(lite, "SELECT state, provider_id FROM notifications")
    assert row[0] == "sent"
    assert row[1]


async def test_what_others_could_not_file_while_the_database_was_away_is_not_taken_for_lost(
    lite: House,
) -> None:
    """Two processes; the claims of one run out in an outage that it survives."""
    slow = Held()
    one, two = lite.another({"paper": slow}), lite.another()
    await routed(lite)
    await killed(lite)
    async with running(lanes(one)), asyncio.timeout(SOON):
        await slow.begins()
        await killed(lite)  # its time ran out while nothing could be written
        async with running(lanes(two)):
            lite.store.lane_news.tell([("notifications", "paper")])
            slow.go.set()
            while not await lite.counted("notifications", "state = 'sent'"):
                await lite.store.queue.changed(0.01)
    assert (len(slow.carried), lite.paper.carried) == (1, [])
    (lane,) = [each for each in lanes(two) if each.work.name == "paper"]
    assert not lane._may_take_over()
    lane.work.lease = -1.0
    assert lane._may_take_over(), "once that time is over"


def breaker_after(*outcomes: object) -> Breaker:
    breaker = Breaker()
    for outcome in outcomes:
        breaker.note(outcome)
    return breaker


AWAY = Unreachable("away")


@pytest.mark.parametrize(
    ("outcomes", "tripped", "rests"),
    [
        ([], False, 0),
        ([AWAY] * (AFTER - 1), False, 0),
        ([AWAY] * AFTER, True, 1),
        ([AWAY] * (AFTER + 3), True, 8),
        ([AWAY] * 40, True, LONGEST_REST),
        ([AWAY] * AFTER + [None], False, 1),
        ([AWAY] * (AFTER - 1) + [ChannelError("its own fault")], False, 0),
        ([Throttled("429", retry_after=30)], False, 30),
    ],
)
def test_a_lane_rests_when_nobody_answers(
    outcomes: Sequence[object], tripped: bool, rests: float
) -> None:
    breaker = breaker_after(*outcomes)
    assert breaker.tripped is tripped
    assert breaker.pause() == pytest.approx(rests, abs=0.5)


async def test_while_a_provider_is_away_one_message_tries_it_and_the_others_keep_their_attempts(
    lite: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.queues.lane.Breaker._rest", lambda *_: None)
    lite.paper.fails = [Unreachable("away")] * (AFTER + 2)
    its = lite.another({"paper": lite.paper}, work={"retry_after": [600] * 9, "concurrency": 2})
    await routed(lite, AFTER + 6)
    async with running(lanes(its)), asyncio.timeout(SOON):
        while len(lite.paper.carried) < 4:
            await lite.store.queue.changed(0.01)
    tried = [row[2] for row in await rows(lite) if row[0] == "waiting"]
    assert tried == [1] * (AFTER + 2), "each once"


async def test_what_takes_long_is_held_by_signs_of_life(lite: House) -> None:
    slow = Held()
    its = lite.another({"paper": slow}, work={"lease": 0.1})
    await routed(lite)
    async with running(lanes(its)), asyncio.timeout(SOON):
        await slow.begins()
        await killed(lite)  # as if its time had run out
        while (await rows(lite, "SELECT send_at = 0 FROM notifications")) != [(0,)]:
            await lite.store.queue.changed(0.01)
        assert await lite.notify() == {}
        slow.go.set()
    assert (len(slow.carried), lite.paper.carried) == (1, [])


async def test_a_row_that_cannot_be_made_ready_holds_up_no_other(
    lite: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await routed(lite, 3)
    (bad, *_) = await rows(lite, "SELECT id FROM notifications ORDER BY created_at")
    withheld = lite.services.notify._ownership.withheld

    async def broken(unit: Any, waiting: Sequence[Any], at: Any) -> Any:
        if any(each.id == bad[0] for each in waiting):
            raise ValueError("a report that cannot be read")
        return await withheld(unit, waiting, at)

    with monkeypatch.context() as patch:
        patch.setattr(lite.services.notify, "_ownership", SimpleNamespace(withheld=broken))
        for _ in range(4):
            await lite.notify()
            await lite.hurry()
    assert len(lite.paper.carried) == 2
    (dead,) = await lite.store.dead_letters.latest(5)
    assert (dead.message_id, dead.attempts) == (bad[0], 3)


async def test_a_claim_looks_at_what_waits_only(lite: House) -> None:
    """However much was sent before: it reads by the indexes of what waits, and by no other."""
    claims: list[tuple[str, Any]] = []

    def note_claim(_: Any, __: Any, statement: str, values: Any, *___: Any) -> None:
        ours = statement.startswith(("UPDATE notifications", "UPDATE deliveries"))
        if ours and "LIMIT" in statement:
            claims.append((statement, values))

    event.listen(Engine, "before_cursor_execute", note_claim)
    try:
        await routed(lite)
        await lite.notify()
        async with lite.store.unit() as unit:
            await unit.deliveries.claim("3578-dinas-pu", 8, lease=30, take_over=False)
    finally:
        event.remove(Engine, "before_cursor_execute", note_claim)
    used = set()
    async with lite.store.database.read() as connection:
        for statement, values in claims:
            plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            words = " ".join(str(row) for row in plan).split()
            used |= {word for word in words if word.startswith("ix_")}
    assert used == {"ix_notifications_lane", "ix_notifications_urgent", "ix_deliveries_lane"}
