"""Hiding and showing who wrote: what is said is true, and only its owner opens a report."""

import json
from dataclasses import replace
from typing import Any

import pytest

from adapters.contract import Inbound, Receipt, WebhookRequest
from gateway.store.views import ReportFile
from gateway.wire.queues import DELIVERIES
from normalizer.report import Status
from normalizer.tracking import format_number
from tests.gateway.making import LAMP, NOWHERE, OTHER, ROAD, House, Paper, note

PAPERS = "Nama saya Budi Misal, KTP saya belum jadi di dukcapil Kota Bandung"
"""Names its writer, and is about a matter in which the agency needs to know who asks."""
NAMED = f"{ROAD}. Nama saya Budi Misal"


async def told_agency(house: House, file: ReportFile) -> list[dict[str, Any]]:
    """Return what the agency was sent, oldest first."""
    return [each["data"] for each in await house.handed_over(file)]


async def again(house: House, file: ReportFile) -> ReportFile:
    return await house.file(file.report.tracking)


@pytest.mark.parametrize(
    ("text", "said", "silent"),
    [
        (f"ANONIM {ROAD}", ["ANONIM:"], ["RAHASIA:"]),
        (f"RAHASIA {ROAD}", ["RAHASIA:"], ["ANONIM:"]),
        (f"{ROAD}, tolong nama saya jangan disebut dan laporan ini dirahasiakan", ["ANONIM:"], []),
        (f"RAHASIA ANONIM {ROAD}", ["ANONIM:", "RAHASIA:"], []),
        (f"ANONIM {NOWHERE}", ["ANONIM:"], []),
        (f"{ROAD}. saya takut ketahuan", ["ANONIM:"], []),
        (ROAD, [], ["ANONIM:", "RAHASIA:", "BUKA NAMA"]),
        ("anonymous: street light broken in Wonocolo Surabaya for a week", ["ANONYMOUS:"], []),
    ],
)
async def test_a_receipt_says_what_is_hidden(
    lite: House, text: str, said: list[str], silent: list[str]
) -> None:
    receipt = await lite.say(text)
    assert all(word in receipt for word in said), receipt
    assert not any(word in receipt for word in silent), receipt


class Square(Paper):
    """A channel on which everybody reads along."""

    def parse(self, hook: WebhookRequest) -> list[Inbound | Receipt]:
        found = super().parse(hook)
        return [replace(i, in_public=True) if isinstance(i, Inbound) else i for i in found]


async def test_in_a_public_place_the_receipt_says_that_it_is_read_there(lite: House) -> None:
    square = Square("paper")
    for text, warned in ((f"ANONIM {ROAD}", True), (LAMP, False)):
        body = json.dumps([note(text, OTHER)]).encode()
        await lite.door.receive_webhook(
            square, WebhookRequest("http://x/in/paper", {"x-proof": "genuine"}, body)
        )
        await lite.work_all()
        assert ("terbaca orang lain" in lite.paper.told(OTHER)[-1]) is warned


@pytest.mark.parametrize(
    "words",
    [
        "tolong nama saya dirahasiakan ya pak",
        "jangan kasih tau siapa2 ya pak kalau saya yg lapor",
        "aja kandha sapa-sapa ya pak nek aku sing lapor",
        "tolong jangan sebut nama saya, soalnya saya takut sama orangnya",
        "please keep my name secret",
        "pak soal laporan tadi, nama saya disembunyikan aja ya takut tetangga marah",
        "jangan sampai merembet ke saya ya pak",
        "please keep me out of it, I would lose my job",
    ],
)
@pytest.mark.parametrize("days", [0, 3])
async def test_a_wish_in_own_words_hides_the_report_it_is_about(
    lite: House, words: str, days: int
) -> None:
    first = await lite.report(NAMED)
    lite.clock.pass_(days=days)
    answer = await lite.say(words)
    file = await again(lite, first)
    assert file.report.anonymous
    assert await lite.counted("reports") == 1
    assert "sudah terkirim tidak dapat ditarik" in answer or "cannot be recalled" in answer
    before, after = await told_agency(lite, file)
    assert ("Budi" in str(before), "Budi" in str(after)) == (True, False)
    assert after["anonymous"]


async def test_a_wish_afterwards_hides_every_message(lite: House) -> None:
    first = await lite.report(ROAD)
    number = format_number(first.report.tracking)
    for words in ("nama saya Budi Santoso", "hubungi saya di 081234567890", "rumah saya nomor 7"):
        await lite.take(note(f"{number} lubangnya makin dalam, {words}"))
        assert await lite.work_all() == {}
    await lite.say(f"{number} ANONIM")
    *_, told = await told_agency(lite, await again(lite, first))
    assert told["anonymous"]
    assert len(told["messages"]) == 4
    for each in told["messages"]:
        assert each["reporter"] == {"ref": "", "sealed": ""}
        assert each["origin"]["external_id"] == ""
        assert each["origin"]["sealed"] == {}
    assert not any(secret in json.dumps(told) for secret in ("Budi", "081234567890"))


async def test_a_wish_that_no_rule_knows_leaves_masked(lite: House) -> None:
    file = await lite.report(f"{NAMED}. Kalau ketahuan saya bisa dipecat")
    (sent,) = await told_agency(lite, file)
    assert sent["anonymous"]
    assert not sent["reporter"]["ref"]
    assert "Budi" not in json.dumps(sent)


async def test_what_was_not_sent_yet_is_said_and_leaves_masked(lite: House) -> None:
    await lite.take(note(NAMED))
    await lite.work("reports", lite.route)  # the agency cannot be reached
    first = await lite.newest()
    await lite.take(note("anonim"))
    await lite.work("reports", lite.route)
    file = await again(lite, first)
    assert file.deliveries
    assert "belum terkirim" in [e.text for e in file.notifications][-1]
    assert await lite.work(DELIVERIES, lite.deliver) == {}
    agency = file.report.assignment and file.report.assignment.agency
    assert agency
    sent = [json.loads(m.body)["data"] for m in await lite.for_agency(agency.id)]
    assert len(sent) == 2
    assert all(each["anonymous"] and not each["reporter"]["ref"] for each in sent)
    assert not any("Budi" in json.dumps(each) for each in sent)


@pytest.mark.parametrize("consent", ["BUKA NAMA", "ya", "iya pak"])
@pytest.mark.parametrize("words", ["boleh pakai nama saya", "batal anonim"])
async def test_the_owner_is_asked_and_only_then_shown(
    lite: House, words: str, consent: str
) -> None:
    first = await lite.report(f"ANONIM {NAMED}")
    asked = await lite.say(words)
    assert "tidak dapat ditarik" in asked
    assert (await again(lite, first)).report.anonymous
    answer = await lite.say(consent)
    file = await again(lite, first)
    assert "tidak lagi anonim" in answer
    assert (file.report.anonymous, file.report.public) == (False, False)
    before, after = await told_agency(lite, file)
    assert ("Budi" in str(before), "Budi" in str(after)) == (False, True)
    assert after["reporter"]["sealed"] == ""
    assert await lite.counted("reports") == 1


@pytest.mark.parametrize(
    "said",
    [("BUKA NAMA",), ("batal anonim", "tetap anonim", "ya"), ("batal anonim", "batal anonim")],
)
async def test_nothing_opens_without_question_and_consent(
    lite: House, said: tuple[str, ...]
) -> None:
    first = await lite.report(f"ANONIM {NAMED}")
    for words in said:
        await lite.say(words)
    assert (await again(lite, first)).report.anonymous


async def test_a_late_yes_opens_nothing(lite: House) -> None:
    first = await lite.report(f"ANONIM {NAMED}")
    await lite.say("batal anonim")
    lite.clock.pass_(days=2)
    await lite.say("ya")
    assert (await again(lite, first)).report.anonymous


@pytest.mark.parametrize("words", ["batal anonim {n}", "BUKA NAMA {n}", "ya {n}", "BUKA NAMA"])
async def test_nobody_else_opens_a_report(lite: House, words: str) -> None:
    first = await lite.report(f"ANONIM {PAPERS}")
    await lite.say("batal anonim")
    await lite.say(words.format(n=format_number(first.report.tracking)), OTHER)
    assert (await again(lite, first)).report.anonymous


async def test_a_secret_report_is_opened_by_its_own_words(lite: House) -> None:
    first = await lite.report(f"RAHASIA ANONIM {ROAD}")
    assert "BUKA LAPORAN" in await lite.say("tidak perlu dirahasiakan lagi")
    await lite.say("BUKA LAPORAN")
    report = (await again(lite, first)).report
    assert (report.anonymous, report.confidential) == (True, False)


async def test_who_is_not_hidden_is_told_so(lite: House) -> None:
    await lite.report()
    assert "memang tidak anonim" in await lite.say("batal anonim")
    assert await lite.counted("reports") == 1


async def test_a_matter_with_such_words_is_a_report(lite: House) -> None:
    await lite.report(f"ANONIM {ROAD}")
    await lite.say(f"{LAMP}, silakan sebut nama saya")
    assert await lite.counted("reports") == 2


async def test_an_agency_that_needs_to_know_gets_it_masked_until_its_owner_agrees(
    lite: House,
) -> None:
    receipt = await lite.say(f"ANONIM {PAPERS}")
    first = await lite.newest()
    assert "BUKA NAMA" in receipt
    assert "TETAP ANONIM" in receipt
    assert lite.paper.carried[-1][1].choices == ("BUKA NAMA", "TETAP ANONIM")
    (sent,) = await told_agency(lite, first)
    assert "Budi" not in json.dumps(sent)
    assert "tidak lagi anonim" in await lite.say("BUKA NAMA")
    assert "Budi" in (await told_agency(lite, await again(lite, first)))[-1]["messages"][0]["text"]


@pytest.mark.parametrize(
    "words", ["TETAP ANONIM", "saya tetap mau anonim", "jangan sebut nama saya"]
)
async def test_who_objects_stays_hidden_and_hears_what_that_costs(lite: House, words: str) -> None:
    first = await lite.report(f"ANONIM {PAPERS}")
    answer = await lite.say(words)
    assert "tetap ANONIM" in answer
    assert "mungkin tidak dapat" in answer
    file = await again(lite, first)
    assert (file.report.anonymous, len(await told_agency(lite, file))) == (True, 1)


async def test_who_hides_such_a_report_later_is_told_too(lite: House) -> None:
    first = await lite.report(PAPERS)
    answer = await lite.say("anonim")
    assert "BUKA NAMA" in answer
    assert "Budi" not in json.dumps((await told_agency(lite, await again(lite, first)))[-1])


async def test_other_matters_ask_for_no_identity(lite: House) -> None:
    assert "BUKA NAMA" not in await lite.say(f"ANONIM {ROAD}")


async def test_an_addition_that_hides_says_so(lite: House) -> None:
    first = await lite.report(thread=["m1"])
    answer = await lite.say(f"anonim, lubangnya makin dalam {format_number(first.report.tracking)}")
    assert "ANONIM:" in answer
    assert (await again(lite, first)).report.anonymous
    assert first.report.status is Status.FORWARDED
