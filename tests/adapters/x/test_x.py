"""The X channel: what citizens post, what X does, what it costs, and what goes wrong."""

import json
import logging
import re
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import ClientSession, web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tweepy.asynchronous import AsyncClient  # type: ignore[import-untyped]
from yarl import URL

from adapters.contract import (
    ChannelError,
    File,
    Inbound,
    Malformed,
    Outgoing,
    Page,
    Refused,
    Throttled,
    Unreachable,
    UnreadableItem,
)
from adapters.load import BadBlock
from adapters.x.api import MENDABLE, REFUSALS
from adapters.x.channel import CARRIED, OF_AN_AGENCY, QUOTED, X
from adapters.x.cursor import Mark
from adapters.x.text_length import fitted, weight
from demo.x_double import Failure, Json, Keys, XServer, capped, problem, too_many
from normalizer import command
from normalizer.message import Intent
from tests.adapters.examples import X_KEYS, build

US, CITIZEN, NEIGHBOUR, AGENCY = "1708001708", "620011", "620012", "620013"
POST = "1990000000000001000"
MONTH = f"{datetime.now(UTC):%Y-%m}"
HTML = Failure(503, b"<html><body>Over capacity</body></html>")


def x(**changes: Any) -> X:
    channel = build("x", **changes)
    assert isinstance(channel, X)
    return channel


def post(text: str = "@lapor_contoh jalan rusak", **more: Any) -> Json:
    """Compose a post as X writes it."""
    return {
        "id": POST,
        "text": text,
        "author_id": CITIZEN,
        "conversation_id": POST,
        "created_at": "2026-11-23T01:00:00.000Z",
        "edit_history_tweet_ids": [POST],
        **more,
    }


def read(
    text: str = "@lapor_contoh jalan rusak", includes: Json | None = None, **more: Any
) -> Inbound:
    raw = json.dumps({"data": post(text, **more), "includes": includes or {}}).encode()
    (said,) = x(officials=["PLN_Contoh"]).reread(raw)
    assert isinstance(said, Inbound)
    return said


def reply_to(author: str, text: str, id: str = "1980") -> Json:
    """Compose what makes a post a reply to another one, and that one among the included."""
    return {
        "in_reply_to_user_id": author,
        "conversation_id": "1980",
        "referenced_tweets": [{"type": "replied_to", "id": id}],
        "includes": {"tweets": [{"id": id, "text": text, "author_id": author}]},
    }


def photo(key: str, ending: str = ".jpg") -> Json:
    return {"media_key": key, "type": "photo", "url": f"https://pbs.example/media/{key}{ending}"}


def film(key: str) -> Json:
    rates = [("application/x-mpegURL", 0), ("video/mp4", 256_000), ("video/mp4", 832_000)]
    variants = [
        {"content_type": kind, "url": f"https://video.example/{key}-{rate}.mp4"}
        | ({"bit_rate": rate} if rate else {})
        for kind, rate in rates
    ]
    preview = f"https://pbs.example/{key}.jpg"
    return {"media_key": key, "type": "video", "variants": variants, "preview_image_url": preview}


@pytest.fixture
async def server() -> AsyncIterator[XServer]:
    async with XServer(Keys(**X_KEYS)) as server:
        yield server


@pytest.fixture
async def account(server: XServer) -> AsyncIterator[X]:
    channel = x(api_base=server.url)
    yield channel
    await channel.close()


# What a citizen posts.


def test_a_mention_is_read() -> None:
    author = {"id": CITIZEN, "name": "Sri W", "username": "sri_w"}
    raw = json.dumps(
        {"data": post("@lapor_contoh jalan rusak 💡"), "includes": {"users": [author]}}
    )
    (said,) = x().reread(raw.encode())
    assert isinstance(said, Inbound)
    assert (said.sender.address, said.sender.name) == (CITIZEN, "Sri W (@sri_w)")
    assert said == Inbound(
        channel="x",
        account=US,
        external_id=POST,
        sender=said.sender,
        text="jalan rusak 💡",
        raw=raw.encode(),
        sent_at=datetime(2026, 11, 23, 1, 0, tzinfo=UTC),
        in_public=True,
    )


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("@lapor_contoh jalan rusak", "jalan rusak"),
        ("@Lapor_Contoh, jalan rusak", "jalan rusak"),
        (".@lapor_contoh jalan rusak", "jalan rusak"),
        ("@warga @lapor_contoh @pemkot jalan rusak", "jalan rusak"),
        ("jalan rusak @lapor_contoh", "jalan rusak"),
        ("tolong @lapor_contoh, jalan @jalan_kota rusak", "tolong jalan @jalan_kota rusak"),
        ("@lapor_contoh2 lain @lapor_contoh", "lain"),
        ("surel warga@lapor_contoh.id", "surel warga@lapor_contoh.id"),
        ("@lapor_contoh", ""),
        ("@lapor_contoh air &lt; 1 m &amp; keruh", "air < 1 m & keruh"),
        ("@lapor_contoh مرحبا بكم", "مرحبا بكم"),
        ("@lapor_contoh separuh \ud83d emoji", "separuh ? emoji"),
        ("@lapor_contoh " + "a" * 10_000, "a" * 10_000),
        (" \t" * 20_000, ""),
    ],
    ids=lambda value: value[:30],
)
def test_names_at_the_beginning_and_ours_are_no_part_of_what_is_said(
    written: str, text: str
) -> None:
    said = read(written)
    assert said.text == text
    assert json.loads(said.raw)["data"]["text"] == written


@pytest.mark.parametrize(
    ("written", "said", "intent"),
    [
        ("@lapor_contoh #lapor jalan rusak", "jalan rusak", Intent.REPORT),
        ("@lapor_contoh jalan rusak", "jalan rusak", Intent.REPORT),
        ("#LAPOR @lapor_contoh jalan rusak", "jalan rusak", Intent.REPORT),
        ("@lapor_contoh status 4821-0937-5514", "status 4821-0937-5514", Intent.STATUS),
        ("@lapor_contoh bantuan", "bantuan", Intent.HELP),
    ],
)
def test_the_keyword_is_welcome_and_not_needed(written: str, said: str, intent: Intent) -> None:
    found = command.read(read(written).text)
    assert (found.intent, found.text) == (intent, said)


def test_a_long_post_is_read_whole_and_links_are_what_they_were() -> None:
    urls = [
        {"url": "https://t.co/aaa", "expanded_url": "https://berita.example/jalan"},
        {"url": "https://t.co/bbb", "expanded_url": f"https://x.com/w/status/{POST}/photo/1"},
        {"url": "https://t.co/ccc", "expanded_url": "https://x.com/a/status/1980"},
        {"url": "o", "expanded_url": "0" * 4000},
    ]
    said = read(
        "@lapor_contoh " + "panjang " * 30 + "…",
        note_tweet={
            "text": "@lapor_contoh lihat https://t.co/aaa soal https://t.co/ccc https://t.co/bbb",
            "entities": {"urls": urls},
        },
        referenced_tweets=[{"type": "quoted", "id": "1980"}],
    )
    assert said.text.split() == ["lihat", "https://berita.example/jalan", "soal"]


@pytest.mark.parametrize(
    ("media", "files", "notes"),
    [
        (
            [photo("3_1"), photo("3_2", ".png")],
            (
                File("foto-1.jpg", "image/jpeg", url="https://pbs.example/media/3_1.jpg"),
                File("foto-2.png", "image/png", url="https://pbs.example/media/3_2.png"),
            ),
            (),
        ),
        (
            [film("7_1")],
            (File("video-1.mp4", "video/mp4", url="https://video.example/7_1-832000.mp4"),),
            (),
        ),
        ([{"media_key": "3_3", "type": "photo"}], (), ("a file that X did not show",)),
        (
            [{"media_key": "3_4", "type": "photo", "url": "file:///etc/passwd"}],
            (),
            ("a file that X did not show",),
        ),
    ],
    ids=["photos", "film", "withheld", "hostile"],
)
def test_files_are_kept_by_their_address(
    media: list[Json], files: tuple[File, ...], notes: tuple[str, ...]
) -> None:
    keys = {"media_keys": [each["media_key"] for each in media]}
    said = read("@lapor_contoh lubang", {"media": media}, attachments=keys)
    assert (said.files, said.notes) == (files, notes)


SAMARINDA = {"id": "07", "full_name": "Samarinda, Indonesia", "geo": {"bbox": [117, -1, 118, 0]}}
MARKET = {"id": "08", "full_name": "Pasar Segiri", "geo": {"bbox": [117.14, -0.49, 117.15, -0.48]}}
ROAD = {"id": "09", "full_name": "Jalan Poros", "geo": {"bbox": [117.1, -0.49, 117.9, -0.48]}}
EXACT = {"type": "Point", "coordinates": [117.153709, -0.502106]}


@pytest.mark.parametrize(
    ("geo", "place", "text", "where"),
    [
        ({"place_id": "07"}, SAMARINDA, "banjir\nSamarinda, Indonesia", None),
        ({"place_id": "08"}, MARKET, "banjir\nPasar Segiri", (-0.485, 117.145)),
        (
            {"place_id": "07", "coordinates": EXACT},
            SAMARINDA,
            "banjir\nSamarinda, Indonesia",
            (-0.502106, 117.153709),
        ),
        ({"coordinates": {"coordinates": [0, float("nan")]}}, MARKET, "banjir", None),
        ({"coordinates": {"coordinates": [500.0, 0]}}, MARKET, "banjir", None),
        ({"place_id": "09"}, ROAD, "banjir\nJalan Poros", None),
        ({"place_id": "99"}, MARKET, "banjir", None),
    ],
    ids=["city", "market", "exact", "nan", "off the earth", "a long road", "unknown"],
)
def test_a_place_is_words_and_a_small_one_is_a_point(
    geo: Json, place: Json, text: str, where: tuple[float, float] | None
) -> None:
    said = read("@lapor_contoh banjir", {"places": [place]}, geo=geo)
    assert said.text == text
    assert said.location == (pytest.approx(where) if where else None)


# What is nobody's report.


@pytest.mark.parametrize(
    "more",
    [
        {"author_id": US},
        {"referenced_tweets": [{"type": "retweeted", "id": "1980"}]},
    ],
    ids=["our own", "a repost"],
)
def test_our_own_posts_and_reposts_are_nothing(more: Json) -> None:
    raw = json.dumps({"data": post("RT @lapor_contoh: halo") | more}).encode()
    assert x().reread(raw) == []


OURS = "@warga Laporan Anda diterima, nomor 4821-0937-5514."


@pytest.mark.parametrize(
    ("text", "author", "parent", "why"),
    [
        ("@lapor_contoh di Tenggarong", US, OURS, None),
        ("@lapor_contoh lanjutan", CITIZEN, "jalan rusak", None),
        ("@lapor_contoh lanjutan", CITIZEN, "@lapor_contoh jalan rusak", None),
        ("@teman @lapor_contoh tolong ini", NEIGHBOUR, "jalan rusak di Samarinda", None),
        ("@teman @lapor_contoh iya, sama", NEIGHBOUR, "@lapor_contoh jalan rusak", CARRIED),
        ("@teman @lapor_contoh sama #lapor", NEIGHBOUR, "@lapor_contoh jalan rusak", None),
        ("@teman di sini juga @lapor_contoh", NEIGHBOUR, "@lapor_contoh jalan rusak", None),
    ],
)
def test_of_the_replies_those_count_in_which_we_were_called(
    text: str, author: str, parent: str, why: str | None
) -> None:
    reply = reply_to(author, parent)
    assert read(text, **reply).automatic == why


def test_a_reply_to_a_post_that_is_gone_counts() -> None:
    reply = {**reply_to(NEIGHBOUR, "x"), "includes": {}}
    assert read("@teman @lapor_contoh tolong ini", **reply).automatic is None


def test_what_an_agency_writes_below_a_report_is_noted_only() -> None:
    users = {"users": [{"id": CITIZEN, "name": "PLN", "username": "pln_contoh"}]}
    assert read("@warga @lapor_contoh kami cek", users).automatic == OF_AN_AGENCY


# What belongs together.


@pytest.mark.parametrize(
    ("kind", "author", "other", "quoted"),
    [
        ("quoted", NEIGHBOUR, "@walikota jalan rusak di Samarinda", "jalan rusak di Samarinda"),
        ("replied_to", NEIGHBOUR, "jalan rusak di Samarinda", "jalan rusak di Samarinda"),
        ("quoted", US, "Laporan Anda diterima", None),
        ("quoted", NEIGHBOUR, "@lapor_contoh jalan rusak di Samarinda", None),
    ],
    ids=["quote", "called to a post", "our answer", "a report of its own"],
)
def test_the_words_we_are_called_to_come_along_unless_we_know_them(
    kind: str, author: str, other: str, quoted: str | None
) -> None:
    tweets = [{"id": "1980", "text": other, "author_id": author}]
    refer = [{"type": kind, "id": "1980"}]
    said = read("@lapor_contoh tolong ini", {"tweets": tweets}, referenced_tweets=refer)
    assert said.text == (f"tolong ini\n{QUOTED} {quoted}" if quoted else "tolong ini")
    assert said.thread == ("1980",)


def test_a_reply_names_the_conversation_and_what_it_answers_last() -> None:
    reply = reply_to(US, OURS, id="1985")
    assert read("@lapor_contoh di Tenggarong", **reply).thread == ("1980", "1985")


def test_an_edited_post_names_its_earlier_self() -> None:
    said = read(edit_history_tweet_ids=["1989", POST])
    assert (said.thread, said.notes) == (("1989",), ("edited",))


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


SOON = int(time.time()) + 600
DAY_LEFT = {"x-user-limit-24hour-remaining": "50", "x-user-limit-24hour-reset": str(SOON + 9000)}


@pytest.mark.parametrize(
    ("failure", "words", "least", "most"),
    [
        (too_many(SOON), "X answered 429: too many requests", 500, 600),
        (too_many(SOON + 9000, "x-user-limit-24hour"), "too many requests", 9500, 9600),
        (too_many(SOON + 9000, "x-app-limit-24hour"), "too many requests", 9500, 9600),
        (Failure(429, b"", {**too_many(SOON).headers, **DAY_LEFT}), "too many requests", 500, 600),
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
    server: XServer, account: X, failure: Failure, words: str, least: float, most: float
) -> None:
    about = server.post(CITIZEN, "@lapor_contoh halo")
    server.failures = [failure, failure]
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
    cut = fitted(text, most)
    assert weight(cut) <= most
    assert weight(text) > most or weight(cut) == weight(text)


def test_a_text_is_cut_at_a_word_and_a_word_anywhere() -> None:
    assert fitted("jalan rusak di mana-mana " * 4, 40) == "jalan rusak di mana-mana jalan rusak…"
    assert fitted("a" * 100, 40) == "a" * 38 + "…"


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
    server.failures = [failure]
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


# Hostile JSON.

IDS = st.sampled_from([POST, "1980", US, CITIZEN, "٣", "-1", "9" * 30, "", "x"])
TEXTS = st.sampled_from(
    ["@lapor_contoh", "@lapor_contoh " * 50, "https://t.co/a", "\ud800", "RT @x", "07", "3_1"]
) | st.text(max_size=30)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | IDS | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("id", "type", "url", "expanded_url", "media_key", "media_keys", "urls"),
                    *("text", "entities", "place_id", "coordinates", "bbox", "geo", "variants"),
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=6,
)
CHANGES = st.dictionaries(
    st.sampled_from(
        [
            *("id", "text", "author_id", "conversation_id", "in_reply_to_user_id", "created_at"),
            *("edit_history_tweet_ids", "attachments", "entities", "geo", "note_tweet"),
            "referenced_tweets",
        ]
    ),
    VALUES,
    max_size=4,
)
INCLUDED = st.dictionaries(
    st.sampled_from(["media", "places", "tweets", "users"]),
    st.lists(VALUES, max_size=3) | VALUES,
    max_size=4,
)


@given(changes=CHANGES, includes=INCLUDED)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_json_is_a_message_or_an_error_of_ours(changes: Json, includes: Json) -> None:
    raw = json.dumps({"data": post() | changes, "includes": includes}).encode()
    try:
        found = x().reread(raw)
    except Malformed:
        return
    for said in found:
        assert isinstance(said, Inbound)
        assert re.fullmatch(r"[0-9]{1,19}", said.external_id)
        assert re.fullmatch(r"[0-9]{1,19}", said.sender.address)
        for text in (said.text, said.sender.name or "", *said.thread):
            text.encode()
        assert all((file.url or "").startswith("https://") for file in said.files)
        assert said.location is None or abs(said.location[0]) <= 90


@given(changes=st.lists(CHANGES | SCALARS, max_size=3), includes=INCLUDED, meta=VALUES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_any_page_is_read_or_refused(
    changes: list[Any], includes: Json, meta: object
) -> None:
    posts = [post() | each if isinstance(each, dict) else each for each in changes]
    page = {"data": posts, "includes": includes, "meta": meta}
    async with answering(lambda: json.dumps(page).encode()) as url:
        channel = x(api_base=url)
        try:
            found = await channel.poll("")
        except Unreachable:
            found = Page()
        finally:
            await channel.close()
    assert len(found.items) <= len(posts)
    assert found.cursor.isprintable()


# The double.


async def test_the_library_as_it_is_can_read_from_the_double(server: XServer) -> None:
    async def rebased(request: Any, handler: Any) -> Any:
        here = URL(server.url)
        request.url = request.url.with_scheme("http").with_host("127.0.0.1").with_port(here.port)
        return await handler(request)

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


class answering:
    """A host that gives one answer after the other, from ``body``; use as ``async with``."""

    def __init__(self, body: Callable[[], bytes]) -> None:
        self._body = body

    async def __aenter__(self) -> str:
        async def handle(request: web.Request) -> web.Response:
            return web.Response(body=self._body(), content_type="application/json")

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return "http://{}:{}".format(*self._runner.addresses[0][:2])

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


# Files.


@pytest.mark.parametrize("url", ["https://pbs.twimg.com/media/a.jpg?name=orig"])
async def test_files_are_anybodys(url: str) -> None:
    source = await x().source(url)
    assert (source.url, source.headers, source.trusted) == (url, {}, False)


@pytest.mark.parametrize("url", ["", "http://pbs.twimg.com/a", "file:///etc/passwd", "https://a b"])
async def test_what_is_no_address_of_a_file_is_refused(url: str) -> None:
    with pytest.raises(Refused, match="no file on X"):
        await x().source(url)
