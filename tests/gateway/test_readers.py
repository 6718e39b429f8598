"""An officer's list fetches what is in it, and opening a report reads it, each by its account."""

from typing import Any

from gateway.access.roles import Actor, Grant, Role
from gateway.casework.officers import Box
from gateway.store.views import GrantRow, NewAccount
from gateway.wire.queues import DELIVERIES, REPORTS
from tests.gateway.making import ROAD, house, note

AGENCY = "3578-dinas-pu"
RINI, BUDI = (Actor(name, (Grant(Role.OFFICER, AGENCY),)) for name in ("rini", "budi"))


async def test_listing_fetches_and_opening_reads_and_ends_an_escalation(
    database_url: str, tmp_path: Any
) -> None:
    async with house(database_url, tmp_path, queues=False) as built:
        given = (GrantRow(Role.COORDINATOR, "35.78"),)
        assert await built.store.accounts.create(NewAccount("dewi", "hash", given, "cli"))
        await built.take(note(ROAD))
        await built.work(REPORTS, built.route)
        await built.work(DELIVERIES, built.deliver)
        built.clock.pass_(hours=25)
        await built.services.escalation.turn()
        assert (await built.newest()).report.escalated_to == "35.78"
        officers = built.services.officers
        (row,) = (await officers.inbox(RINI, Box.NEW)).rows
        assert row.unread
        (fetched,) = (await built.newest()).deliveries
        assert (fetched.state, fetched.fetched_by, fetched.read_by) == ("fetched", "rini", "")
        await officers.inbox(BUDI, Box.NEW)
        assert (await built.newest()).deliveries == (fetched,)
        shown = await officers.open(row.id, actor=BUDI)
        now = await built.newest()
        assert shown is not None
        assert shown.version == now.version, "what is decided on it now is not outdated"
        (read,) = now.deliveries
        assert (read.state, read.fetched_by, read.read_by) == ("read", "rini", "budi")
        assert now.report.escalated_to == ""
        assert now.events[-1].kind == "agency_opened"
        assert await officers.open(row.id, actor=RINI) is not None
        assert len((await built.newest()).events) == len(now.events)
        assert not (await officers.inbox(RINI, Box.NEW)).rows[0].unread
