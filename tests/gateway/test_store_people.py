"""Operators, their sessions, and decisions about what is quarantined, on both databases."""

import asyncio
from datetime import timedelta

import pytest

from gateway.store.people import OperatorRepository
from gateway.store.views import OperatorSession
from tests.gateway.making import House, held


@pytest.fixture
def people(house: House) -> OperatorRepository:
    return OperatorRepository(house.store)


def _session(house: House, hours: float = 1) -> OperatorSession:
    return OperatorSession("sari", "csrf", house.clock() + timedelta(hours=hours))


async def test_a_password_is_set_and_changed(people: OperatorRepository) -> None:
    assert not await people.any()
    assert await people.password_of("sari") is None
    for hashed in ("hash-1", "hash-2"):
        await people.set_password("sari", hashed)
        assert await people.password_of("sari") == hashed
    assert await people.any()


async def test_a_session_lasts_until_it_runs_out_or_is_ended(
    house: House, people: OperatorRepository
) -> None:
    session = _session(house)
    await people.set_password("sari", "hash")
    await people.begin("token", session, "hash")
    assert await people.session("token") == session
    assert await people.session("other") is None
    house.clock.pass_(hours=2)
    assert await people.session("token") is None
    await people.begin("second", _session(house), "hash")
    await people.end("second")
    assert await people.session("second") is None


async def test_sessions_that_have_run_out_are_forgotten(
    house: House, people: OperatorRepository
) -> None:
    await people.set_password("sari", "hash")
    await people.begin("old", _session(house), "hash")
    house.clock.pass_(hours=2)
    await people.begin("new", _session(house), "hash")
    assert await house.rows("SELECT token FROM sessions") == [("new",)]


async def test_a_new_password_ends_every_session(house: House, people: OperatorRepository) -> None:
    await people.set_password("sari", "old")
    assert await people.begin("token", _session(house), "old")
    await people.set_password("sari", "new")
    assert await people.session("token") is None
    assert not await people.begin("late", _session(house), "old")  # was checked a moment before
    assert await people.session("late") is None


async def test_who_is_disabled_or_removed_is_out_at_once(
    house: House, people: OperatorRepository
) -> None:
    await people.set_password("sari", "hash")
    for removed in (False, True):
        assert await people.begin("token", _session(house), "hash")
        assert [o.sessions for o in await people.operators()] == [1]
        out = people.remove("sari") if removed else people.enable("sari", may=False)
        assert await out
        assert await people.session("token") is None
        assert await people.password_of("sari", active=True) is None
        assert not await people.begin("late", _session(house), "hash")
        if removed:
            await people.set_password("sari", "hash")
        else:
            assert await people.enable("sari", may=True)
        assert await people.session("token") is None
    assert not await people.remove("nobody")
    assert not await people.enable("nobody", may=True)


async def test_what_is_quarantined_is_decided_once(
    house: House, people: OperatorRepository
) -> None:
    item = held(house.clock)
    await house.store.take_in([item])
    assert await people.envelope(item.id) == ("paper", "forged", item.envelope)
    decisions = (
        people.decide(item.id, "dismissed", by=f"operator {n}", note="iklan", at=house.clock())
        for n in range(4)
    )
    assert sorted(await asyncio.gather(*decisions)) == [False, False, False, True]
    assert await people.envelope(item.id) is None
    assert await house.queries.held_count() == 0
    assert await house.rows("SELECT state, done_note FROM quarantine") == [("dismissed", "iklan")]


async def test_what_is_not_there_is_not_decided(house: House, people: OperatorRepository) -> None:
    assert await people.envelope("none") is None
    at = house.clock()
    assert not await people.decide("none", "released", by="sari", note="", at=at)
