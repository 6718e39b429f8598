"""Overload: the doors refuse in time and cheaply, and what they take arrives."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
import pytest
from starlette.applications import Starlette

from config import settings
from gateway.intake import receipts, webhook
from gateway.intake.group_commit import GroupCommit
from gateway.intake.limits import CallLimits
from gateway.intake.load import BLIND, FEW, IntakeLoad, LoadLimits, Overload
from gateway.platform import metrics
from gateway.portals.app import WebServer
from gateway.store.engine import Unavailable
from tests.adapters.web.forms import filled, multipart
from tests.gateway.making import (
    LAMP,
    ROAD,
    House,
    Paper,
    away,
    held,
    hook,
    house,
    note,
    until_drained,
)
from tests.gateway.partners import CITY
from tests.gateway.whole import whole

LIMITS = LoadLimits(wait=3.0, patience=5.0, bytes=1_000, small=100)


class Doors:
    """A load and a clock that a test moves."""

    def __init__(self) -> None:
        self.at = 0.0
        self.load = IntakeLoad(LIMITS, lambda: self.at)
        self._open: list[ExitStack] = []

    def come(self, count: int = 1, channel: str = "sms", bytes: int = 0) -> None:
        """Let messages come in that wait from now on."""
        for _ in range(count):
            stack = ExitStack()
            visit = stack.enter_context(self.load.visit(channel))
            visit.grow(bytes)
            visit.wait()
            self._open.append(stack)

    @property
    def under_way(self) -> int:
        return len(self._open)

    def go(self, count: int, seconds: float = 0.0) -> None:
        """Settle the oldest, evenly over some seconds."""
        for _ in range(count):
            self.at += seconds / count
            self._open.pop(0).close()

    def takes(self, channel: str = "sms") -> bool:
        """Tell whether a message with a large body would be taken."""
        try:
            with self.load.visit(channel) as visit:
                visit.grow(LIMITS.small + 1)
        except Overload:
            return False
        return True


def _nothing(doors: Doors) -> None:
    pass


def _few_for_long(doors: Doors) -> None:
    doors.come(FEW - 1)
    doors.at += LIMITS.wait + LIMITS.patience


def _too_long(doors: Doors) -> None:
    doors.come()
    doors.at += LIMITS.wait + LIMITS.patience + 1


def _long_but_in_turn(doors: Doors) -> None:
    """Each waits for ten seconds, and one is settled each second."""
    doors.come(10)
    for _ in range(20):
        doors.go(1, seconds=1)
        doors.come()


def _many_at_once(doors: Doors) -> None:
    doors.come(BLIND - 1)


def _too_many_at_once(doors: Doors) -> None:
    doors.come(BLIND)


def _many_at_a_good_pace(doors: Doors) -> None:
    doors.come(300)
    doors.go(160, seconds=2)


def _many_at_a_bad_pace(doors: Doors) -> None:
    doors.come(399)
    doors.go(100, seconds=2)


def _of_which_none_has_waited_long(doors: Doors) -> None:
    doors.come(399)
    doors.go(50, seconds=1)


def _of_which_no_more_are_settled(doors: Doors) -> None:
    _many_at_a_good_pace(doors)
    assert doors.takes()
    doors.at += 2


def _less_but_more_than_half(doors: Doors) -> None:
    _many_at_a_bad_pace(doors)
    assert not doors.takes()
    doors.go(199, seconds=4)


def _less_than_half(doors: Doors) -> None:
    _less_but_more_than_half(doors)
    doors.go(50, seconds=1)


def _at_a_pace_that_was_forgotten(doors: Doors) -> None:
    _many_at_a_bad_pace(doors)
    doors.load.restart()


def _large(doors: Doors) -> None:
    doors.come(2, bytes=LIMITS.bytes // 2)


def _large_and_gone(doors: Doors) -> None:
    _large(doors)
    doors.go(2)


def _a_flood_of_others(doors: Doors) -> None:
    doors.come(399, "telegram")
    doors.go(100, seconds=2)
    assert not doors.takes("telegram")


CAUSES: Mapping[str, tuple[Callable[[Doors], None], str]] = {
    "nothing under way": (_nothing, ""),
    "few, and not for too long": (_few_for_long, ""),
    "many at once, and it is not known how fast they go": (_many_at_once, ""),
    "more, and it is not known how fast they go": (_too_many_at_once, "slow"),
    "many that take less than three seconds": (_many_at_a_good_pace, ""),
    "many that take more": (_many_at_a_bad_pace, "slow"),
    "many that would, and none has waited long": (_of_which_none_has_waited_long, ""),
    "many, and then nothing is settled": (_of_which_no_more_are_settled, "slow"),
    "fewer again": (_less_but_more_than_half, "slow"),
    "few enough again": (_less_than_half, ""),
    "the database was away, and the spool is faster": (_at_a_pace_that_was_forgotten, ""),
    "one that waits far too long": (_too_long, "stalled"),
    "those that wait long, and one after the other is settled": (_long_but_in_turn, ""),
    "more bytes than there is room for": (_large, "memory"),
    "which are gone": (_large_and_gone, ""),
    "another channel's flood": (_a_flood_of_others, ""),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_a_door_refuses_in_time_and_takes_again(cause: str) -> None:
    doors = Doors()
    happens, reason = CAUSES[cause]
    happens(doors)
    assert doors.takes() is not bool(reason)
    assert doors.load.shed().get("sms") == (doors.load._refused.get("sms") if reason else None)
    if reason:
        assert doors.load.shed()["sms"].reason == reason
        count = metrics.REGISTRY.get_sample_value
        assert count("kanal_shed_total", {"channel": "sms", "reason": reason})


def test_bodies_that_grow_are_stopped_and_one_alone_may_be_large() -> None:
    load = IntakeLoad(LIMITS)
    with load.visit("web") as first, load.visit("web") as second:
        first.grow(LIMITS.bytes + 1)
        second.grow(LIMITS.small)
        with pytest.raises(Overload):
            second.grow(1)
        assert load.shed()["web"].reason == "memory"
    assert load.shed() == {}


def test_a_channel_that_fills_the_memory_keeps_out_no_other_and_no_small_body() -> None:
    doors = Doors()
    doors.come(10, "web", bytes=100)
    doors.come(1, "web", bytes=LIMITS.small)
    doors.come(2, "sms", bytes=LIMITS.small)
    doors.come(1, "mail", bytes=300)
    assert not doors.takes("web")
    assert not doors.takes("mail"), "a third is its share"
    assert doors.takes("sms")


@pytest.mark.parametrize(("fixed", "each"), [(0.4, 0.0005), (0.01, 0.005)])
def test_what_is_settled_in_groups_is_not_taken_for_slow(fixed: float, each: float) -> None:
    """100 a second come, and a commit takes so long."""
    doors, came, refused = Doors(), 0, 0
    while doors.at < 30:
        group = doors.under_way
        ends = doors.at + fixed + each * group
        while came < ends * 100:
            doors.at = max(doors.at, came / 100)
            came += 1
            if doors.takes():
                doors.come()
            else:
                refused += 1
        doors.at = ends
        doors.go(group)
    assert refused == 0


@dataclass(frozen=True)
class Call:
    """What a caller sends, what the answer holds, and of what kind it is."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    kind: str
    says: str


def _form() -> tuple[bytes, str]:
    body = multipart(filled(body="Lampu jalan mati <di sini> sejak kemarin malam"))
    return body, "multipart/form-data; boundary=xx"


def _calls() -> dict[str, Call]:
    body, kind = _form()
    problem, stored = "application/problem+json", "could not be stored"
    key = {"authorization": f"Bearer {CITY}", "content-type": "application/json"}
    form = {"content-type": kind, "origin": "https://lapor.example.go.id"}
    return {
        "a provider": Call("/in/sms", {}, b"Body=hai", problem, stored),
        "the form by script": Call("/in/web", form, body, problem, stored),
        "the form by hand": Call("/", form, body, "text/html", "Lampu jalan mati &lt;di sini&gt;"),
        "a partner": Call("/api/v1/reports", key, b"{}", problem, stored),
        "Open311": Call(
            "/open311/v2/requests.json",
            {"content-type": "application/x-www-form-urlencoded"},
            f"api_key={CITY}&service_code=jalan-rusak&description=lubang".encode(),
            "application/json",
            "call again",
        ),
    }


async def test_every_kind_of_door_asks_to_come_again_and_health_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with whole(tmp_path, client_header="") as kanal, aiohttp.ClientSession() as http:
        assert kanal.web is not None
        base = f"http://127.0.0.1:{kanal.web.port}"
        load = kanal.services.intake.load
        with monkeypatch.context() as full:
            full.setattr(load, "_limits", LoadLimits(bytes=0, small=0))
            for name, call in _calls().items():
                headers = {**call.headers, "accept-language": "en"}
                async with http.post(base + call.path, headers=headers, data=call.body) as got:
                    said = await got.text()
                    assert (name, got.status, got.content_type) == (name, 503, call.kind)
                    assert got.headers["retry-after"] == "5"
                    assert call.says in said, name
            async with http.get(f"{base}/health/ready") as got:
                assert got.status == 503
                assert "sms refused since" in (await got.json())["checks"]["overload"]
            async with http.get(f"{base}/api/v1/reports") as got:
                assert got.status == 401, "who only reads is not refused"
        async with asyncio.timeout(30):
            while True:
                async with http.get(f"{base}/health/ready") as got:
                    if got.status == 200:
                        break
        call = _calls()["the form by hand"]
        async with http.post(base + call.path, headers=call.headers, data=call.body) as got:
            assert got.status == 201, await got.text()


CAPACITY = 60
"""Messages a second that the database of the burst takes."""


@pytest.fixture
async def slow(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[House]:
    """A house whose database takes so many messages a second."""
    async with house(sqlite_url, tmp_path, more=[Paper("calm")]) as built:
        take_in = built.store.take_in

        async def slowly(items: Any, move: Any = None) -> set[str]:
            await asyncio.sleep(len(items) / CAPACITY)
            return await take_in(items, move)

        monkeypatch.setattr(built.store, "take_in", slowly)
        monkeypatch.setattr(built.commits.load, "_limits", LoadLimits(wait=0.5, patience=1.5))
        yield built


async def test_three_times_of_what_can_be_taken_keeps_no_accepted_one_waiting(
    slow: House,
) -> None:
    limits = settings.load().server.model_copy(update={"max_connections_per_peer": 500})
    app = Starlette(routes=webhook.routes(slow.door, "", 65_536, CallLimits("", proxied=False)))
    web = WebServer(app, limits, 0)
    await web.start()
    seen: list[tuple[str, int, float]] = []

    async def post(channel: str, number: int) -> None:
        one = hook(note(f"{ROAD if channel == 'paper' else LAMP} {number}"))
        url, began = f"http://127.0.0.1:{web.port}/in/{channel}", time.monotonic()
        async with http.post(url, headers=one.headers, data=one.body) as got:
            await got.read()
        seen.append((channel, got.status, time.monotonic() - began))

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        under_way = []
        for tick in range(45):  # they come at their own pace, however long answers take
            under_way += [asyncio.create_task(post("paper", 9 * tick + n)) for n in range(9)]
            if tick % 5 == 0:
                under_way.append(asyncio.create_task(post("calm", tick)))
            await asyncio.sleep(0.05)
        await asyncio.gather(*under_way)
    await web.stop()
    accepted = [took for _, status, took in seen if status == 200]
    refused = [took for _, status, took in seen if status == 503]
    assert len(accepted) + len(refused) == len(seen)
    assert await slow.counted("messages") == len(accepted)
    assert accepted, "it goes on taking what it can"
    assert len(refused) > FEW
    assert median(refused) < median(accepted), "a refusal costs less than what it refuses"
    taken = {name: _share(seen, name) for name in ("calm", "paper")}
    assert taken["calm"] > taken["paper"], "the flood of one channel is not the other's"


def _share(seen: Sequence[tuple[str, int, float]], channel: str) -> float:
    """Return the share of what came by a channel that was taken."""
    statuses = [status for name, status, _ in seen if name == channel]
    return statuses.count(200) / len(statuses)


async def test_what_waits_behind_a_database_that_does_not_answer_is_spooled_not_refused(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with house(sqlite_url, tmp_path, timeout=0.5) as built:
        limits = LoadLimits(wait=0.2, patience=2)
        commits = GroupCommit(built.store, built.spool, IntakeLoad(limits))
        await commits.start()

        async def come(number: int) -> None:
            with commits.load.visit("paper") as visit:
                visit.wait()
                await commits.put(held(built.clock, id=f"{number:036}"))

        with away(sqlite_url, None):
            await asyncio.gather(*(come(number) for number in range(3 * FEW)))
            assert commits.spooled > 0
            await come(1_000)
        await commits.stop()


async def test_while_the_database_is_asked_whether_it_is_back_no_door_waits_for_it(
    lite: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, back, tried = asyncio.Event(), asyncio.Event(), list[str]()
    take_in = lite.store.take_in

    async def ask() -> None:
        asked.set()
        await back.wait()

    async def take(items: Any, **more: Any) -> set[str]:
        tried.append("again" if back.is_set() else "first")
        if not back.is_set():
            raise Unavailable("no answer within 5 s (TimeoutError)")
        return await take_in(items, **more)

    monkeypatch.setattr(lite.store, "try_write", ask)
    monkeypatch.setattr(lite.store, "take_in", take)
    await lite.take(note(ROAD))
    await asked.wait()
    await lite.take(note(LAMP))
    await lite.take({"receipt": "of nobody", "state": "failed"})
    assert (tried, lite.commits.spooled, lite.commits.away) == (["first"], 3, True)
    back.set()
    await until_drained(lite.commits)
    assert (await lite.counted("messages"), await lite.counted("quarantine")) == (2, 1)
    assert not lite.commits.away


async def test_a_receipt_that_waited_in_vain_for_the_database_does_not_wait_again(
    lite: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(*_: Any) -> bool:
        raise Unavailable("no answer within 5 s (TimeoutError)")

    monkeypatch.setattr(receipts, "note", hang)
    monkeypatch.setattr(lite.store, "take_in", hang)
    await lite.take({"receipt": "of nobody", "state": "failed"})
    assert lite.commits.spooled == 1
    assert lite.commits.away
