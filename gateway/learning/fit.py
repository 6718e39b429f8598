"""Fit a model: a linear SVM and a small network over the same columns, balanced on newer rows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from gateway.learning.features import Features
from gateway.learning.network import Network, Shape, teach
from gateway.learning.rows import RowsError
from gateway.learning.samples import Progress, Sample
from router.learned import Array, Weights, calibrated, log_odds, softmax

NEWEST = 0.2
"""The part of the rows that the two views are balanced on, before all rows are learned."""
NETWORKS = 3
FEWEST = 20
"""Rows below which nothing can be learned."""
_STIFFNESS = 0.4
_USUAL = np.array([1.75, 0.5], np.float32)
"""How much the views count beside each other; how sure they are together is measured."""
_ENOUGH = 200
"""Newer rows below which nothing is calibrated."""
_AS_IS = (1.0, 0.0)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model as fitted: what scikit-learn made, the networks, and how they are balanced."""

    classes: tuple[str, ...]
    features: Features
    linear: LinearSVC
    networks: tuple[Network, ...]
    seen: Array
    """[topics] samples that each topic led."""
    sharpness: float = 1.0
    """How far the logits are stretched."""
    calibration: tuple[float, float] = _AS_IS
    """Slope and intercept of the likeliest class's log-odds."""

    @property
    def balance(self) -> Array:
        """How much the linear view and the networks count."""
        return _USUAL * np.float32(self.sharpness)

    def logits(self, samples: Sequence[Sample]) -> Array:
        """Return what both views say together, [samples, classes], not stretched."""
        rows = self.features.matrix(samples)
        networks = [each.logits(rows) for each in self.networks]
        linear = _decisions(self.linear, rows)
        mixed: Array = _USUAL[0] * linear + _USUAL[1] * np.mean(networks, axis=0)
        return mixed

    def probabilities(self, samples: Sequence[Sample]) -> Array:
        """Return the probability of every class, [samples, classes]."""
        shares = softmax(np.float32(self.sharpness) * self.logits(samples))
        calibration = np.array(self.calibration, np.float32)
        return np.stack([calibrated(each, calibration) for each in shares])

    def weights(self, names: Mapping[str, str], regions: Sequence[str]) -> Weights:
        """Return the model as the arrays the router works with."""
        scale = self.features.scale[:, None]
        coefficients, intercept = _coefficients(self.linear)
        inner = [coefficients.T, *(each.inner for each in self.networks)]
        return Weights(
            classes=self.classes,
            names={each: names[each] for each in self.classes if each in names},
            regions=tuple(regions),
            terms=self.features.terms,
            topics=self.features.topics,
            seen=self.seen,
            rarity=self.features.rarity,
            table=np.concatenate(inner, axis=1).astype(np.float32) * scale,
            bias=np.concatenate([intercept, *(each.inner_bias for each in self.networks)]).astype(
                np.float32
            ),
            output=np.concatenate([each.outer / len(self.networks) for each in self.networks]),
            balance=self.balance,
            calibration=np.array(self.calibration, np.float32),
            prior=self.balance[1] * np.mean([each.outer_bias for each in self.networks], axis=0),
        )


def fit(
    samples: Sequence[Sample], progress: Progress, *, in_pieces: bool = False
) -> tuple[Fitted, Fitted]:
    """Fit a model to samples, oldest first; also return the one that saw only the older samples.

    ``in_pieces`` learns pieces of words too, which tells kinds of message apart.

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
    progress(f"learning from {len(known)} rows, to be balanced on the {len(newer)} newest")
    trial = _fit(known, in_pieces)
    trial = replace(trial, sharpness=_sharpness(trial, newer))
    trial = replace(trial, calibration=_calibration(trial, newer))
    progress(f"learning from all {len(samples)} rows")
    whole = _fit(samples, in_pieces)
    return replace(whole, sharpness=trial.sharpness, calibration=trial.calibration), trial


def older(count: int) -> int:
    """Return how many of ``count`` rows are learned before the rest is used to measure."""
    return count - round(count * NEWEST)


def _fit(samples: Sequence[Sample], in_pieces: bool) -> Fitted:
    features = Features(samples, in_pieces=in_pieces)
    rows = features.matrix(samples)
    classes, labels = np.unique([s.label.learned for s in samples], return_inverse=True)
    linear = LinearSVC(C=_STIFFNESS, random_state=0).fit(rows, labels)
    shape = Shape()
    networks = [teach(rows, labels, len(classes), seed=n, shape=shape) for n in range(NETWORKS)]
    led = Counter(s.matches[0].topic.id for s in samples if s.matches)
    seen = np.array([led[topic] for topic in features.topics], np.float32)
    return Fitted(tuple(map(str, classes)), features, linear, tuple(networks), seen)


def _sharpness(trial: Fitted, newer: Sequence[Sample]) -> float:
    """Find how far logits are stretched so that the probabilities of newer rows come out right."""
    column = {each: at for at, each in enumerate(trial.classes)}
    known = [s for s in newer if s.label.learned in column]
    if len(known) < _ENOUGH:
        return 1.0
    logits = trial.logits(known)
    labels = [column[s.label.learned] for s in known]
    each = np.arange(len(labels))

    def surprise(stretch: float) -> float:
        return float(-np.log(softmax(stretch * logits)[each, labels] + 1e-9).mean())

    return float(minimize_scalar(surprise, bounds=(0.1, 5.0), method="bounded").x)


def _calibration(trial: Fitted, newer: Sequence[Sample]) -> tuple[float, float]:
    """Find how the likeliest class's log-odds become as sure as it is right on newer rows."""
    shares = trial.probabilities(newer)
    best = shares.argmax(axis=1)
    right = [trial.classes[at] == s.label.learned for at, s in zip(best, newer, strict=True)]
    if len(newer) < _ENOUGH or len(set(right)) < 2:
        return _AS_IS
    odds = log_odds(shares.max(axis=1))[:, None]
    line = LogisticRegression(C=1_000.0).fit(odds, right)
    return max(float(line.coef_[0, 0]), 0.0), float(line.intercept_[0])


def _decisions(linear: Any, rows: Any) -> Array:
    coefficients, intercept = _coefficients(linear)
    decisions: Array = np.asarray(rows @ coefficients.T + intercept, np.float32)
    return decisions


def _coefficients(linear: Any) -> tuple[Array, Array]:
    """One row for each class; of two classes scikit-learn keeps only the second."""
    coefficients = linear.coef_.astype(np.float32)
    intercept = linear.intercept_.astype(np.float32)
    if len(linear.classes_) > 2:
        return coefficients, intercept
    both = np.array([-0.5, 0.5], np.float32)
    return coefficients * both[:, None], intercept * both
