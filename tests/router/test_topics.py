import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.words import Lexicon, stem
from tests.router.making import router

topics = router().topics
COMPLAINTS = Path(__file__).parents[3] / "shared/data/surabaya_complaints_dev.csv"


def ranked(text: str) -> list[str]:
    return [match.topic.id for match in topics.rank(topics.lexicon.read(text))]


@pytest.mark.parametrize(
    ("text", "best"),
    [
        ("bpjs ketenagakerjaan", "bpjs-ketenagakerjaan"),
        ("bpjs", "bpjs-kesehatan"),
        ("mati lampu", "listrik"),
        ("lampu di jalan itu mati", "lampu-jalan"),
        ("JALANNYA RUSAAAAAK", "jalan-rusak"),
        ("jalan2 rusak", "jalan-rusak"),
        ("jalan\nyang\tsangat   rusak", "jalan-rusak"),
    ],
)
def test_the_longer_phrase_and_the_plain_word_are_told_apart(text: str, best: str) -> None:
    assert ranked(text)[0] == best


@pytest.mark.parametrize("text", ["", "   ", "🙏🙏", "?!", "terima kasih banyak", "a" * 50_000])
def test_nothing_known_claims_nothing(text: str) -> None:
    assert ranked(text) == []


def test_words_too_far_apart_are_no_pair() -> None:
    assert "jalan-rusak" in ranked("jalan rusak")[:1]
    far = topics.rank(topics.lexicon.read("jalan a b c d e f g h i j rusak"))
    assert all(match.topic.confidence < 0.5 for match in far)


def test_saying_it_more_makes_it_no_surer_than_the_scale_allows() -> None:
    once = topics.rank(topics.lexicon.read("sampah"))[0].topic.confidence
    often = topics.rank(topics.lexicon.read("sampah " * 50))[0].topic.confidence
    more = topics.rank(topics.lexicon.read("sampah menumpuk tidak diangkut"))[0].topic.confidence
    assert once == often < more < 1


def test_every_topic_is_found_by_each_of_its_sure_phrases() -> None:
    missed = [
        (id, phrase)
        for id, row in topics.rows.items()
        for phrase in row.phrases.sure
        if id not in ranked(phrase.replace("..", " "))
    ]
    assert missed == []


def test_slang_leads_to_words_and_never_in_circles() -> None:
    lexicon = Lexicon({"jln": "jalan", "sy": "saya sendiri"})
    assert lexicon.phrase("jlnnya SY") == "jalan saya sendiri"
    assert lexicon.read("jln sy").said(1, 2) == "sy"


@pytest.mark.parametrize(
    ("word", "root"),
    [("jalannya", "jalan"), ("dilaporkan", "lapor"), ("dinas", "dinas"), ("jalan2", "jalan"),
     ("ikan", "ikan"), ("bukankah", "bukan"), ("punya", "punya"), ("22", "22")],
)  # fmt: skip
def test_endings_come_off_only_where_a_word_is_left(word: str, root: str) -> None:
    assert stem(word) == root


@given(st.text(max_size=200))
def test_what_is_said_is_in_the_text(text: str) -> None:
    reading = topics.lexicon.read(text)
    for index in range(len(reading.words)):
        assert reading.said(index, index) in text


@pytest.mark.skipif(not COMPLAINTS.exists(), reason="the evaluation data is not on this machine")
def test_real_complaints_mostly_say_something_known(capsys: pytest.CaptureFixture[str]) -> None:
    """A floor, not a target: nothing here was fitted to these rows."""
    with COMPLAINTS.open(encoding="utf-8", newline="") as lines:
        texts = [row["text"] for row in csv.DictReader(lines)][-1000:]
    known = sum(
        bool(found) and found[0].topic.confidence >= 0.45
        for found in (topics.rank(topics.lexicon.read(text)) for text in texts)
    )
    with capsys.disabled():
        print(f" topic known in {known / len(texts):.1%} of {len(texts)} ", end="")  # noqa: T201
    assert known / len(texts) > 0.5
