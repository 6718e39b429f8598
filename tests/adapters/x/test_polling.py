"""Reading mentions page by page, and what it costs."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st
from tweepy.asynchronous import AsyncClient  # type: ignore[import-untyped]
from yarl import URL

from adapters.contract import (
    ChannelError,
    Inbound,
    Outgoing,
    Page,
    Throttled,
    Unreachable,
    UnreadableItem,
)
from adapters.x.channel import X
from adapters.x.cursor import Mark
from demo.x_double import Failure, Json, Keys, Speech, XServer, capped, problem, too_many
from tests.adapters.examples import X_KEYS
from tests.adapters.x.posts import (
    CITIZEN,
    HTML,
    MONTH,
    NEIGHBOUR,
    SAMARINDA,
    US,
    answering,
    photo,
    post,
    x,
)

# Polling.


async def everything(channel: X, cursor: str = "") -> tuple[list[Inbound], str]:
    """Poll until there is no more, as the gateway does."""
    found: list[Inbound] = []
    while True:
        page = await channel.poll(cursor)
        found += [said for said in page.items if isinstance(said, Inbound)]
        cursor = page.cursor
        if not page.more:
            return found, cursor


async def test_mentions_come_once_and_oldest_first(server: XServer, account: X) -> None:
    server.user(CITIZEN, "sri_w", "Sri W")
    for n in range(3):
        server.post(CITIZEN, f"@lapor_contoh laporan {n}", media=[photo(f"3_{n}")])
    server.post(CITIZEN, "bukan untuk siapa-siapa")
    first = await account.poll("")
    said = [each for each in first.items if isinstance(each, Inbound)]
    assert [each.text for each in said] == ["laporan 0", "laporan 1", "laporan 2"]
    assert [each.files[0].url for each in said][2] == "https://pbs.example/media/3_2.jpg"
    assert said[0].sender.name == "Sri W (@sri_w)"
    assert [account.reread(each.raw) for each in said] == [[each] for each in said]
    assert b"3_1" not in said[0].raw, "each is kept with what belongs to it alone"
    again = await account.poll(first.cursor)
    assert again == Page((), first.cursor)
    server.post(NEIGHBOUR, "@lapor_contoh laporan 3")
    found, _ = await everything(account, again.cursor)
    assert [each.text for each in found] == ["laporan 3"]


async def test_the_first_look_goes_back_a_quarter_of_an_hour(server: XServer, account: X) -> None:
    old = datetime.now(UTC) - timedelta(hours=2)
    server.post(CITIZEN, "@lapor_contoh lama", at=old)
    server.post(CITIZEN, "@lapor_contoh baru")
    assert [said.text for said in (await everything(account))[0]] == ["baru"]


async def test_what_comes_after_an_empty_first_look_is_not_lost(
    server: XServer, account: X
) -> None:
    cursor = (await account.poll("")).cursor
    assert re.fullmatch(rf"since=[0-9T:Z-]{{20}} month={MONTH} reads=0", cursor)
    server.post(CITIZEN, "@lapor_contoh halo", at=datetime.now(UTC) - timedelta(minutes=5))
    found, _ = await everything(account, cursor)
    assert len(found) == 1


async def test_a_backlog_is_read_to_its_end_and_goes_on_after_a_failure(
    server: XServer, account: X
) -> None:
    server.post(CITIZEN, "@lapor_contoh awal")
    _, cursor = await everything(account)
    for n in range(250):
        server.post(CITIZEN, f"@lapor_contoh laporan {n}")
    first = await account.poll(cursor)
    assert (len(first.items), first.more) == (100, True)
    server.post(NEIGHBOUR, "@lapor_contoh di tengah-tengah")
    server.failures = [HTML]
    with pytest.raises(Unreachable):
        await account.poll(first.cursor)
    rest, cursor = await everything(account, first.cursor)
    texts = [said.text for page in (first.items, rest) for said in page]  # type: ignore[union-attr]
    assert sorted(texts) == sorted(f"laporan {n}" for n in range(250))
    assert len(server.asked) == 1 + 3, "nothing is fetched twice"
    assert [said.text for said in (await everything(account, cursor))[0]] == ["di tengah-tengah"]


@pytest.mark.parametrize("cursor", ["x", "-1", "since=1", "since=١ month=2026-11 reads=0"])
async def test_a_cursor_that_is_none_begins_at_the_beginning(
    server: XServer, account: X, cursor: str
) -> None:
    server.post(CITIZEN, "@lapor_contoh halo")
    assert len((await account.poll(cursor)).items) == 1


async def test_one_poisoned_post_is_kept_apart_and_the_others_go_on(
    server: XServer, account: X
) -> None:
    server.post(CITIZEN, "@lapor_contoh satu")
    server.post(CITIZEN, "@lapor_contoh dua", note_tweet="?")
    server.post(CITIZEN, "@lapor_contoh tiga")
    first, bad, last = (await account.poll("")).items
    assert isinstance(bad, UnreadableItem)
    assert "dua" in bad.raw.decode()
    assert "dua" not in bad.reason
    assert [said.text for said in (first, last) if isinstance(said, Inbound)] == ["satu", "tiga"]


async def test_empty_pages_before_the_last_one_are_passed_over(
    account: X, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = [{"meta": {"result_count": 0, "next_token": "b"}}, {"data": [post()], "meta": {}}]
    async with answering(lambda: json.dumps(pages.pop(0)).encode()) as url:
        channel = x(api_base=url)
        found, _ = await everything(channel)
        await channel.close()
    assert len(found) == 1
    assert pages == []


@pytest.mark.parametrize("changes", [{}, {"bearer_token": None}], ids=["app", "account"])
async def test_the_app_or_the_account_itself_reads(server: XServer, changes: Json) -> None:
    server.post(CITIZEN, "@lapor_contoh halo, 100%: ü")
    channel = x(api_base=server.url, **changes)
    page = await channel.poll("")
    assert len(page.items) == 1
    await channel.poll(page.cursor)
    await channel.close()


NUMBERS = st.integers(min_value=0, max_value=10**19 - 1).map(str)
MARKS = st.builds(
    lambda since, backlog, reads: f"since={since}{backlog} month={MONTH} reads={reads}",
    NUMBERS | st.just("2026-11-23T01:00:00Z"),
    st.just("") | st.builds(" newest={} until={}".format, NUMBERS, NUMBERS),
    st.integers(min_value=0, max_value=10**9 - 1),
)


@given(cursor=MARKS | st.text(max_size=40))
def test_a_cursor_means_what_it_says_or_nothing(cursor: str) -> None:
    now = datetime.now(UTC)
    read_back = str(Mark.read(cursor, now))
    assert len(read_back) < 200
    assert str(Mark.read(read_back, now)) == read_back
    assert read_back == cursor or not re.fullmatch(rf"since=.* month={MONTH} reads=[0-9]+", cursor)


# The names of fields, today's and those of before.

SPEECHES: tuple[Speech, ...] = get_args(Speech)
LONG = "Jalan rusak parah di depan pasar. " * 20


async def conversation(server: XServer) -> list[Inbound]:
    """Let people write in every way, and read it all."""
    server.user(CITIZEN, "sri_w", "Sri W")
    about = server.post(NEIGHBOUR, "jalan rusak di Samarinda")
    server.places["07"] = SAMARINDA
    server.post(CITIZEN, "@lapor_contoh tolong", quotes=about, geo={"place_id": "07"})
    whole = {"text": f"@lapor_contoh {LONG}", "entities": {"urls": []}}
    server.post(CITIZEN, "@lapor_contoh Jalan rusak par…", note_tweet=whole, media=[photo("3_1")])
    server.post(NEIGHBOUR, "@lapor_contoh teruskan", retweets=about)
    edited = server.post(CITIZEN, "@lapor_contoh sudah saya ubah")
    server.posts[edited]["edit_history_tweet_ids"] = [about, edited]
    to_us = server.post(CITIZEN, "@lapor_contoh mulai")
    server.post(NEIGHBOUR, "@sri_w @lapor_contoh setuju", reply_to=to_us)
    channel = x(api_base=server.url)
    found, cursor = await everything(channel)
    server.post(CITIZEN, "@lapor_contoh belakangan")
    found += (await everything(channel, cursor))[0]
    await channel.close()
    return found


@pytest.mark.parametrize("speech", SPEECHES)
async def test_everything_is_read_by_whatever_names_x_speaks(
    server: XServer, speech: Speech
) -> None:
    server.speech = speech
    quoted, long, edited, first, carried, later = await conversation(server)
    assert quoted.text.splitlines() == [
        "tolong", "Samarinda, Indonesia", "Kutipan: jalan rusak di Samarinda"
    ]  # fmt: skip
    assert quoted.sender.name == "Sri W (@sri_w)"
    assert (long.text, len(long.files)) == (LONG.strip(), 1)
    assert (edited.notes, len(edited.thread)) == (("edited",), 1)
    assert (first.text, first.automatic) == ("mulai", None)
    assert carried.automatic == "carried_along"
    assert later.text == "belakangan"
    assert len(server.refused) == (speech == "tweets"), "what it does not know is asked once"


async def test_a_post_is_the_same_by_both_sets_of_names(server: XServer) -> None:
    found = {}
    for speech in ("posts", "tweets"):
        async with XServer(Keys(**X_KEYS), speech=speech) as other:
            read = await conversation(other)
            found[speech] = [replace(said, raw=b"", sent_at=None) for said in read]
    assert found["posts"] == found["tweets"]


async def test_x_may_change_its_names_while_we_run(
    server: XServer, account: X, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr("adapters.x.channel.time.monotonic", lambda: clock[0])
    about = server.post(NEIGHBOUR, "jalan rusak di Samarinda")
    cursor = ""
    for speech, after, refused in (
        ("posts", 0, 0), ("tweets", 5, 1), ("tweets", 5, 0), ("posts", 5, 1), ("tweets", 5, 1),
        ("leaves out", 4000, 0), ("posts", 5, 0), ("tweets", 5, 1), ("tweets", 4000, 1),
    ):  # fmt: skip
        server.speech, server.refused = speech, []  # type: ignore[assignment]
        clock[0] += after
        server.post(CITIZEN, "@lapor_contoh tolong", quotes=about)
        page = await account.poll(cursor)
        cursor = page.cursor
        (said,) = page.items
        assert isinstance(said, Inbound)
        assert "Kutipan: jalan rusak di Samarinda" in said.text
        assert len(server.refused) == refused, (speech, clock)


async def test_what_x_says_of_a_request_is_told_without_names_and_numbers(
    server: XServer, account: X
) -> None:
    faults = [
        {"message": "invalid value 'referenced_posts' for expansions", "parameters": {}},
        {"message": f"since_id: '1990000000000001000' of @sri_w is not  {'x' * 900}"},
    ]
    body = {"title": "Invalid Request", "detail": "One or more parameters was invalid."}
    failure = Failure(400, json.dumps({**body, "errors": faults}).encode())
    server.failures = [failure, failure]
    with pytest.raises(Unreachable) as raised:
        await account.poll("")
    told = str(raised.value)
    assert told.startswith("X answered 400: invalid value 'referenced_posts' for expansions; since")
    assert "1990000000000001000" not in told
    assert "sri_w" not in told
    assert len(told) < 600


# What it costs.


async def test_the_budget_of_reads_is_kept_through_restarts_and_then_says_so(
    server: XServer,
) -> None:
    for n in range(50):
        server.post(CITIZEN, f"@lapor_contoh laporan {n}")
    cursor, count = "", 0
    for _ in range(2):
        channel = x(api_base=server.url, reads_per_month=22)
        page = await channel.poll(cursor)
        cursor, count = page.cursor, count + len(page.items)
        with pytest.raises(Throttled) as raised:
            await channel.poll(cursor)
        assert raised.value.retry_after == 3600
        assert str(raised.value) == (
            f"the budget of 22 reads for {MONTH} is used up (reads_per_month)"
        )
        await channel.close()
        assert len(server.billed) == count
        cursor = cursor.replace(MONTH, "2020-01")  # the month is over
    assert len(server.asked) == 2, "what costs nothing is asked of nobody"
    rich = x(api_base=server.url)
    found, _ = await everything(rich, cursor)
    await rich.close()
    assert count + len(found) == 50, "and nothing was lost over it"


async def test_posts_that_come_with_others_are_counted_too(server: XServer, account: X) -> None:
    about = server.post(NEIGHBOUR, "jalan rusak di Samarinda")
    server.post(CITIZEN, "@lapor_contoh tolong", quotes=about)
    assert (await account.poll("")).cursor.endswith("reads=2")


async def test_the_budget_of_posts_holds_and_what_failed_is_not_counted(server: XServer) -> None:
    channel = x(api_base=server.url, posts_per_month=2)
    about = server.post(CITIZEN, "@lapor_contoh halo")
    server.failures = [HTML, capped()]
    for _ in range(2):
        with pytest.raises(ChannelError):
            await channel.send(CITIZEN, Outgoing("1", "satu", thread=(about,)))
    for text in ("satu", "dua"):
        await channel.send(CITIZEN, Outgoing("1", text, thread=(about,)))
    with pytest.raises(Throttled, match="the budget of 2 posts for") as raised:
        await channel.send(CITIZEN, Outgoing("1", "tiga", thread=(about,)))
    assert raised.value.retry_after == 3600
    assert len(server.sent) == 2
    await channel.close()


def soon(more: int = 0) -> int:
    """Return a moment in ten minutes: tests are collected long before they run."""
    return int(time.time()) + 600 + more


def day_left() -> Failure:
    """Compose the answer to one who has calls left today, and none now."""
    left = {"x-user-limit-24hour-remaining": "50", "x-user-limit-24hour-reset": str(soon(9000))}
    return Failure(429, b"", {**too_many(soon()).headers, **left})


@pytest.mark.parametrize(
    ("failure", "words", "least", "most"),
    [
        (lambda: too_many(soon()), "X answered 429: too many requests", 500, 600),
        (lambda: too_many(soon(9000), "x-user-limit-24hour"), "too many requests", 9500, 9600),
        (lambda: too_many(soon(9000), "x-app-limit-24hour"), "too many requests", 9500, 9600),
        (day_left, "too many requests", 500, 600),
        (too_many(10**10), "too many requests", 86_400, 86_400),
        (too_many(0), "too many requests", 1, 1),
        (Failure(429, b"", {"x-rate-limit-reset": "later"}), "too many requests", 900, 900),
        (Failure(429, b"<html>"), "too many requests", 900, 900),
        (capped(), "X answered 429: X's cap for this month is reached", 3600, 3600),
        (problem(429, "usage-capped", "Too Many", "x"), "cap for this month", 3600, 3600),
        (problem(402, "credits", "CreditsDepleted", "x"), "the credits at X are used", 3600, 3600),
    ],
    ids=[
        *("minutes", "user's day", "app's day", "day left", "far", "past", "bad header", "html"),
        *("month", "month by its kind", "credits"),
    ],
)
async def test_haste_and_money_are_told_apart_in_reading_and_writing(
    server: XServer,
    account: X,
    failure: Failure | Callable[[], Failure],
    words: str,
    least: float,
    most: float,
) -> None:
    about = server.post(CITIZEN, "@lapor_contoh halo")
    server.failures = [failure() if callable(failure) else failure] * 2
    with pytest.raises(Throttled, match=words) as reading:
        await account.poll("")
    with pytest.raises(Throttled, match=words) as writing:
        await account.send(CITIZEN, Outgoing("1", "halo", thread=(about,)))
    for raised in (reading, writing):
        assert least <= raised.value.retry_after <= most
    assert len((await account.poll("")).items) == 1, "and then it catches up"


async def test_the_monthly_cap_of_x_itself_holds_reading_up_and_loses_nothing(
    server: XServer, account: X
) -> None:
    server.cap = 0
    server.post(CITIZEN, "@lapor_contoh halo")
    with pytest.raises(Throttled, match="cap for this month"):
        await account.poll("")
    server.cap = None
    assert len((await account.poll("")).items) == 1


# The double.


async def test_the_library_as_it_is_can_read_from_the_double(server: XServer) -> None:
    async def rebased(request: Any, handler: Any) -> Any:
        here = URL(server.url)
        request.url = request.url.with_scheme("http").with_host("127.0.0.1").with_port(here.port)
        return await handler(request)

    server.speech = "tweets"
    about = server.post(CITIZEN, "@lapor_contoh halo", geo={"place_id": "07"})
    server.places["07"] = SAMARINDA
    client = AsyncClient(bearer_token=X_KEYS["bearer_token"], return_type=dict)
    async with ClientSession(middlewares=(rebased,)) as client.session:
        plain = await client.get_users_mentions(US)
        assert plain["data"] == [
            {"id": about, "text": "@lapor_contoh halo", "edit_history_tweet_ids": [about]}
        ]
        assert plain["meta"] == {"result_count": 1, "newest_id": about, "oldest_id": about}
        full = await client.get_users_mentions(
            US, expansions=["geo.place_id", "author_id"], tweet_fields=["geo", "author_id"]
        )
    assert full["data"][0]["author_id"] == CITIZEN
    assert set(full["includes"]) == {"places", "users"}


@pytest.mark.parametrize("name", ["consumer_secret", "access_token_secret", "consumer_key"])
async def test_the_double_knows_a_forged_signature(server: XServer, name: str) -> None:
    channel = x(**{"api_base": server.url, "bearer_token": None, name: "forged"})
    with pytest.raises(Unreachable, match="X answered 401"):
        await channel.poll("")
    await channel.close()
