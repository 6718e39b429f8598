"""Several methods of one agency at once: each delivery has a state of its own, and by whom."""

from typing import Any

import pytest
from pydantic import SecretStr

from adapters.load import BadBlock
from gateway.casework.agencies import Reply
from gateway.outbound import methods
from gateway.outbound.methods.base import Method, SeveralMethods
from gateway.store.rows import Delivery
from gateway.wire.queues import DELIVERIES, REPORTS
from tests.gateway.making import ROAD, URL, House, house, note
from tests.gateway.test_deliver import AGENCY, SECRET, Office, office

__all__ = ["office"]

HOOK = {"url": "https://agency.example/hook", "secret": SECRET}


def made(block: dict[str, Any]) -> Method:
    return methods.load(AGENCY, block, public_url=URL)


def test_several_methods_share_a_block_and_the_inbox_comes_first() -> None:
    both = made({"methods": ["webhook", "inbox"], "token": "t", "fetch_within_hours": 2, **HOOK})
    assert isinstance(both, SeveralMethods)
    assert [each.block.method for each in both.each] == ["inbox", "webhook"]
    assert {each.block.token for each in both.each} == {SecretStr("t")}
    assert both.block.fetch_within_hours == 2
    assert both.sender is both.each[1].sender is not None
    assert made({"methods": ["inbox"]}).block.method == "inbox"
    assert methods.names_by_agency({AGENCY: both, "pln": made({})}) == {
        AGENCY: ("inbox", "webhook")
    }
    assert methods.by_queue({AGENCY: made({"methods": ["inbox", "queue"]})}) == {AGENCY}


@pytest.mark.parametrize(
    ("block", "key", "text"),
    [
        ({"methods": "inbox"}, "methods", "a list of methods is wanted"),
        ({"methods": []}, "methods", "a list of methods is wanted"),
        ({"methods": ["inbox", "inbox"]}, "methods", "'inbox' stands there twice"),
        ({"methods": ["inbox", "fax"]}, "methods", "no method 'fax'"),
        ({"methods": ["inbox"], "method": "queue"}, "methods", "either method or methods"),
        ({"methods": ["inbox", "queue"], "url": "https://a.example"}, "url", "no method"),
        ({"methods": ["inbox", "webhook"], "secret": SECRET}, "url", "required"),
        ({"methods": ["inbox"], "fetch_within_hours": 0}, "fetch_within_hours", "greater"),
    ],
)
def test_a_fault_of_several_methods_is_named_by_its_key(
    block: dict[str, Any], key: str, text: str
) -> None:
    with pytest.raises(BadBlock) as caught:
        made(block)
    ((keys, message),) = caught.value.faults
    assert keys == (key,)
    assert text in message


async def _states(house: House) -> dict[str, str]:
    return {each.method: each.state for each in (await house.newest()).deliveries}


async def _by_method(house: House) -> dict[str, Delivery]:
    return {each.method: each for each in (await house.newest()).deliveries}


async def test_one_method_fails_while_the_other_is_read(
    office: Office, database_url: str, tmp_path: Any
) -> None:
    block = {"methods": ["inbox", "webhook"], "url": office.url, "secret": SECRET, "token": "t"}
    async with house(database_url, tmp_path, methods={AGENCY: block}) as built:
        office.script = [410]
        await built.take(note(ROAD))
        await built.work(REPORTS, built.route)
        assert await _states(built) == {"inbox": "pending", "webhook": "pending"}
        await built.work(DELIVERIES, built.deliver)
        assert await _states(built) == {"inbox": "placed", "webhook": "pending"}
        await built.call()
        assert await _states(built) == {"inbox": "placed", "webhook": "failed"}
        report = (await built.newest()).report
        async with built.store.unit() as unit:
            assert len(await unit.deliveries.fetch_inbox([report.id], [AGENCY], by="rini")) == 1
            assert await unit.deliveries.fetch_inbox([report.id], [AGENCY], by="budi") == set()
        async with built.store.unit() as unit:
            assert len(await unit.deliveries.read(report.id, AGENCY, by="budi")) == 1
            assert await unit.deliveries.read(report.id, AGENCY, by="rini") == set()
        rows = await _by_method(built)
        inbox, webhook = rows["inbox"], rows["webhook"]
        assert (inbox.state, inbox.fetched_by, inbox.read_by) == ("read", "rini", "budi")
        assert (webhook.state, webhook.fetched_by, webhook.read_by) == ("failed", "", "")
        assert webhook.repeats == inbox.id
        await built.store.replay()
        await built.work(DELIVERIES, built.deliver)
        await built.call()
        assert await _states(built) == {"inbox": "read", "webhook": "fetched"}
        assert [id for id, _ in office.calls] == [webhook.id] * 2


async def test_the_api_lists_each_report_once_and_a_machines_answer_reads_all(
    office: Office, sqlite_url: str, tmp_path: Any
) -> None:
    block = {"methods": ["inbox", "webhook"], "url": office.url, "secret": SECRET, "token": "t"}
    async with house(sqlite_url, tmp_path, methods={AGENCY: block}) as built:
        await built.take(note(ROAD))
        await built.work(REPORTS, built.route)
        await built.work(DELIVERIES, built.deliver)
        await built.call()
        built.clock.pass_(minutes=5)
        (event,) = await built.agencies.fetch(AGENCY, after="", most=9)
        rows = await _by_method(built)
        assert event.id == rows["inbox"].id
        assert await built.agencies.fetch(AGENCY, after=event.id, most=9) == []
        tracking = (await built.newest()).report.tracking
        await built.agencies.reply(AGENCY, tracking, Reply(kind="answer", text="ya"), key="k")
        rows = await _by_method(built)
        assert {each.state for each in rows.values()} == {"read"}
        assert {each.read_by for each in rows.values()} == {""}


async def test_opening_reads_the_inbox_alone(
    office: Office, sqlite_url: str, tmp_path: Any
) -> None:
    block = {"methods": ["inbox", "webhook"], "url": office.url, "secret": SECRET}
    async with house(sqlite_url, tmp_path, methods={AGENCY: block}) as built:
        await built.take(note(ROAD))
        await built.work(REPORTS, built.route)
        await built.work(DELIVERIES, built.deliver)
        await built.call()
        report = (await built.newest()).report
        async with built.store.unit() as unit:
            await unit.deliveries.read(report.id, AGENCY, by="rini")
        inbox = (await _by_method(built))["inbox"]
        assert await _states(built) == {"inbox": "read", "webhook": "fetched"}
        assert (inbox.fetched_by, inbox.fetched_at) == ("rini", inbox.read_at)
