"""Citizens who cannot be written to: their answers are held in view, and sent when that ends."""

from typing import Any

import pytest

from adapters.contract import OptedOut, Outgoing
from gateway.broker.base import Later
from gateway.store.views import NotificationView
from gateway.wire.queues import NOTIFICATIONS
from tests.gateway.making import LAMP, OTHER, ROAD, WHO, House, note

BLOCKED = "the citizen has blocked the bot"


async def _answers(house: House) -> list[NotificationView]:
    return list((await house.newest()).notifications)


async def _say(house: House, text: str, who: str = WHO, **more: Any) -> list[str]:
    """Let a citizen write and return all they are told then."""
    before = len(house.paper.told(who))
    await house.take(note(text, who, **more))
    assert await house.work_all() == {}
    return house.paper.told(who)[before:]


async def _silenced(house: House, until: str = "writes") -> None:
    """Let a citizen report who cannot be answered."""
    house.paper.fails = [OptedOut(BLOCKED, until=until)]  # type: ignore[arg-type]
    assert await _say(house, ROAD) == []


async def test_an_answer_that_cannot_reach_its_reader_now_is_held_in_view(house: House) -> None:
    await _silenced(house)
    (letter,) = await _answers(house)
    assert (letter.state, letter.detail) == ("held", BLOCKED)
    (channel,) = await house.store.overview.channels(["paper"])
    assert (channel.waiting_out, channel.held_out, channel.failed_out) == (0, 1, 0)
    assert (await house.store.queue.depths()).get(NOTIFICATIONS, 0) == 0, "nobody tries it again"


async def test_nothing_more_is_tried_until_the_citizen_writes_and_then_all_is_sent(
    house: House,
) -> None:
    await _silenced(house)
    report = (await house.newest()).report
    async with house.store.unit() as unit:
        house.notifier.notify(unit, report, "Regu turun besok.", cause="agency")
    assert await house.work_all() == {}
    assert house.paper.carried == []
    assert [each.state for each in await _answers(house)] == ["held", "held"]
    told = await _say(house, f"STATUS {report.tracking}")
    assert len(told) == 3
    assert "Regu turun besok." in told
    assert [each.state for each in await _answers(house)] == ["sent"] * 3
    assert await house.counted("silences") == 0


async def test_others_are_answered_meanwhile(lite: House) -> None:
    await _silenced(lite)
    assert len(await _say(lite, LAMP, OTHER)) == 1


async def test_who_said_stop_is_heard_and_told_nothing_until_start(house: House) -> None:
    assert len(await _say(house, ROAD)) == 1
    assert await _say(house, "STOP", wants="stop") == []
    assert await house.counted("reports") == 1, "STOP is no report"
    assert await _say(house, LAMP) == []
    assert await house.counted("reports") == 2
    assert [each.state for each in await _answers(house)] == ["held"]
    (told,) = await _say(house, "START", wants="start")
    assert "Wonocolo" not in told
    assert "nomor" in told
    assert len(await _say(house, "STATUS")) == 1


async def test_start_from_somebody_who_never_stopped_is_a_question(lite: House) -> None:
    (told,) = await _say(lite, "START", wants="start")
    assert "apa yang terjadi dan di mana" in told


async def test_a_refusal_until_start_is_not_ended_by_words(lite: House) -> None:
    await _silenced(lite, until="starts")
    assert await _say(lite, LAMP) == []
    assert len(await _say(lite, "START", wants="start")) == 2


async def test_stop_outweighs_a_silence_that_words_would_end(lite: House) -> None:
    await _silenced(lite)
    await _say(lite, "STOP", wants="stop")
    await _silenced(lite)
    assert await _say(lite, LAMP) == []


async def _receipt(house: House, **more: Any) -> None:
    """Let the provider say later that an answer failed."""
    ((name,),) = await house.rows("SELECT provider_id FROM notifications")
    await house.take({"receipt": name, "state": "failed", "detail": "63016", **more})
    assert await house.work_all() == {}


async def test_an_answer_that_failed_after_it_was_sent_is_held_too(house: House) -> None:
    await _say(house, ROAD)
    await _receipt(house, until="writes")
    (letter,) = await _answers(house)
    assert (letter.state, letter.detail) == ("held", "63016")
    assert len(house.paper.carried) == 1
    assert len(await _say(house, "STATUS")) == 2


async def test_where_there_is_another_way_to_the_reader_it_is_sent_by_that(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(house.paper), "opens", True)
    await _say(house, ROAD)
    await _receipt(house, until="writes")
    told = [(letter.id, letter.silenced) for _, letter in house.paper.carried]
    assert [silenced for _, silenced in told] == [False, True]
    assert told[0][0] == told[1][0]
    assert [each.state for each in await _answers(house)] == ["sent"]


async def test_that_way_is_closed_to_who_said_stop(
    lite: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(lite.paper), "opens", True)
    await _say(lite, "STOP", wants="stop")
    assert await _say(lite, ROAD) == []


async def test_a_receipt_for_nobodys_letter_changes_nothing(lite: House) -> None:
    await _say(lite, ROAD)
    await lite.take({"receipt": "unknown", "state": "failed", "until": "writes"})
    assert await lite.counted("silences") == 0
    assert [each.state for each in await _answers(lite)] == ["sent"]


async def test_who_writes_while_a_letter_is_about_to_be_held_gets_it(lite: House) -> None:
    await _silenced(lite)
    report = (await lite.newest()).report
    async with lite.store.unit() as unit:
        lite.notifier.notify(unit, report, "Regu turun besok.", cause="agency")
    notify = lite.services.notify
    original = notify._file

    async def written_meanwhile(*arguments: Any) -> Any:
        unit = arguments[0]
        await unit.opt_outs.end(report.reporter.ref)
        return await original(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(notify, "_file", written_meanwhile)
        assert [type(each) for each in (await lite.notify()).values()] == [Later], "it comes again"
    await lite.hurry()
    assert await lite.notify() == {}
    assert lite.paper.told() == ["Regu turun besok."]
    assert isinstance(lite.paper.carried[0][1], Outgoing)
