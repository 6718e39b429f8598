"""Words that no phrase has, read as forms of words that phrases have."""

import pytest

from router.words import Lexicon
from tests.router.making import router

KNOWN = (
    "urus",
    "rusak",
    "tersumbat",
    "limbah",
    "perbaiki",
    "menipu",
    "kebakaran",
    "bantuan",
    "parah",
)


@pytest.fixture
def lexicon() -> Lexicon:
    made = Lexicon({})
    for word in KNOWN:
        made.words(word)
    made.learn({"serang", "marah"})
    return made


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("ngerusakin", "rusak"),
        ("diurus", "urus"),
        ("tasumbat", "tersumbat"),
        ("limbahnyo", "limbah"),
        ("memperbaiki", "perbaiki"),
        ("prbaiki", "perbaiki"),
        ("nipu", "menipu"),
        ("kebakran", "kebakaran"),
        ("bantuanna", "bantuan"),
    ],
)
def test_a_form_is_read_as_the_word_it_is_made_from(
    lexicon: Lexicon, written: str, known: str
) -> None:
    assert lexicon.read(written).words == [known]


@pytest.mark.parametrize("word", ["serang", "marah", "kursi", "arus", "urusan9", "x" * 40])
def test_other_words_stay_as_they_are(lexicon: Lexicon, word: str) -> None:
    assert lexicon.read(word).words == lexicon.words(word)


def test_forms_count_for_their_topic_and_keep_the_writers_words() -> None:
    topics = router().topics
    best = topics.rank(topics.lexicon.read("sampahnyo ditumpukin"))[0]
    assert best.topic.id == "sampah"
    assert "sampahnyo" in best.words
