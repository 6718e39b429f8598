"""Answers as replies and direct messages, the secrets and the settings."""

import json
import logging
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.contract import ChannelError, Outgoing, Refused, Throttled, Unreachable
from adapters.load import BadBlock
from adapters.x.api import MENDABLE, REFUSALS
from adapters.x.channel import X
from adapters.x.text_length import fit_text, weight
from demo.x_double import Failure, Json, XServer, problem
from tests.adapters.examples import X_KEYS
from tests.adapters.x.posts import CITIZEN, HTML, answering, post, x

# Answers.


async def test_an_answer_is_a_reply_to_the_newest_post(server: XServer, account: X) -> None:
    first = server.post(CITIZEN, "@lapor_contoh halo")
    second = server.post(CITIZEN, "@lapor_contoh lagi", reply_to=first)
    id = await account.send(CITIZEN, Outgoing("1", "Di mana? é", thread=(first, "<m@x>", second)))
    (sent,) = server.sent
    assert (sent.id, sent.text, sent.reply_to) == (id, "Di mana? é", second)
    assert (await account.poll("")).items[-1].external_id == second, "our own is not read"  # type: ignore[union-attr]


async def test_what_answers_no_post_is_a_direct_message(server: XServer, account: X) -> None:
    server.user(CITIZEN, "sri_w")
    id = await account.send(CITIZEN, Outgoing("1", "halo " * 100))
    (sent,) = server.sent
    assert (sent.id, sent.participant, sent.text) == (id, CITIZEN, "halo " * 100)


async def test_an_answer_is_cut_to_what_x_takes(server: XServer, account: X) -> None:
    about = server.post(CITIZEN, "@lapor_contoh halo")
    text = "Jalan itu kami perbaiki pekan depan. " * 20
    await account.send(CITIZEN, Outgoing("1", text, thread=(about,)))
    assert weight(server.sent[0].text) <= 280
    assert server.sent[0].text.endswith("…")


@pytest.mark.parametrize(
    ("text", "weighs"),
    [
        ("", 0),
        ("halo", 4),
        ("cafe\u0301", 4),
        ("💡", 2),
        ("日本", 4),
        ("“kutip” – …", 12),
        ("https://lapor.example/lacak/4821-0937-5514?x=1", 23),
        ("(https://lapor.example/lacak/4821-0937-5514).", 26),
        ("lapor.go.id", 23),
        ("a b\n", 4),
    ],
)
def test_a_text_weighs_what_x_says(text: str, weighs: int) -> None:
    assert weight(text) == weighs


@given(text=st.text(max_size=400), most=st.integers(min_value=40, max_value=300))
@settings(max_examples=200, deadline=None)
def test_a_cut_text_fits_and_is_a_beginning(text: str, most: int) -> None:
    cut = fit_text(text, most)
    assert weight(cut) <= most
    assert weight(text) > most or weight(cut) == weight(text)


def test_a_text_is_cut_at_a_word_and_a_word_anywhere() -> None:
    assert fit_text("jalan rusak di mana-mana " * 4, 40) == "jalan rusak di mana-mana jalan rusak…"
    assert fit_text("a" * 100, 40) == "a" * 38 + "…"


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        ("You are not allowed to create a Tweet with duplicate content.", "duplicate content"),
        ("You attempted to reply to a Tweet that is deleted or not visible", "deleted"),
        ("The original Tweet author restricted who can reply to this Tweet.", "who can reply"),
        ("Reply not allowed because you have not been mentioned", "not been mentioned"),
        ("You have been blocked from the author of this tweet", "blocked"),
        ("You cannot send a Direct Message to @sri_w", "direct message"),
        ("Something of next year about @sri_w", ""),
    ],
)
async def test_what_x_refuses_is_refused_in_our_words(
    server: XServer, account: X, detail: str, words: str
) -> None:
    about = server.post(CITIZEN, "@lapor_contoh halo")
    server.failures = [problem(403, "", "Forbidden", detail)]
    with pytest.raises(Refused) as raised:
        await account.send(CITIZEN, Outgoing("1", "halo", thread=(about,)))
    ours = next((v for k, v in REFUSALS.items() if words and k.startswith(words)), "")
    assert str(raised.value) == (f"X answered 403: {ours}" if ours else "X answered 403")


async def test_the_same_words_are_not_posted_twice(server: XServer, account: X) -> None:
    about = server.post(CITIZEN, "@lapor_contoh halo")
    await account.send(CITIZEN, Outgoing("1", "Laporan Anda diterima", thread=(about,)))
    with pytest.raises(Refused, match="only once"):
        await account.send(CITIZEN, Outgoing("1", "Laporan Anda diterima", thread=(about,)))
    with pytest.raises(Refused, match="gone"):
        await account.send(CITIZEN, Outgoing("2", "x", thread=("123",)))


@pytest.mark.parametrize("to", ["", "sri_w", "٣", "1" * 20, "1/../2"])
async def test_what_is_no_address_is_refused_without_a_call(account: X, to: str) -> None:
    with pytest.raises(Refused, match="no address"):
        await account.send(to, Outgoing("1", "halo"))


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (problem(401, "", "Unauthorized", "x"), MENDABLE[401]),
        (problem(403, "oauth1-permissions", "Forbidden", "x"), MENDABLE["oauth1-permissions"]),
        (problem(403, "client-forbidden", "Forbidden", "x"), MENDABLE["client-forbidden"]),
        (problem(404, "resource-not-found", "Not Found", "x"), MENDABLE[404]),
        (Failure(500, b""), "X answered 500"),
        (HTML, "X answered 503"),
        (Failure(302, b"", {"Location": "https://login.example"}), "X answered 302"),
        (Failure(200, b""), "could not be read"),
        (Failure(200, b"<html>ok</html>"), "could not be read"),
        (Failure(200, b'{"data": [{"id": "19'), "could not be read"),
        (Failure(200, b"[]"), "could not be read"),
        (Failure(200, b'{"data": "x", "meta": {}}'), "could not be read"),
        (Failure(200, b'{"data": [{}], "meta": {}}'), "could not be read"),
        (Failure(200, b'{"meta": {}, "includes": {"users": 1}}'), "could not be read"),
        (Failure(200, b"[" * 100_000), "could not be read"),
        (Failure(400, b'{"errors": null, "title": 7}'), "X answered 400"),
    ],
    ids=lambda value: str(getattr(value, "body", ""))[:30],
)
async def test_what_may_pass_is_worth_another_try(
    server: XServer, account: X, failure: Failure, words: str
) -> None:
    server.post(CITIZEN, "@lapor_contoh halo")
    server.failures = [failure] * (2 if failure.status == 400 else 1)  # asked by both sets of names
    with pytest.raises(Unreachable, match=re.escape(words)) as raised:
        await account.poll("")
    assert not isinstance(raised.value, Throttled)
    if failure.status not in (200, 400):
        server.failures = [failure]
        with pytest.raises(Unreachable, match=re.escape(words)):
            await account.send(CITIZEN, Outgoing("1", "halo", thread=("1",)))
    assert len((await account.poll("")).items) == 1


async def test_an_answer_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.x.api.MAX_ANSWER", 1000)
    async with answering(lambda: b" " * 2000) as url:
        channel = x(api_base=url)
        with pytest.raises(Unreachable, match="does not end"):
            await channel.poll("")
        await channel.close()


async def test_a_list_that_goes_round_in_circles_is_given_up(account: X) -> None:
    page = {"data": [post()], "meta": {"next_token": "x"}}
    async with answering(lambda: json.dumps(page).encode()) as url:
        channel = x(api_base=url)
        first = await channel.poll("")
        with pytest.raises(Unreachable, match="circles"):
            await channel.poll(first.cursor)
        await channel.close()


# Secrets and settings.


async def test_neither_tokens_nor_words_reach_logs_or_errors(
    server: XServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    account = x(api_base=server.url, bearer_token=None)
    about = server.post(CITIZEN, "@lapor_contoh kata rahasia")
    await account.poll("")
    await account.send(CITIZEN, Outgoing("1", "kata rahasia", thread=(about,)))
    shown = [caplog.text, repr(vars(account))]
    for failure in (HTML, problem(403, "", "Forbidden", "kata rahasia"), problem(401, "", "", "")):
        server.failures = [failure]
        with pytest.raises(ChannelError) as raised:
            await account.send(CITIZEN, Outgoing("1", "kata rahasia", thread=(about,)))
        shown.append(f"{raised.value!r} {raised.value.__context__!r}")
    await account.close()
    for secret in (*X_KEYS.values(), "kata rahasia", CITIZEN):
        assert secret not in " ".join(shown)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"access_token": "no-number"}, "access_token"),
        ({"consumer_secret": ""}, "consumer_secret"),
        ({"username": "@lapor"}, "username"),
        ({"api_base": "http://api.example"}, "in the clear"),
        ({"reads_per_month": -1}, "reads_per_month"),
        ({"every_seconds": 0}, "every_seconds"),
        ({"max_reply_characters": 30_000}, "max_reply_characters"),
    ],
)
def test_a_wrong_block_says_what_is_wrong(changes: Json, words: str) -> None:
    with pytest.raises(BadBlock, match=words):
        x(**changes)
