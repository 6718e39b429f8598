"""What is said of a report on its way to an agency is never more than what happened."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config.words import LANGUAGES, words
from gateway.outbound.at_agency import stage, status_label
from gateway.store.rows import Delivery, DeliveryState
from gateway.wire.events import ASSIGNED, FOLLOWED_UP
from normalizer.report import Report, Status
from tests.gateway.making import ROAD, house
from tests.gateway.office import AGENCIES, report

NOW = datetime(2026, 3, 2, tzinfo=UTC)
OURS, OTHER = AGENCIES[0].id, AGENCIES[1].id


def sent(
    state: DeliveryState = "placed", method: str = "inbox", agency: str = OURS, **more: Any
) -> Delivery:
    event, at = more.get("event", ASSIGNED), more.get("created_at", NOW)
    return Delivery("d1", "r1", agency, event, at, method=method, state=state)


FORWARDED = report(1)
LATER = NOW + timedelta(hours=1)
TABLE = [
    (FORWARDED, (), "Ditujukan ke Instansi"),
    (FORWARDED, (sent("pending"),), "Ditujukan ke Instansi"),
    (FORWARDED, (sent("placed"),), "Ditujukan ke Instansi"),
    (FORWARDED, (sent("failed", "webhook"),), "Ditujukan ke Instansi"),
    (FORWARDED, (sent("withdrawn"),), "Ditujukan ke Instansi"),
    (FORWARDED, (sent("placed", "queue"),), "Disampaikan ke Instansi"),
    (FORWARDED, (sent("fetched"),), "Diterima Instansi"),
    (FORWARDED, (sent("read"),), "Dibaca Instansi"),
    (FORWARDED, (sent("failed", "webhook"), sent("read")), "Dibaca Instansi"),
    (FORWARDED, (sent("placed"), sent("fetched", "webhook")), "Diterima Instansi"),
    (FORWARDED, (sent("read", agency=OTHER),), "Ditujukan ke Instansi"),
    (FORWARDED, (sent("read"), sent("placed", created_at=LATER)), "Ditujukan ke Instansi"),
    (
        FORWARDED,
        (sent("read"), sent("placed", created_at=LATER, event=FOLLOWED_UP)),
        "Dibaca Instansi",
    ),
    (report(1, status=Status.IN_PROGRESS), (sent("read"),), "Dalam Proses"),
    (report(1, status=Status.TRIAGE), (sent("read"),), "Dalam Verifikasi"),
]


@pytest.mark.parametrize(("about", "deliveries", "label"), TABLE)
def test_a_status_says_no_more_than_what_happened(
    about: Report, deliveries: tuple[Delivery, ...], label: str
) -> None:
    assert status_label(about, deliveries, "id") == label
    assert status_label(about, deliveries, "en") != label


def test_there_are_words_for_every_step() -> None:
    for language in LANGUAGES:
        assert set(words("labels").table("at_agency", language)) == {"placed", "fetched", "read"}
    assert stage(FORWARDED, ()) == ""


async def test_a_citizen_who_asks_hears_how_far_it_came(sqlite_url: str, tmp_path: Any) -> None:
    async with house(sqlite_url, tmp_path, queues=False) as built:
        receipt = await built.say(ROAD)
        assert "Ditujukan ke Dinas" in receipt
        filed = await built.newest()
        number, agency = filed.report.tracking, filed.deliveries[0].agency_id
        assert "Ditujukan ke Instansi" in await built.say(f"STATUS {number}")
        async with built.store.unit() as unit:
            await unit.deliveries.fetch_inbox([filed.report.id], [agency], by="rini")
        assert "Diterima Instansi" in await built.say(f"STATUS {number}")
        async with built.store.unit() as unit:
            await unit.deliveries.read(filed.report.id, agency, by="rini")
        built.clock.pass_(hours=25)  # who asks the same again and again hears nothing for a while
        assert "Dibaca Instansi" in await built.say(f"STATUS {number}")
