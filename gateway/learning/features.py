"""Families of terms and topics as a sparse matrix, and which of the two views hears what."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer

from gateway.learning.samples import Sample
from router.learned import Array
from router.terms import FAMILIES, split_signs

View = Literal["linear", "network"]
TOPIC = 0.8
"""What topics count beside single words; both views hear them."""
_BETWEEN = "\0"
_RARE = 300
"""Rows below which a term may occur once less often."""


@dataclass(frozen=True, slots=True)
class FeaturePart:
    """How a family of terms takes part."""

    family: str
    scale: float
    """What it counts beside single words."""
    least: int
    """Rows in which a term must occur."""
    views: tuple[View, ...] = ("linear", "network")


class Features:
    """The vocabulary of the training rows. Columns: the terms of every part, then topics."""

    def __init__(self, samples: Sequence[Sample], parts: Sequence[FeaturePart]) -> None:
        self.parts = tuple(parts)
        self.vectorizers = [_fitted(part, samples) for part in parts]
        self.topics = tuple(sorted({m.id for s in samples for m in s.matches}))

    @property
    def terms(self) -> tuple[str, ...]:
        """All terms, in the order of the columns."""
        return tuple(term for each in self.vectorizers for term in each.get_feature_names_out())

    @property
    def rarity(self) -> Array:
        """The inverse document frequency of every term."""
        rarity: Array = np.concatenate([v.idf_ for v in self.vectorizers], dtype=np.float32)
        return rarity

    @property
    def scale(self) -> Array:
        """What every column counts, for weights that are used on unscaled values."""
        scales = np.array([*(part.scale for part in self.parts), TOPIC], np.float32)
        return np.repeat(scales, self._sizes)

    def heard(self, view: View) -> NDArray[np.intp]:
        """Return the columns that a view hears."""
        hears = [*(view in part.views for part in self.parts), True]
        return np.flatnonzero(np.repeat(hears, self._sizes))

    def matrix(self, samples: Sequence[Sample]) -> Any:
        """Return a sparse float32 matrix [samples, columns]."""
        columns = [
            vectorizer.transform(_texts(part, samples)) * part.scale
            for part, vectorizer in zip(self.parts, self.vectorizers, strict=True)
        ]
        if self.topics:
            columns.append(self._topics(samples) * TOPIC)
        return hstack(columns, format="csr", dtype=np.float32)

    @property
    def _sizes(self) -> list[int]:
        return [*(len(each.vocabulary_) for each in self.vectorizers), len(self.topics)]

    def _topics(self, samples: Sequence[Sample]) -> Any:
        column = {id: at for at, id in enumerate(self.topics)}
        cells = [
            (row, column[match.id], match.confidence**0.5)
            for row, sample in enumerate(samples)
            for match in sample.matches
            if match.id in column
        ]
        rows, columns, values = zip(*cells, strict=True) if cells else ((), (), ())
        return csr_matrix((values, (rows, columns)), shape=(len(samples), len(column)))


def _fitted(part: FeaturePart, samples: Sequence[Sample]) -> TfidfVectorizer:
    least = part.least - (len(samples) < _RARE)
    try:
        return _vectorizer(part, least).fit(_texts(part, samples))
    except ValueError:  # no term occurs often enough
        return _vectorizer(part, 1).fit([f"·{part.family}"])


def _texts(part: FeaturePart, samples: Sequence[Sample]) -> list[str]:
    spell = FAMILIES[part.family]
    return [_BETWEEN.join(spell(split_signs(sample.words))) for sample in samples]


def _vectorizer(part: FeaturePart, least: int) -> TfidfVectorizer:
    return TfidfVectorizer(
        min_df=least,
        sublinear_tf=True,
        lowercase=False,
        token_pattern=f"[^{_BETWEEN}]+",
        dtype=np.float32,
    )
