"""What citizens post, and which of it is a report."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.contract import File, Inbound, Malformed, Page, Refused, Unreachable
from adapters.x.channel import CARRIED, OF_AN_AGENCY
from demo.x_double import Json
from normalizer import command
from normalizer.message import Intent
from tests.adapters.x.posts import (
    CITIZEN,
    NEIGHBOUR,
    POST,
    SAMARINDA,
    US,
    answering,
    film,
    photo,
    post,
    read,
    reply_to,
    x,
)

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
        ([{"media_key": "3_3", "type": "photo"}], (), ("file_not_shown",)),
        (
            [{"media_key": "3_4", "type": "photo", "url": "file:///etc/passwd"}],
            (),
            ("file_not_shown",),
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
    assert said.text == (f"tolong ini\nKutipan: {quoted}" if quoted else "tolong ini")
    assert said.thread == ("1980",)


def test_a_reply_names_the_conversation_and_what_it_answers_last() -> None:
    reply = reply_to(US, OURS, id="1985")
    assert read("@lapor_contoh di Tenggarong", **reply).thread == ("1980", "1985")


def test_an_edited_post_names_its_earlier_self() -> None:
    said = read(edit_history_tweet_ids=["1989", POST])
    assert (said.thread, said.notes) == (("1989",), ("edited",))


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


# Files.


@pytest.mark.parametrize("url", ["https://pbs.twimg.com/media/a.jpg?name=orig"])
async def test_files_are_anybodys(url: str) -> None:
    source = await x().source(url)
    assert (source.url, source.headers, source.trusted) == (url, {}, False)


@pytest.mark.parametrize("url", ["", "http://pbs.twimg.com/a", "file:///etc/passwd", "https://a b"])
async def test_what_is_no_address_of_a_file_is_refused(url: str) -> None:
    with pytest.raises(Refused, match="no file on X"):
        await x().source(url)
