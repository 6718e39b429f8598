"""The door: acknowledged means durable, nothing is dropped, nothing personal lies open."""

import asyncio
import json
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.contract import (
    RECEIVED_ON,
    AcceptedMessage,
    ChannelError,
    ChannelSettings,
    Inbound,
    Invalid,
    Malformed,
    Receipt,
    WebhookRequest,
    WebhookResponse,
)
from gateway.intake import forgeries
from gateway.intake.envelope import unpack
from gateway.intake.identity import LONGEST_ID
from gateway.intake.load import NotDurable
from gateway.platform.names import hash_name
from gateway.platform.seal import ENVELOPE, FILE, RAW
from gateway.store.rows import IntakeItem
from gateway.store.views import QuarantineView
from gateway.wire.queues import REPORTS
from tests.gateway.conftest import Away
from tests.gateway.making import (
    LAMP,
    NOWHERE,
    OTHER,
    ROAD,
    SOON,
    WHERE,
    WHO,
    House,
    Paper,
    hook,
    house,
    note,
    until_drained,
)


def _bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def _held(house: House) -> list[QuarantineView]:
    return await house.store.quarantine.latest(100)


async def test_a_message_is_durable_and_on_its_way_when_it_is_acknowledged(house: House) -> None:
    answer = await house.take(note(ROAD))
    assert (answer.status, answer.media_type, answer.body) == (200, "application/json", b"{}")
    assert await house.counted("messages") == 1
    assert await house.store.queue.depths() == {REPORTS: 1}
    assert await _held(house) == []


async def test_the_raw_hook_is_kept_and_can_be_read_again(house: House) -> None:
    sent = hook(note(ROAD))
    await house.door.receive_webhook(house.paper, sent)
    ((raw,),) = await house.rows("SELECT raw FROM messages")
    kept = unpack(house.seal.open(bytes(raw), RAW))
    assert kept == replace(sent, headers={**sent.headers, RECEIVED_ON: "2026-03-02"})


async def test_every_message_of_a_hook_is_taken(house: House) -> None:
    await house.take(*(note(f"{ROAD} {n}") for n in range(5)))
    assert await house.counted("messages") == 5
    assert (await house.take()).status == 200
    assert await house.counted("messages") == 5


async def test_a_message_repeated_at_once_is_taken_once(house: House) -> None:
    sent = note(ROAD, id="SM1")
    answers = await asyncio.gather(*(house.take(sent) for _ in range(20)))
    assert {answer.status for answer in answers} == {200}
    assert await house.counted("messages") == 1
    assert await house.store.queue.depths() == {REPORTS: 1}
    assert await _held(house) == []


@pytest.mark.parametrize(
    "change",
    [
        {"text": ROAD + "!"},
        {"from": OTHER},
        {"subject": "lain"},
        {"files": [("foto.txt", "x")]},
    ],
)
async def test_the_same_id_with_other_content_is_quarantined(
    lite: House, change: dict[str, Any]
) -> None:
    await lite.take(note(ROAD, id="SM1"))
    assert (await lite.take(note(ROAD, id="SM1") | change)).status == 200
    (view,) = await _held(lite)
    assert (view.reason, view.state) == ("same_id_other_content", "open")
    assert await lite.counted("messages") == 1


async def test_a_forged_hook_is_refused_and_quarantined_once(house: House) -> None:
    sent = hook(note(ROAD), proof="false")
    for _ in range(3):
        answer = await house.door.receive_webhook(house.paper, sent)
        assert (answer.status, answer.media_type) == (403, "application/problem+json")
        assert json.loads(answer.body)["status"] == 403
    (view,) = await _held(house)
    assert (view.reason, view.detail, view.state) == ("forged", "the proof does not fit", "open")
    assert view.size == len(sent.body)
    assert await house.counted("messages") == 0


async def test_strangers_leave_little_behind(lite: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgeries, "PER_HOUR", 3)
    for number in range(8):
        sent = hook(note(ROAD, id=f"SM{number}"), proof="false")
        assert (await lite.door.receive_webhook(lite.paper, sent)).status == 403
    views = await _held(lite)
    assert sorted(view.state for view in views) == ["noted", "open", "open", "open"]
    assert sum("only counted" in view.detail for view in views) == 1
    proven = type(sent)(sent.url, {"x-proof": "genuine"}, b"[7]")
    assert (
        await lite.door.receive_webhook(lite.paper, proven)
    ).status == 200  # a proven sender's is always kept
    assert len(await _held(lite)) == 5


async def test_a_large_forged_body_is_cut_and_says_so(lite: House) -> None:
    sent = hook(note(ROAD), proof="false")
    large = type(sent)(sent.url, sent.headers, sent.body + b" " * 200_000)
    assert (await lite.door.receive_webhook(lite.paper, large)).status == 403
    (view,) = await _held(lite)
    assert view.size == forgeries.BODY
    assert f"of {len(large.body)} bytes kept, sha256" in view.detail
    kept, _ = forgeries.cut(large)
    with pytest.raises(Malformed, match="kept_in_part"):
        await lite.door.readmit(lite.paper, kept, view.id, "forged")
    assert await lite.counted("messages") == 0


async def test_observe_only_takes_what_is_forged_and_notes_it(lite: House) -> None:
    lite.paper.block = ChannelSettings(type="paper", observe_only=True)
    assert (await lite.take(note(ROAD), proof="false")).status == 200
    assert await lite.counted("messages") == 1
    (view,) = await _held(lite)
    assert (view.reason, view.state) == ("forged", "noted")
    assert await lite.store.quarantine.count() == 0


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"no JSON", "malformed"),
        (b"\xff\x00", "malformed"),
        (b"[{}]", "unreadable"),
        (b"[7]", "unreadable"),
    ],
)
async def test_what_cannot_be_read_is_kept_and_not_asked_for_again(
    house: House, body: bytes, reason: str
) -> None:
    sent = type(hook())("http://kanal.localhost/in/paper", {"x-proof": "genuine"}, body)
    for _ in range(2):
        assert (await house.door.receive_webhook(house.paper, sent)).status == 200
    (view,) = await _held(house)
    assert (view.reason, view.state, view.size) == (reason, "open", len(body))


async def test_automatic_mail_is_noted_and_makes_no_report(lite: House) -> None:
    await lite.take(note("Saya sedang cuti", automatic="auto-replied"))
    assert await lite.work_all() == {}
    (view,) = await _held(lite)
    assert (view.reason, view.state, view.detail) == ("automatic", "noted", "auto-replied")
    assert await lite.store.quarantine.count() == 0
    assert await lite.counted("messages") == await lite.counted("reports") == 0
    assert lite.paper.carried == []


@pytest.mark.parametrize(
    ("states", "becomes"),
    [
        (["delivered"], "delivered"),
        (["failed"], "failed"),
        (["sent"], "sent"),
        (["delivered", "sent"], "delivered"),
        (["failed", "sent"], "failed"),
    ],
)
async def test_a_receipt_says_what_became_of_a_letter(
    house: House, states: list[str], becomes: str
) -> None:
    await house.say(ROAD)
    (_, sent) = house.paper.carried[0]
    for state in states:
        receipt = {"receipt": f"paper-{sent.id}", "state": state, "detail": "30003"}
        assert (await house.take(receipt)).status == 200
    (letter,) = [each for each in (await house.newest()).notifications if each.id == sent.id]
    assert letter.state == becomes
    assert await _held(house) == []
    assert await house.counted("due", "kind = 'receipt'") == 0, "what is ours is not looked for"


async def test_a_receipt_for_somebody_elses_message_is_a_note_and_changes_nothing(
    house: House,
) -> None:
    await house.say(ROAD)
    before = await house.rows("SELECT * FROM notifications ORDER BY id")
    assert (await house.take({"receipt": "SM-unknown", "state": "failed"})).status == 200
    assert (await house.take({"receipt": "SM-unknown", "state": "sent"})).status == 200
    for _ in range(8):
        assert await house.services.receipts.turn() == 0
        house.clock.pass_(minutes=9)
    assert await house.rows("SELECT * FROM notifications ORDER BY id") == before
    (view,) = await _held(house)
    assert (view.reason, view.state) == ("receipt", "noted")
    assert await house.counted("due") == 0, "it is not looked for without end"


async def test_a_receipt_that_was_faster_than_our_commit_is_noted_later(house: House) -> None:
    await house.report(ROAD)
    assert (await house.take({"receipt": "early", "state": "delivered"})).status == 200
    assert await house.services.receipts.turn() == 0
    name = hash_name(house.seal, "paper", "early")
    await house.change(f"UPDATE notifications SET provider_id = '{name}'")
    house.clock.pass_(seconds=5)
    assert await house.services.receipts.turn() == 1
    (letter,) = (await house.newest()).notifications
    assert letter.state == "delivered"
    assert await _held(house) == []
    assert await house.rows("SELECT state, done_by FROM quarantine") == [("released", "gateway")]


@pytest.mark.parametrize(
    "id",
    ["x" * (LONGEST_ID + 1), "y" * 100_000, "nul \x00", "half \ud800", "line\nbreak", "é" * 200],
)
async def test_an_id_too_long_or_too_odd_for_an_index_still_makes_repeats(
    house: House, id: str
) -> None:
    for _ in range(2):
        assert (await house.take(note(ROAD, id=id))).status == 200
    await house.take(note(NOWHERE, id=id + "."))
    assert await house.counted("messages") == 2
    assert await _held(house) == []
    assert await house.work_all() == {}
    assert await house.counted("reports") == 2


POISON = {
    "half a surrogate in the account": {"account": "17\ud80008"},
    "half a surrogate in the address": {"from": "+6281234567\ud800"},
}


@pytest.mark.parametrize("poison", POISON)
async def test_a_poison_message_fails_alone_and_is_quarantined(house: House, poison: str) -> None:
    good = [house.take(note(f"{ROAD} {n}")) for n in range(50)]
    answers = await asyncio.gather(*good[:25], house.take(note(ROAD) | POISON[poison]), *good[25:])
    assert {answer.status for answer in answers} == {200}
    assert await house.counted("messages") == 50
    (view,) = await _held(house)
    assert view.reason in ("unstorable", "unreadable")
    assert view.state == "open"


async def test_nul_is_no_poison_on_either_database(house: House) -> None:
    more: dict[str, Any] = {
        "name": "a\x00b",
        "subject": "s\x00",
        "files": [("f\x00", "x")],
        "thread": ["<a\x00>"],
    }
    assert (await house.take(note(f"{ROAD}\x00", **more))).status == 200
    await house.work_all()
    assert await house.counted("reports") == 1
    assert await _held(house) == []


async def test_while_the_database_is_away_messages_are_spooled_and_drained_once(
    database_url: str, tmp_path: Path, away: Away
) -> None:
    async with house(database_url, tmp_path, timeout=2.0) as built:
        sent = [note(f"{ROAD} {n}") for n in range(30)]
        with away():
            async with asyncio.timeout(SOON):
                answers = await asyncio.gather(*(built.take(each) for each in sent))
                answers += [await built.take(note(NOWHERE), proof="false")]
            assert [answer.status for answer in answers] == [200] * 30 + [403]
            assert built.commits.spooled > 0
            assert WHO[3:].encode() not in _bytes_of(tmp_path / "spool")
        await asyncio.gather(*(built.take(each) for each in sent))  # the provider asks again
        await until_drained(built.commits)
        assert await built.counted("messages") == 30
        assert await built.counted("quarantine") == 1
        assert await built.work_all() == {}
        assert await built.counted("reports") == 30


async def test_with_database_and_spool_gone_nothing_is_acknowledged(
    database_url: str, tmp_path: Path, away: Away
) -> None:
    async with house(database_url, tmp_path, timeout=2.0) as built:
        (tmp_path / "spool" / "tmp").rmdir()
        with away():
            for proof in ("genuine", "false"):
                with pytest.raises(NotDurable):
                    await built.take(note(ROAD), proof=proof)
        assert await built.counted("messages") == 0


async def test_whoever_comes_during_a_commit_shares_the_next_one(
    lite: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    take_in = lite.store.take_in

    async def counting(batch: list[IntakeItem]) -> set[str]:
        sizes.append(len(batch))
        return await take_in(batch)

    monkeypatch.setattr(lite.store, "take_in", counting)
    await asyncio.gather(*(lite.take(note(f"{ROAD} {n}")) for n in range(120)))
    assert sum(sizes) == 120
    assert len(sizes) <= 4


async def test_the_database_file_names_nobody(lite: House, sqlite_url: str, tmp_path: Path) -> None:
    name = "Sulastri Wijayakusuma"
    await lite.say(ROAD, name=name)
    await lite.say(NOWHERE, OTHER, name=name)
    await lite.take(note(ROAD, name=name), proof="false")
    await lite.take(note(ROAD, name=name, automatic="auto-replied"))
    await lite.take({"from": WHO, "text": name})
    await lite.store.close()
    whole = _bytes_of(tmp_path)
    assert b"berlubang" in whole  # what was searched is what was written
    for secret in (WHO[1:], WHO[3:], OTHER[3:], name, "Sulastri"):
        assert secret.encode() not in whole, secret


async def _released(house: House) -> int:
    """Let the door take again the one thing that is quarantined, as the operators' desk does."""
    (view,) = await _held(house)
    ((envelope,),) = await house.rows("SELECT envelope FROM quarantine")
    purpose = RAW if view.reason == "same_id_other_content" else ENVELOPE
    kept = unpack(house.seal.open(bytes(envelope), purpose))
    return await house.door.readmit(house.paper, kept, view.id, view.reason)


@pytest.mark.parametrize("why", ["forged", "automatic"])
async def test_what_an_operator_releases_becomes_a_report_once(lite: House, why: str) -> None:
    more = {"automatic": "list mail"} if why == "automatic" else {}
    await lite.take(note(ROAD, **more), proof="false" if why == "forged" else "genuine")
    for _ in range(2):
        assert await _released(lite) == 1
    assert await lite.work_all() == {}
    assert (await lite.newest()).report.text == ROAD
    assert await lite.counted("reports") == 1
    assert len(lite.paper.told()) == 1


async def test_what_only_looked_like_a_repeat_can_be_released_beside_the_first(
    lite: House,
) -> None:
    await lite.take(note(ROAD, id="SM1"))
    await lite.take(note(NOWHERE, id="SM1"))
    for _ in range(2):
        assert await _released(lite) == 1
    assert await lite.work_all() == {}
    texts = {report.text for report in await lite.store.reports.latest(10)}
    assert texts == {ROAD, NOWHERE}


async def test_what_holds_no_message_cannot_be_released(lite: House) -> None:
    await lite.take(proof="false")
    with pytest.raises(Malformed):
        await _released(lite)


class Counter(Paper):
    """A channel that tells the sender at once what became of each message."""

    def reply(self, hook: WebhookRequest, filed: Sequence[AcceptedMessage]) -> WebhookResponse:
        told = [{"id": f.inbound.external_id, "number": f.tracking, "key": f.secret} for f in filed]
        return WebhookResponse(201, "application/json", json.dumps(told).encode())

    def refusal(self, hook: WebhookRequest, error: ChannelError) -> WebhookResponse | None:
        return WebhookResponse(422, "text/plain", str(error).encode())

    def parse(self, hook: WebhookRequest) -> list[Inbound | Receipt]:
        if b"no text" in hook.body:
            raise Invalid(["text: write what happened", "from: who are you"])
        return super().parse(hook)


async def test_the_sender_is_told_a_number_that_every_repeat_repeats(lite: House) -> None:
    counter = Counter()
    sent = hook(note(ROAD, id="1"), note(LAMP, id="2"))
    first = await lite.door.receive_webhook(counter, sent)
    again = await lite.door.receive_webhook(counter, sent)
    assert (first.status, first.body) == (201, again.body)
    told = json.loads(first.body)
    assert [each["id"] for each in told] == ["1", "2"]
    assert len({each["number"] for each in told} | {each["key"] for each in told}) == 4
    assert await lite.work_all() == {}
    for each in told:
        assert (await lite.file(each["number"])).report.origin.external_id == hash_name(
            lite.seal, "paper", each["id"]
        )


async def test_the_number_of_an_added_message_finds_the_report_it_was_added_to(lite: House) -> None:
    counter = Counter()
    file = await lite.report(NOWHERE)
    (told,) = json.loads((await lite.door.receive_webhook(counter, hook(note(WHERE, id="2")))).body)
    assert await lite.work_all() == {}
    assert told["number"] != file.report.tracking
    assert (await lite.file(told["number"])).report.id == file.report.id
    said = await lite.say(f"STATUS {told['number']}")
    assert file.report.tracking in said.replace("-", "")


async def test_what_the_sender_can_mend_is_told_and_not_quarantined(lite: House) -> None:
    answer = await lite.door.receive_webhook(Counter(), hook(note("no text")))
    assert (answer.status, answer.body) == (422, b"text: write what happened; from: who are you")
    assert await _held(lite) == []
    forged = await lite.door.receive_webhook(Counter(), hook(note(ROAD), proof="none"))
    assert (forged.status, forged.body) == (422, b"the proof does not fit")
    assert [held.reason for held in await _held(lite)] == ["forged"]


@pytest.mark.parametrize(("kibibytes", "beside"), [(1, False), (600, True)])
@pytest.mark.parametrize("proof", ["genuine", "false"])
async def test_what_costs_by_the_byte_is_done_beside_the_loop(
    lite: House, monkeypatch: pytest.MonkeyPatch, kibibytes: int, beside: bool, proof: str
) -> None:
    """A form of 14 MB held up the loop for 143 ms: every door's large bodies go beside it."""
    main, seen = threading.get_ident(), []
    close = lite.seal.close

    def noted(plain: bytes, purpose: str) -> bytes:
        if purpose in (RAW, FILE, ENVELOPE):
            seen.append(threading.get_ident() != main)
        return close(plain, purpose)

    monkeypatch.setattr(lite.seal, "close", noted)
    monkeypatch.setattr(forgeries, "BODY", 10**9)
    await lite.take(note(ROAD, files=[("a.txt", "x" * kibibytes * 1024)]), proof=proof)
    assert seen
    assert set(seen) == {beside}
