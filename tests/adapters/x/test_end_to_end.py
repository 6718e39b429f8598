"""X through the whole gateway: a conversation in public, a spent budget, and an outage."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from config.settings import load
from demo.x_double import Keys, XServer
from gateway.assembly import assemble
from gateway.models import registry
from gateway.models.registry import Draft, Score
from gateway.platform.names import hash_name
from gateway.process import Kanal
from normalizer.report import Status
from normalizer.tracking import mentions
from tests.adapters.examples import EXAMPLES, X_KEYS
from tests.gateway.making import LAMP, NOWHERE, WHERE
from tests.router import test_kinds

CITIZEN, NEIGHBOUR = "620011", "620012"
WITHIN = 60.0


@pytest.fixture
async def server() -> AsyncIterator[XServer]:
    async with XServer(Keys(**X_KEYS)) as server:
        yield server


@asynccontextmanager
async def running(
    server: XServer, folder: Path, *roles: str, **changes: Any
) -> AsyncIterator[Kanal]:
    """Run the gateway with an account; it goes on where the last one in ``folder`` stopped."""
    pace = {"every_seconds": 0.5, "sends_per_second": 100}
    block = {**EXAMPLES["x"], "api_base": server.url, **pace, **changes}
    kanal = Kanal(
        assemble(
            load(
                server={"data_dir": folder, "port": 0},
                mail_server={"enabled": False},
                channels={"x": block},
            )
        )
    )
    await kanal.start(roles or ("worker", "poller"))
    try:
        yield kanal
    finally:
        await kanal.stop()


async def hears(server: XServer, count: int) -> str:
    """Wait until we posted so often; return the newest."""
    await server.wait_for(lambda _: len(server.sent) >= count, WITHIN)
    return server.sent[count - 1].text


async def test_a_conversation_ties_up_by_its_posts(server: XServer, tmp_path: Path) -> None:
    first = server.post(CITIZEN, f"@lapor_contoh #lapor {NOWHERE}")
    async with running(server, tmp_path) as kanal:
        (tracking,) = mentions(await hears(server, 1))
        asked = server.sent[0].id
        server.post(NEIGHBOUR, "@warga_620011 @lapor_contoh setuju!", reply_to=first)
        server.post(CITIZEN, f"@lapor_contoh {WHERE}", reply_to=asked)
        assert tracking in list(mentions(await hears(server, 2)))
        (report,) = await kanal.services.store.reports.latest(10)
        assert (report.tracking, report.status) == (tracking, Status.FORWARDED)
    assert [sent.reply_to for sent in server.sent] == [first, first]


async def test_talk_that_mentions_us_is_kept_for_an_operator_and_not_answered(
    server: XServer, tmp_path: Path
) -> None:
    score = Score(rows=1, top1=1, top3=1, coverage_90=1, coverage_95=1, calibration_error=0)
    draft = Draft("kind", 1, score, "", test_kinds.weights(), lambda path: path.touch())
    registry.save(tmp_path / "models", draft)
    joke = server.post(NEIGHBOUR, f"@lapor_contoh wkwk {LAMP}")
    report = server.post(CITIZEN, f"@lapor_contoh {LAMP} berlubang")
    async with running(server, tmp_path) as kanal:
        await hears(server, 1)
        filed = {
            each.origin.external_id: each.status
            for each in await kanal.services.store.reports.latest(10)
        }
    statuses = {joke: Status.TRIAGE, report: Status.FORWARDED}
    assert filed == {
        hash_name(kanal.services.seal, "x", post): status for post, status in statuses.items()
    }
    assert [sent.reply_to for sent in server.sent] == [report]


async def test_what_was_posted_in_an_outage_is_filed_once(server: XServer, tmp_path: Path) -> None:
    server.post(CITIZEN, f"@lapor_contoh {LAMP}")
    async with running(server, tmp_path):
        await hears(server, 1)
    for n in range(1, 21):
        server.post(f"63{n:04}", f"@lapor_contoh {LAMP}")
    async with running(server, tmp_path) as kanal:
        await hears(server, 21)
        reports = await kanal.services.store.reports.latest(100)
        assert await kanal.services.store.quarantine.count() == 0
    assert len(reports) == len({report.origin.external_id for report in reports}) == 21
    assert len(server.sent) == 21


async def test_a_spent_budget_is_seen_and_what_came_meanwhile_is_read_later(
    server: XServer, tmp_path: Path
) -> None:
    for n in range(12):
        server.post(f"63{n:04}", f"@lapor_contoh {LAMP}")
    async with running(server, tmp_path, "worker", reads_per_month=8) as kanal:
        for _ in range(2):
            await kanal.services.pollings["x"].turn()
        await hears(server, 8)
        reading = (await kanal.services.store.cursors.status())["x", "poll"]
        assert reading.failures == 1
        assert reading.error.startswith("the budget of 8 reads for 20")
        await kanal.services.pollings[
            "x"
        ]._cursor.release()  # as the poller role does when it stops
    async with running(server, tmp_path, "worker", reads_per_month=100) as kanal:
        assert await kanal.services.pollings["x"].once() == 4
        await hears(server, 12)
        assert len(await kanal.services.store.reports.latest(100)) == 12
