"""Words, pairs of words and topics as a sparse matrix, each part with its own weight."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer

from gateway.learning.samples import Sample
from router.learned import Array, pieces, terms

PAIR, PIECE, TOPIC = 0.45, 0.7, 0.8
"""What pairs of words, pieces of words and topics count beside single words."""
_RARE = 300
"""Rows below which a term that occurs once still counts."""


class Features:
    """The vocabulary of the training rows. Columns: words, pairs, pieces, topics."""

    def __init__(self, samples: Sequence[Sample], *, in_pieces: bool) -> None:
        least = 1 if len(samples) < _RARE else 2
        self.families = [_Family(1, 1.0, _words), _Family(2, PAIR, _words)]
        if in_pieces:
            self.families.append(_Family(1, PIECE, _pieces))
        for rarer, family in enumerate(self.families):
            family.fit(samples, least + bool(rarer))
        self.topics = tuple(sorted({m.topic.id for s in samples for m in s.matches}))

    @property
    def terms(self) -> tuple[str, ...]:
        """Words, pairs and pieces, in the order of the columns."""
        return tuple(term for family in self.families for term in family.terms)

    @property
    def rarity(self) -> Array:
        """The inverse document frequency of every term."""
        rarity: Array = np.concatenate([f.vectorizer.idf_ for f in self.families], dtype=np.float32)
        return rarity

    @property
    def scale(self) -> Array:
        """What every column counts, for weights that are used on unscaled values."""
        sizes = [*(len(family.terms) for family in self.families), len(self.topics)]
        scales = [*(family.scale for family in self.families), TOPIC]
        return np.repeat(np.array(scales, np.float32), sizes)

    def matrix(self, samples: Sequence[Sample]) -> Any:
        """Return a sparse float32 matrix [samples, columns]."""
        parts = [family.matrix(samples) for family in self.families]
        if self.topics:
            parts.append(self._topics(samples) * TOPIC)
        return hstack(parts, format="csr", dtype=np.float32)

    def _topics(self, samples: Sequence[Sample]) -> Any:
        column = {id: at for at, id in enumerate(self.topics)}
        cells = [
            (row, column[match.topic.id], match.topic.confidence**0.5)
            for row, sample in enumerate(samples)
            for match in sample.matches
            if match.topic.id in column
        ]
        rows, columns, values = zip(*cells, strict=True) if cells else ((), (), ())
        return csr_matrix((values, (rows, columns)), shape=(len(samples), len(column)))


class _Family:
    """Terms of one make, with a norm of their own: ``size`` in a row of what ``spell`` returns."""

    def __init__(self, size: int, scale: float, spell: Callable[[Sample], list[str]]) -> None:
        self.scale = scale
        self._spell = spell
        self._size = size
        self.vectorizer = TfidfVectorizer()

    @property
    def terms(self) -> list[str]:
        return list(self.vectorizer.get_feature_names_out())

    def fit(self, samples: Sequence[Sample], least: int) -> None:
        texts = self._texts(samples)
        self.vectorizer = _vectorizer(self._size, least)
        try:
            self.vectorizer.fit(texts)
        except ValueError:  # no term occurs often enough
            self.vectorizer = _vectorizer(self._size, 1).fit(["· ·"])

    def matrix(self, samples: Sequence[Sample]) -> Any:
        return self.vectorizer.transform(self._texts(samples)) * self.scale

    def _texts(self, samples: Sequence[Sample]) -> list[str]:
        return [" ".join(self._spell(sample)) for sample in samples]


def _words(sample: Sample) -> list[str]:
    return terms(sample.words)


def _pieces(sample: Sample) -> list[str]:
    return pieces(terms(sample.words))


def _vectorizer(size: int, least: int) -> TfidfVectorizer:
    return TfidfVectorizer(
        ngram_range=(size, size),
        min_df=least,
        sublinear_tf=True,
        lowercase=False,
        token_pattern=r"\S+",  # noqa: S106
    )
