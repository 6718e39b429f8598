"""Fit a model: a linear machine and small networks over a text's terms, weighed on newer rows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression

from gateway.learning import linear, network
from gateway.learning.features import Features, Part
from gateway.learning.linear import Linear
from gateway.learning.network import Network, Shape
from gateway.learning.rows import Purpose, RowsError
from gateway.learning.samples import Progress, Sample
from router.learned import Array, Weights, calibrated, clues, mixed, softmax

NEWEST = 0.2
"""The part of the rows that says how sure the views may be, before all rows are learned."""
NETWORKS = 3
FEWEST = 20
"""Rows below which nothing can be learned."""
_USUAL = (1.75, 0.75)
"""How far the logits of the two views are stretched where too few rows can tell."""
_ENOUGH = 200
"""Newer rows below which nothing is calibrated."""
_AS_IS = (1.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a purpose is learned from, and how its linear machine is fitted."""

    parts: tuple[Part, ...]
    stiffness: float
    counted: bool


RECIPES: Mapping[Purpose, Recipe] = {
    "agency": Recipe(
        (Part("words", 1.0, least=2), Part("pairs", 0.45, least=3)), stiffness=0.5, counted=True
    ),
    "kind": Recipe(
        (
            Part("words", 1.0, least=2, views=("network",)),
            Part("pairs", 0.45, least=3, views=("network",)),
            Part("pieces", 0.7, least=3, views=("network",)),
            Part("runs", 1.0, least=3, views=("linear",)),
            Part("signs", 0.6, least=2),
        ),
        stiffness=0.4,
        counted=False,
    ),
}
"""Measured on rolling splits by time of older rows: what an agency is told by are words; what a
kind of message is told by is how it is written."""


@dataclass(frozen=True, slots=True)
class Fitted:
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
        return mixed(*self.logits(samples), np.array(self.sharpness, np.float32))

    def probabilities(self, samples: Sequence[Sample]) -> Array:
        """Return the probability of every class, [samples, classes]."""
        shares = self.shares(samples)
        return np.stack(
            [
                calibrated(each, found, self.calibration)
                for each, found in zip(shares, _clues(shares, samples), strict=True)
            ]
        )

    def weights(self, names: Mapping[str, str], regions: Sequence[str]) -> Weights:
        """Return the model as the arrays the router works with."""
        scale = self.features.scale[:, None]
        inner = [self.linear.coefficients, *(each.inner for each in self.networks)]
        biases = [self.linear.intercept, *(each.inner_bias for each in self.networks)]
        prior: Array = np.mean([each.outer_bias for each in self.networks], axis=0)
        return Weights(
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
) -> tuple[Fitted, Fitted]:
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
    progress(f"learning from {len(known)} rows, to be calibrated on the {len(newer)} newest")
    trial = _fit(known, RECIPES[purpose])
    trial = replace(trial, sharpness=_sharpness(trial, newer))
    trial = replace(trial, calibration=_calibration(trial, newer))
    progress(f"learning from all {len(samples)} rows")
    whole = _fit(samples, RECIPES[purpose])
    return replace(whole, sharpness=trial.sharpness, calibration=trial.calibration), trial


def older(count: int) -> int:
    """Return how many of ``count`` rows are learned before the rest is used to measure."""
    return count - round(count * NEWEST)


def _fit(samples: Sequence[Sample], recipe: Recipe) -> Fitted:
    features = Features(samples, recipe.parts)
    rows = features.matrix(samples)
    classes, labels = np.unique([s.label.learned for s in samples], return_inverse=True)
    led = Counter(s.matches[0].id for s in samples if s.matches)
    return Fitted(
        tuple(map(str, classes)),
        features,
        _linear(rows, labels, len(classes), features.heard("linear"), recipe),
        _networks(rows, labels, len(classes), features.heard("network")),
        np.array([led[topic] for topic in features.topics], np.float32),
    )


Columns = NDArray[np.intp]


def _linear(rows: Any, labels: Any, classes: int, heard: Columns, recipe: Recipe) -> Linear:
    own = linear.teach(
        rows[:, heard], labels, classes, stiffness=recipe.stiffness, counted=recipe.counted
    )
    return replace(own, coefficients=_spread(own.coefficients, heard, rows.shape[1]))


def _networks(rows: Any, labels: Any, classes: int, heard: Columns) -> tuple[Network, ...]:
    own = rows[:, heard]
    taught = (
        network.teach(own, labels, classes, seed=seed, shape=Shape()) for seed in range(NETWORKS)
    )
    return tuple(replace(n, inner=_spread(n.inner, heard, rows.shape[1])) for n in taught)


def _spread(weights: Array, heard: Columns, columns: int) -> Array:
    """Give every column a row of weights, of nothing where it is not heard."""
    spread = np.zeros((columns, weights.shape[1]), np.float32)
    spread[heard] = weights
    return spread


def _sharpness(trial: Fitted, newer: Sequence[Sample]) -> tuple[float, float]:
    """Find how far the logits of each view are stretched so that newer rows surprise it least."""
    column = {each: at for at, each in enumerate(trial.classes)}
    known = [s for s in newer if s.label.learned in column]
    if len(known) < _ENOUGH:
        return _USUAL
    labels = [column[s.label.learned] for s in known]
    first, second = trial.logits(known)
    return _stretch(first, labels), _stretch(second, labels)


def _stretch(logits: Array, labels: Sequence[int]) -> float:
    each = np.arange(len(labels))

    def surprise(stretch: float) -> float:
        return float(-np.log(softmax(stretch * logits)[each, labels] + 1e-9).mean())

    return float(minimize_scalar(surprise, bounds=(0.1, 5.0), method="bounded").x)


def _calibration(trial: Fitted, newer: Sequence[Sample]) -> tuple[float, ...]:
    """Find what the clues count so that the first place is as sure as it is right on newer rows."""
    shares = trial.shares(newer)
    best = shares.argmax(axis=1)
    right = [trial.classes[at] == s.label.learned for at, s in zip(best, newer, strict=True)]
    if len(newer) < _ENOUGH or len(set(right)) < 2:
        return _AS_IS
    curve = LogisticRegression(max_iter=1_000).fit(_clues(shares, newer), right)
    return (*map(float, curve.coef_[0]), float(curve.intercept_[0]))


def _clues(shares: Array, samples: Sequence[Sample]) -> list[tuple[float, float, float]]:
    return [clues(each, sample.matches) for each, sample in zip(shares, samples, strict=True)]
