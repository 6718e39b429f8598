"""Every row of ``visibility.TABLE`` at the real doors of partners, agencies and operators.

One report with a word of its own in every field, filed under every flag, is read at each door: what
comes out names the field it stood in. The public's doors are walked in ``test_publishing.py``.
"""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from gateway.assembly.site import sections
from gateway.casework.visibility import MESSAGES, READERS, TABLE
from gateway.intake.limits import CallLimits
from gateway.outbound.deliver import Deliver
from gateway.outbound.deliveries import deliver
from gateway.outbound.methods import load
from gateway.portals.console.routes import routes
from gateway.queues.lane import Lane
from gateway.wire import events
from gateway.wire.queues import DELIVERIES
from normalizer.message import Urgency
from normalizer.report import Recusal, Report, Topic
from normalizer.tracking import format_number
from tests.cases import overwriting, reworded
from tests.gateway.making import LAMP
from tests.gateway.office import NAME, PASSWORD, served
from tests.gateway.partners import API, CITY, KEYS, O311, SLOW, Town, town
from tests.gateway.test_console import Visitor
from tests.gateway.test_deliver import SECRET, Office, office
from tests.gateway.test_publishing import CANARY, PUBLIC_WORDS, filled, sent

__all__ = ["office"]
FLAGS: dict[str, dict[str, Any]] = {
    "open": {},
    "anonim": {"anonymous": True},
    "rahasia": {"confidential": True},
    "sensitive": {"topic": Topic(id="pertanahan", name=f"{CANARY}.topic.name.", confidence=1.0)},
}
PLAIN = ("title", "address")
"""Fields whose masked part is the whole here: nothing in them says who wrote."""
FIRE = Urgency(id="fire", name=f"{CANARY}.urgency.name.")
OTHERS = "kanal_key-of-another-city-that-reads"
OWN_WORDS = " Nama saya Rina Misal, hp 081234567890"
"""What a writer says of themselves: no agency reads it in an anonymous report."""
SHOWN = {
    "Open311": {"text", "address", "assignment"},
    "REST": {"topic", "assignment"},
    "operator": {"title", "text", "original", "address", "attachments", "places", "chosen_agency",
                 "topic", "urgency", "assignment", "notes"},
}  # fmt: skip
"""What a door surely shows: a sweep that reads nothing proves nothing."""


@pytest.fixture
async def here(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    others = {"key": OTHERS, "scopes": ["report", "read"], "per_minute": 5000}
    async with town(sqlite_url, tmp_path, open311={"keys": {**KEYS, "lain": others}}) as built:
        yield built


async def came(here: Town, *, by_rest: bool = False) -> Report:
    """Let a partner send a report, and return it with a word in every field."""
    if by_rest:
        assert (await here.send({"text": LAMP, "public": True})).status == 201
        await here.routed()
        report = filled((await here.house.newest()).report)
    else:
        report = filled(await sent(here))
    accused = Recusal(office="lurah", name="Lurah", persons=(CANARY,), words=(CANARY,))
    first = report.first
    words = {p: getattr(first, p) + OWN_WORDS for p in ("text", "original", "chosen_agency")}
    more = {"recusals": (accused,), "public": True, "urgency": FIRE}
    return reworded(report, **words).model_copy(update=more)


async def filed(here: Town, whole: Report, flag: str) -> Report:
    """Store a report under a flag."""
    report = whole.model_copy(update=FLAGS[flag])
    await here.house.change(overwriting(report))
    return report


def fields(heard: str) -> set[str]:
    """Name the fields whose words were heard, by their paths."""
    return set(re.findall(rf"{CANARY}\.([a-z_.]+)\.", heard))


def check(reader: str, heard: str, door: str) -> None:
    """Compare what was heard at a door with the reader's column."""
    column = READERS.index(reader)
    heard_of = fields(heard)
    said = {path.removeprefix("messages.") for path in heard_of if path.startswith("messages.")}
    seen = {path.partition(".")[0] for path in heard_of - {f"messages.{each}" for each in said}}
    assert {name for name in seen if TABLE[name][column] == "-"} == set()
    said = {path.partition(".")[0] for path in said}
    assert {name for name in said if MESSAGES[name][column] == "-"} == set()
    seen |= said
    assert seen >= SHOWN.get(door, set()), door
    secrets = {"reporter.sealed", "origin.external_id"}
    if reader != "agency":  # who gets many of one person may tie them together
        secrets.add("reporter.ref")
    assert fields(heard).isdisjoint(secrets)


async def test_a_partner_sees_by_the_table(here: Town) -> None:
    whole = await came(here)
    asked = {"api_key": CITY, "extensions": "true"}
    for flag in FLAGS:
        report = await filed(here, whole, flag)
        heard = ""
        for form in ("json", "xml"):
            for path in (f"requests/{report.tracking}", "requests", "servicerequestupdates"):
                heard += (await here.get(f"{O311}/{path}.{form}", **asked)).body.decode()
        assert "Rina Misal" in heard
        check("partner", heard, "Open311")


async def test_a_partner_sees_by_the_table_by_rest(here: Town) -> None:
    whole = await came(here, by_rest=True)
    here.headers = {"x-api-key": CITY}
    for flag in FLAGS:
        report = await filed(here, whole, flag)
        for path in (f"reports/{report.tracking}", "reports"):
            check("partner", (await here.get(f"{API}/{path}")).body.decode(), "REST")


async def test_another_partner_sees_what_everybody_sees(here: Town) -> None:
    whole = await came(here)
    asked = {"api_key": OTHERS, "extensions": "true"}
    for flag in FLAGS:
        report = await filed(here, whole, flag)
        heard = ""
        for path in (f"requests/{report.tracking}", "requests", "servicerequestupdates"):
            heard += (await here.get(f"{O311}/{path}.json", **asked)).body.decode()
        told = set() if flag in ("rahasia", "sensitive") else PUBLIC_WORDS
        assert fields(heard) <= told, flag
        assert bool(fields(heard)) == bool(told), flag
    here.headers = {"x-api-key": SLOW}
    assert (await here.get(f"{API}/reports/{whole.tracking}")).status == 404


class Bodies:
    """What an agency gets of a report by each way there is."""

    def __init__(self, here: Town, office: Office, agency: str) -> None:
        self._house, self._office, self._agency = here.house, office, agency
        block = {"method": "webhook", "url": office.url, "secret": SECRET}
        self._method = load(agency, block, public_url="http://kanal.localhost")
        self._calls = Deliver(here.house.store, {agency: self._method}, retry_after=())
        self._steps = {"queue": here.house.deliver, "webhook": self._calls}

    async def of(self, report: Report, flag: str) -> dict[str, str]:
        """Hand a report on by every way."""
        house = self._house
        for way, step in self._steps.items():
            async with house.store.unit() as unit:
                stored = await unit.reports.by_id(report.id)
                assert stored is not None
                cause = f"{flag} {way}"
                deliver(unit, stored.report, kind=events.ASSIGNED, cause=cause)
            assert await house.work(DELIVERIES, step) == {}
            if step is self._calls:
                lane = Lane(step.work(self._agency), house.store.lane_news, concurrency=1)
                assert await lane.once() == {}
        house.clock.pass_(minutes=5)
        listed = await house.store.deliveries.for_agency(self._agency, after="", most=50)
        return {
            "queue": (await house.for_agency(self._agency))[-1].body.decode(),
            "webhook": self._office.calls[-1][1].decode(),
            "list": listed[-1].text,
        }

    async def close(self) -> None:
        await self._method.close()


async def test_an_agency_sees_by_the_table(here: Town, office: Office) -> None:
    sent = await came(here)
    assert sent.assignment
    assert sent.assignment.agency
    bodies = Bodies(here, office, sent.assignment.agency.id)
    for flag in FLAGS:
        report = await filed(here, sent, flag)
        reader = "agency of anonim" if report.anonymous else "agency"
        column = READERS.index(reader)
        whole = report.model_dump(mode="json")
        for way, body in (await bodies.of(report, flag)).items():
            told = json.loads(body)["data"]
            check(reader, body, way)
            assert told["anonymous"] == report.anonymous, way
            assert ("Rina Misal" in body) != report.anonymous, way
            assert ("081234567890" in body) != report.anonymous, way
            for name, row in TABLE.items():
                if row[column] == "w":
                    assert told[name] == whole[name], (way, name)
                elif row[column] == "-":
                    assert told[name] in (None, [], ""), (way, name)
                elif whole[name]:
                    assert told[name] != whole[name] or name in PLAIN, (way, name)
    await bodies.close()


@asynccontextmanager
async def console(here: Town) -> AsyncIterator[Visitor]:
    """Open the console of a town to an operator."""
    services = here.house.services
    await services.accounts.set_password(NAME, PASSWORD)
    inside = routes(
        services.access,
        services.operators,
        services.triage,
        public_url="http://kanal.localhost/",
        secure_cookies=False,
        clock=here.house.clock,
        wall=here.house.clock,
        who=CallLimits("", proxied=False).caller,
        sections=sections(services),
    )
    app = Starlette(routes=[Mount("/console", routes=inside)])
    jar = aiohttp.CookieJar(unsafe=True)
    async with served(app) as url, aiohttp.ClientSession(cookie_jar=jar) as http:
        visitor = Visitor(f"{url}/console", http)
        await visitor.log_in()
        yield visitor


async def test_an_operator_sees_by_the_table(here: Town) -> None:
    whole = await came(here)
    async with console(here) as operator:
        for flag in FLAGS:
            report = await filed(here, whole, flag)
            response, _ = await operator.get(f"/find?q={format_number(report.tracking)}")
            assert response.headers["Location"].endswith(report.id)
            heard = ""
            for path in ("/", "/triage", "/public", f"/reports/{report.id}", "/parts/latest"):
                response, page = await operator.get(path)
                assert response.status == 200, path
                heard += page
                assert path != "/public" or (CANARY in page) == (flag == "open"), flag
            check("operator", heard, "operator")
            assert "Rina Misal" in heard
