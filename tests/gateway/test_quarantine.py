"""Noise has a quota and an end; what a proven door brought is kept until somebody has decided."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

import gateway
from config.words import words
from gateway.intake import forgeries
from gateway.intake.expiry import EXPIRE, Expiry
from gateway.operations.health import Health
from gateway.queues.due import EVERYWHERE
from gateway.store.quarantine import FRESH, MESSAGE, NOISE, REASONS, QuarantineLimits
from gateway.store.store import Store
from tests.gateway.making import ROAD, House, held, hook, note
from tests.gateway.office import Clock as ConsoleClock
from tests.gateway.office import console, office
from tests.gateway.test_console import Visitor

SMALL = QuarantineLimits(bytes=100_000, rows=6, share=0.5, days=30)
MESSAGES = sorted(reason for reason, kind in REASONS.items() if kind == MESSAGE)


@pytest.fixture
def small(house: House) -> House:
    house.store.quota.limits = SMALL
    return house


async def put(house: House, count: int, **changes: Any) -> None:
    for _ in range(count):
        await house.store.take_in([held(house.clock, **changes)])


def _reasons(tree: ast.AST) -> Iterator[str]:
    """Yield the reasons with which code puts something into the quarantine."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if called in ("quarantine", "item", "_quarantine_item"):
            yield from _said(node.args[2:4])
        if called == "SetAside":
            yield from _said(node.args[:1])
        if called == "QuarantineItem":
            yield from _said(k.value for k in node.keywords if k.arg == "reason")


def _said(nodes: Iterable[ast.expr]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and node.value:
            yield str(node.value)


def test_every_reason_there_is_says_whether_it_is_noise() -> None:
    (folder,) = gateway.__path__
    trees = [ast.parse(path.read_text()) for path in Path(folder).rglob("*.py")]
    found = {reason for tree in trees for reason in _reasons(tree)}
    assert found == set(REASONS), "say in gateway/store/quarantine.py what a new reason is"
    assert found == set(words("console").table("reason")), "and in config/console its name"


async def test_a_flood_of_forgeries_is_counted_and_leaves_room_for_others(
    small: House,
) -> None:
    for n in range(5):
        answer = await small.door.receive_webhook(
            small.paper, hook(note(ROAD, id=f"F{n}"), proof="false")
        )
        assert answer.status == 403
    assert await small.counted("quarantine", "channel = 'paper'") == 3, "its share"
    await put(small, 2, channel="x")
    assert await small.counted("quarantine", "channel = 'x'") == 2
    await put(small, 9, channel="sms")
    assert await small.counted("quarantine") == 6, "all of the quota"
    (missed,) = await small.rows("SELECT sum(count) FROM not_kept")
    assert missed[0] == 2 + 8


@pytest.mark.parametrize("reason", MESSAGES)
async def test_what_came_by_a_proven_door_is_kept_over_any_quota(lite: House, reason: str) -> None:
    lite.store.quota.limits = SMALL
    await put(lite, 8, reason="forged")
    await put(lite, 12, reason=reason)
    assert await lite.counted("quarantine", f"reason = '{reason}'") == 12
    lite.clock.pass_(days=900)
    assert await _expiry(lite).turn() == 3
    assert await lite.counted("quarantine", f"reason = '{reason}' AND length(envelope) > 0") == 12
    said = (await _health(lite).look()).checks["quarantine"]
    assert said.startswith("12 to release or dismiss, ")
    assert "kept all the same" in said


async def test_a_message_that_cannot_be_read_is_kept_though_noise_has_no_room(lite: House) -> None:
    lite.store.quota.limits = SMALL
    await put(lite, 8)
    broken = replace(hook(note(ROAD)), body=b"{")
    assert (await lite.door.receive_webhook(lite.paper, broken)).status == 200
    assert await lite.counted("quarantine", "reason = 'malformed'") == 1


async def test_bytes_are_counted_as_they_are_stored(lite: House) -> None:
    lite.store.quota.limits = SMALL
    await put(lite, 4, envelope=b"x" * 30_000, size=1)
    assert await lite.counted("quarantine") == 2, "the second one passed the channel's share"


async def test_another_process_is_counted_after_a_moment(lite: House) -> None:
    lite.store.quota.limits = SMALL
    other = Store(lite.store.database, lite.clock, room=SMALL)
    await put(lite, 1)
    for _ in range(4):
        await other.take_in([held(lite.clock)])
    lite.clock.pass_(seconds=FRESH.total_seconds())
    await put(lite, 1)
    assert await lite.counted("quarantine") == 3


async def test_room_comes_back_when_an_operator_decides(lite: House) -> None:
    lite.store.quota.limits = SMALL
    await put(lite, 4)
    (view, *_) = await lite.store.quarantine.latest(10)
    async with lite.store.unit() as unit:
        await unit.quarantine.decide(view.id, "dismissed", by="siti", note="x", at=lite.clock())
    lite.clock.pass_(seconds=FRESH.total_seconds())
    await put(lite, 2)
    assert await lite.counted("quarantine", "state = 'open'") == 3


async def test_noise_ends_after_its_days_and_of_a_decision_only_the_content(house: House) -> None:
    await put(house, 3, reason="automatic", state="noted")
    await put(house, 2, reason="unreadable")
    (chosen, _) = [v for v in await house.store.quarantine.latest(10) if v.reason == "unreadable"]
    async with house.store.unit() as unit:
        await unit.quarantine.decide(chosen.id, "dismissed", by="siti", note="x", at=house.clock())
    house.clock.pass_(days=29)
    assert await _expiry(house).turn() == 0
    house.clock.pass_(days=2)
    await put(house, 1)
    assert await _expiry(house).turn() == 4
    assert await house.counted("quarantine", "reason = 'automatic'") == 0
    rows = await house.rows(
        "SELECT state, done_by, length(envelope) FROM quarantine ORDER BY state"
    )
    assert [tuple(row) for row in rows] == [
        ("dismissed", "siti", 0),
        ("open", None, 7),
        ("open", None, 7),
    ]
    assert await _expiry(house).turn() == 0


async def test_one_process_forgets_for_all(lite: House) -> None:
    await put(lite, 1)
    lite.clock.pass_(days=31)
    mark = lite.store.cursors.of(EVERYWHERE, EXPIRE, holder=uuid4().hex)
    assert await mark.take(60) is not None
    assert await _expiry(lite).turn() == 0
    await mark.release()
    assert await _expiry(lite).turn() == 1


async def test_what_was_not_kept_is_said_and_nobody_is_unwell(
    lite: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgeries, "PER_HOUR", 2)
    for n in range(7):
        await lite.door.receive_webhook(lite.paper, hook(note(ROAD, id=f"F{n}"), proof="false"))
    await lite.door.quarantine.write_missed()
    await lite.door.quarantine.write_missed()
    finding = await _health(lite).look()
    assert finding.ok
    assert finding.checks["quarantine_noise"] == "5 more not kept since yesterday"
    lite.clock.pass_(days=3)
    assert "quarantine_noise" not in (await _health(lite).look()).checks


async def test_the_console_says_how_much_was_not_kept(tmp_path: Path) -> None:
    jar = aiohttp.CookieJar(unsafe=True)
    async with (
        office(tmp_path) as desk,
        console(desk, ConsoleClock()) as url,
        aiohttp.ClientSession(cookie_jar=jar) as http,
    ):
        async with desk.house.store.unit() as unit:
            await unit.quarantine.tally({("paper", "forged"): 4711})
        ani = Visitor(url, http)
        await ani.log_in()
        assert "4.711</b> kiriman palsu" in (await ani.get("/failed"))[1]
        assert "+4.711 tidak disimpan" in (await ani.get("/"))[1]


def _expiry(house: House) -> Expiry:
    return Expiry(house.store, house.store.cursors.of(EVERYWHERE, EXPIRE, holder="one"))


def _health(house: House) -> Health:
    return Health(house.store, house.broker, house.commits, house.spool)


def test_noise_is_what_nobody_waits_for() -> None:
    noise = {reason for reason, kind in REASONS.items() if kind == NOISE}
    assert noise == {"forged", "automatic", "receipt"}
