"""Operators, their sessions, and decisions about what is quarantined, on both databases."""

import asyncio
from datetime import timedelta

import pytest

from gateway.access.accounts import set_password
from gateway.store.accounts import AccountRepository
from gateway.store.sessions import SessionRepository
from gateway.store.views import NewAccount
from tests.gateway.making import House, held


@pytest.fixture
def people(house: House) -> AccountRepository:
    return house.store.accounts


@pytest.fixture
def sessions(house: House) -> SessionRepository:
    return house.store.sessions


async def _begin(house: House, token: str, password: str = "hash") -> bool:
    expires_at = house.clock() + timedelta(hours=1)
    return await house.store.sessions.begin(token, "sari", "csrf", expires_at, password)


async def _decide(house: House, id: str, *, by: str) -> bool:
    async with house.store.unit() as unit:
        return await unit.quarantine.decide(id, "dismissed", by=by, note="iklan", at=house.clock())


async def test_a_password_is_set_and_changed(house: House, people: AccountRepository) -> None:
    assert not await people.any()
    assert await people.password_of("sari") is None
    for hashed in ("hash-1", "hash-2"):
        await set_password(house.store, "sari", hashed)
        assert await people.password_of("sari") == hashed
    assert await people.any()


async def test_a_session_lasts_until_it_runs_out_or_is_ended(
    house: House, people: AccountRepository, sessions: SessionRepository
) -> None:
    await set_password(house.store, "sari", "hash")
    await _begin(house, "token")
    session = await sessions.get("token")
    assert session
    assert session.name == "sari"
    assert await sessions.get("other") is None
    house.clock.pass_(hours=2)
    assert await sessions.get("token") is None
    await _begin(house, "second")
    await sessions.end("second")
    assert await sessions.get("second") is None


async def test_sessions_that_have_run_out_are_forgotten(
    house: House, people: AccountRepository, sessions: SessionRepository
) -> None:
    await set_password(house.store, "sari", "hash")
    await _begin(house, "old")
    house.clock.pass_(hours=2)
    await _begin(house, "new")
    assert await house.rows("SELECT token FROM sessions") == [("new",)]


async def test_a_new_password_ends_every_session(
    house: House, people: AccountRepository, sessions: SessionRepository
) -> None:
    await set_password(house.store, "sari", "old")
    assert await _begin(house, "token", "old")
    await set_password(house.store, "sari", "new")
    assert await sessions.get("token") is None
    assert not await _begin(house, "late", "old")  # was checked a moment before
    assert await sessions.get("late") is None


async def test_who_is_disabled_or_removed_is_out_at_once(
    house: House, people: AccountRepository, sessions: SessionRepository
) -> None:
    await set_password(house.store, "sari", "hash")
    for removed in (False, True):
        assert await _begin(house, "token")
        assert [o.sessions for o in await people.all()] == [1]
        out = people.remove("sari") if removed else people.enable("sari", may=False)
        assert await out
        assert await sessions.get("token") is None
        assert await people.password_of("sari", active=True) is None
        assert not await _begin(house, "late")
        if not removed:
            assert await people.enable("sari", may=True)
        assert await sessions.get("token") is None
    assert not await people.create(NewAccount("sari", "hash", (), "rini")), (
        "logs name who had the name"
    )
    assert not await people.remove("nobody")
    assert not await people.enable("nobody", may=True)


async def test_what_is_quarantined_is_decided_once(house: House) -> None:
    item = held(house.clock)
    await house.store.take_in([item])
    assert await house.store.quarantine.envelope(item.id) == ("paper", "forged", item.envelope)
    decisions = (_decide(house, item.id, by=f"operator {n}") for n in range(4))
    assert sorted(await asyncio.gather(*decisions)) == [False, False, False, True]
    assert await house.store.quarantine.envelope(item.id) is None
    assert await house.store.quarantine.count() == 0
    assert await house.rows("SELECT state, done_note FROM quarantine") == [("dismissed", "iklan")]


async def test_what_is_not_there_is_not_decided(house: House) -> None:
    assert await house.store.quarantine.envelope("none") is None
    assert not await _decide(house, "none", by="sari")
