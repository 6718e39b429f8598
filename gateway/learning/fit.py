"""Fit a model: a linear machine and small networks over a text's terms, weighed on newer rows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.sparse import diags
from sklearn.linear_model import LogisticRegression

from gateway.learning import linear, network
from gateway.learning.features import FeaturePart, Features
from gateway.learning.linear import Linear
from gateway.learning.network import Network, Shape, telling
from gateway.learning.rows import Purpose, RowsError
from gateway.learning.samples import Progress, Sample
from router.learned import Array, ModelWeights, calibrate_shares, clues, mean_shares, softmax

NEWEST = 0.2
"""The part of the rows that says how sure the views may be, before all rows are learned."""
NETWORKS = 3
FEWEST = 20
"""Rows below which nothing can be learned."""
_USUAL = (1.75, 0.75)
"""How far the logits of the two views are stretched where too few rows can tell."""
_ENOUGH = 200
"""Newest rows below which every row calibrates, each fold by what the others taught."""
_FOLDS = 5
_LEAST = 40
"""Rows below which nothing is calibrated."""
_BOUNDS = (0.1, 5.0)
_AS_IS = (1.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a purpose is learned from, and how its views are fitted."""

    parts: tuple[FeaturePart, ...]
    stiffness: float
    counted: bool
    """Columns are first weighed by how well they tell the classes apart."""


RECIPES: Mapping[Purpose, Recipe] = {
    "agency": Recipe(
        (FeaturePart("words", 1.0, least=2), FeaturePart("pairs", 0.45, least=3)),
        stiffness=0.5,
        counted=True,
    ),
    "kind": Recipe(
        (
            FeaturePart("words", 1.0, least=2, views=("network",)),
            FeaturePart("pairs", 0.45, least=3, views=("network",)),
            FeaturePart("pieces", 0.7, least=3, views=("network",)),
            FeaturePart("runs", 1.0, least=3, views=("linear",)),
            FeaturePart("signs", 0.6, least=2),
        ),
        stiffness=0.4,
        counted=False,
    ),
}
"""Measured on rolling splits by time of older rows: what an agency is told by are words; what a
kind of message is told by is how it is written."""


@dataclass(frozen=True, slots=True)
class TextModel:
    """A model as fitted: the vocabulary, both views, and how sure they may be."""

    classes: tuple[str, ...]
    features: Features
    linear: Linear
    networks: tuple[Network, ...]
    seen: Array
    """[topics] samples that each topic led."""
    sharpness: tuple[float, float] = _USUAL
    """How far the logits of the linear machine and of the networks are stretched."""
    calibration: tuple[float, ...] = _AS_IS
    """What the clues to the first place being right count, and a constant."""

    def logits(self, samples: Sequence[Sample]) -> tuple[Array, Array]:
        """Return what each view says, [samples, classes], not stretched."""
        rows = self.features.matrix(samples)
        together: Array = np.mean([each.logits(rows) for each in self.networks], axis=0)
        return self.linear.logits(rows), together

    def shares(self, samples: Sequence[Sample]) -> Array:
        """Return the probability of every class before calibration, [samples, classes]."""
        return mean_shares(*self.logits(samples), np.array(self.sharpness, np.float32))

    def probabilities(self, samples: Sequence[Sample]) -> Array:
        """Return the probability of every class, [samples, classes]."""
        shares = self.shares(samples)
        return calibrate_shares(shares, _clues(shares, samples), self.calibration)

    def weights(self, names: Mapping[str, str], regions: Sequence[str]) -> ModelWeights:
        """Return the model as the arrays the router works with."""
        scale = self.features.scale[:, None]
        inner = [self.linear.coefficients, *(each.inner for each in self.networks)]
        biases = [self.linear.intercept, *(each.inner_bias for each in self.networks)]
        prior: Array = np.mean([each.outer_bias for each in self.networks], axis=0)
        return ModelWeights(
            classes=self.classes,
            names={each: names[each] for each in self.classes if each in names},
            regions=tuple(regions),
            families=tuple(part.family for part in self.features.parts),
            terms=self.features.terms,
            topics=self.features.topics,
            seen=self.seen,
            rarity=self.features.rarity,
            table=np.concatenate(inner, axis=1) * scale,
            bias=np.concatenate(biases),
            output=np.concatenate([each.outer / len(self.networks) for each in self.networks]),
            prior=prior,
            sharpness=np.array(self.sharpness, np.float32),
            calibration=np.array(self.calibration, np.float32),
        )


def fit(
    samples: Sequence[Sample], progress: Progress, purpose: Purpose = "agency"
) -> tuple[TextModel, TextModel]:
    """Fit a model to samples, oldest first; also return the one that saw only the older samples.

    Raises ``RowsError`` when there are too few rows or only one class.
    """
    if len(samples) < FEWEST or len({s.label.learned for s in samples}) < 2:
        raise RowsError(
            f"{len(samples)} rows of {len({s.label.learned for s in samples})} classes: at least "
            f"{FEWEST} rows of two classes are needed"
        )
    cut = older(len(samples))
    known, newer = samples[:cut], samples[cut:]
    if len({s.label.learned for s in known}) < 2:
        raise RowsError("the older rows are all of one class")
    progress(f"learning from {len(known)} rows, to be tried on the {len(newer)} newest")
    trial = _fit(known, RECIPES[purpose])
    trials = [(trial, newer)] if len(newer) >= _ENOUGH else _folds(samples, RECIPES[purpose])
    sharpness = _sharpness(trials)
    trials = [(replace(fitted, sharpness=sharpness), rows) for fitted, rows in trials]
    calibration = _calibration(trials)
    progress(f"learning from all {len(samples)} rows")
    whole = _fit(samples, RECIPES[purpose])
    return (
        replace(whole, sharpness=sharpness, calibration=calibration),
        replace(trial, sharpness=sharpness, calibration=calibration),
    )


def older(count: int) -> int:
    """Return how many of ``count`` rows are learned before the rest is used to measure."""
    return count - round(count * NEWEST)


def _fit(samples: Sequence[Sample], recipe: Recipe) -> TextModel:
    features = Features(samples, recipe.parts)
    rows = features.matrix(samples)
    classes, labels = np.unique([s.label.learned for s in samples], return_inverse=True)
    led = Counter(s.matches[0].id for s in samples if s.matches)
    return TextModel(
        tuple(map(str, classes)),
        features,
        _linear(rows, labels, len(classes), features.heard("linear"), recipe),
        _networks(rows, labels, len(classes), features.heard("network"), recipe),
        np.array([led[topic] for topic in features.topics], np.float32),
    )


Columns = NDArray[np.intp]


def _linear(rows: Any, labels: Any, classes: int, heard: Columns, recipe: Recipe) -> Linear:
    own = linear.teach(
        rows[:, heard], labels, classes, stiffness=recipe.stiffness, counted=recipe.counted
    )
    return replace(own, coefficients=_spread(own.coefficients, heard, rows.shape[1]))


def _networks(
    rows: Any, labels: Any, classes: int, heard: Columns, recipe: Recipe
) -> tuple[Network, ...]:
    own = rows[:, heard]
    weighed = telling(own, labels, classes) if recipe.counted else np.ones(len(heard), np.float32)
    told = own @ diags(weighed)
    taught = (
        network.teach(told, labels, classes, seed=seed, shape=Shape()) for seed in range(NETWORKS)
    )
    return tuple(
        replace(n, inner=_spread(n.inner * weighed[:, None], heard, rows.shape[1])) for n in taught
    )


def _spread(weights: Array, heard: Columns, columns: int) -> Array:
    """Give every column a row of weights, of nothing where it is not heard."""
    spread = np.zeros((columns, weights.shape[1]), np.float32)
    spread[heard] = weights
    return spread


Trial = tuple[TextModel, Sequence[Sample]]
"""What was fitted, and rows it has not seen."""


def _folds(samples: Sequence[Sample], recipe: Recipe) -> list[Trial]:
    """Try each fifth of few rows, in the order of time, on what the others teach."""
    edges = [len(samples) * at // _FOLDS for at in range(_FOLDS + 1)]
    trials = []
    for start, end in pairwise(edges):
        others = [*samples[:start], *samples[end:]]
        if len({s.label.learned for s in others}) > 1:
            trials.append((_fit(others, recipe), samples[start:end]))
    return trials


def _sharpness(trials: Sequence[Trial]) -> tuple[float, float]:
    """Find how far the logits of each view are stretched so that new rows surprise it least."""
    heard: list[tuple[Array, Array, list[int]]] = []
    for fitted, rows in trials:
        column = {each: at for at, each in enumerate(fitted.classes)}
        if known := [s for s in rows if s.label.learned in column]:
            heard.append((*fitted.logits(known), [column[s.label.learned] for s in known]))
    if sum(len(labels) for _, _, labels in heard) < _LEAST:
        return _USUAL
    first = _stretch([(logits, labels) for logits, _, labels in heard])
    return first, _stretch([(logits, labels) for _, logits, labels in heard])


def _stretch(heard: Sequence[tuple[Array, Sequence[int]]]) -> float:
    def surprise(stretch: float) -> float:
        return -sum(
            float(np.log(softmax(stretch * logits)[np.arange(len(labels)), labels] + 1e-9).sum())
            for logits, labels in heard
        )

    return float(minimize_scalar(surprise, bounds=_BOUNDS, method="bounded").x)


def _calibration(trials: Sequence[Trial]) -> tuple[float, ...]:
    """Find what the clues count so that the first place is as sure as it is right on new rows."""
    found: list[Array] = []
    right: list[bool] = []
    for fitted, rows in trials:
        shares = fitted.shares(rows)
        found += [*_clues(shares, rows)]
        best = shares.argmax(axis=1)
        right += [fitted.classes[at] == s.label.learned for at, s in zip(best, rows, strict=True)]
    if len(found) < _LEAST or len(set(right)) < 2:
        return _AS_IS
    curve = LogisticRegression(max_iter=1_000).fit(found, right)
    return (*map(float, curve.coef_[0]), float(curve.intercept_[0]))


def _clues(shares: Array, samples: Sequence[Sample]) -> Array:
    return clues(shares, [sample.matches for sample in samples])
