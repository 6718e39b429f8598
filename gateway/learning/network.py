"""A small network over sparse rows: one hidden layer, dropout, Adam on the rows a batch touches.

scikit-learn's own has no dropout, without which a few thousand short texts are learned by heart.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from router.learned import Array, softmax

BATCH = 128
_FADE, _FADE_SQUARE = 0.9, 0.999
_TINY = 1e-7
_USUAL = 12.0
"""Rows of the usual classes that every column is taken to have, so that chance tells nothing."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How big the network is and how it is taught."""

    hidden: int = 64
    rounds: int = 10
    rate: float = 5e-3
    drop_words: float = 0.4
    drop_hidden: float = 0.5
    doubt: float = 0.05
    """Share of each label that is spread over all classes: officers err too."""


@dataclass(frozen=True, slots=True)
class Network:
    """The weights: [columns, hidden], [hidden], [hidden, classes], [classes]."""

    inner: Array
    inner_bias: Array
    outer: Array
    outer_bias: Array

    def logits(self, rows: Any) -> Array:
        """Return [rows, classes] for a sparse matrix."""
        hidden = np.maximum(rows @ self.inner + self.inner_bias, 0)
        logits: Array = hidden @ self.outer + self.outer_bias
        return logits


class _Moments:
    """Adam's memory of one array of weights."""

    def __init__(self, weights: Array) -> None:
        self._weights = weights
        self._mean = np.zeros_like(weights)
        self._square = np.zeros_like(weights)

    def step(self, gradient: Array, rate: float, at: Any = ...) -> None:
        """Move the rows ``at`` against their gradient."""
        mean = _FADE * self._mean[at] + (1 - _FADE) * gradient
        square = _FADE_SQUARE * self._square[at] + (1 - _FADE_SQUARE) * gradient**2
        self._mean[at], self._square[at] = mean, square
        self._weights[at] -= rate * mean / (np.sqrt(square) + _TINY)


def telling(rows: Any, labels: Any, classes: int) -> Array:
    """Weigh every column of a sparse matrix by how unlike the usual ones its rows' classes are.

    The weight is the root of the Kullback-Leibler divergence, and on average (of squares) 1.
    """
    its = np.eye(classes, dtype=np.float32)[labels]
    usual = its.mean(axis=0)
    found = (rows > 0).astype(np.float32).T @ its + _USUAL * usual
    found /= found.sum(axis=1, keepdims=True)
    unlike = (found * np.log(found / usual)).sum(axis=1)
    weights: Array = np.sqrt(np.maximum(unlike, 0) * len(unlike) / max(unlike.sum(), _TINY)).astype(
        np.float32
    )
    return weights


def teach(rows: Any, labels: Any, classes: int, *, seed: int, shape: Shape = Shape()) -> Network:
    """Fit a network to a sparse float32 matrix (csr) and its class numbers."""
    random = np.random.default_rng(seed)
    network = _start(rows.shape[1], shape.hidden, classes, random)
    moments = [
        _Moments(part)
        for part in (network.inner, network.inner_bias, network.outer, network.outer_bias)
    ]
    count = rows.shape[0]
    steps = shape.rounds * -(-count // BATCH)
    step = 0
    for _ in range(shape.rounds):
        order = random.permutation(count)
        for start in range(0, count, BATCH):
            chosen = order[start : start + BATCH]
            step += 1
            slow = np.sqrt(1 - _FADE_SQUARE**step) / (1 - _FADE**step)
            rate = float(shape.rate * (1 - step / (steps + 1)) * slow)
            _learn(network, moments, rows[chosen], labels[chosen], rate, shape, random)
    return network


def _start(columns: int, hidden: int, classes: int, random: np.random.Generator) -> Network:
    def spread(height: int, width: int, size: float) -> Array:
        scale = size * np.sqrt(2 / (height + width))
        weights: Array = (random.standard_normal((height, width)) * scale).astype(np.float32)
        return weights

    return Network(
        spread(columns, hidden, 3.0),
        np.zeros(hidden, np.float32),
        spread(hidden, classes, 1.0),
        np.zeros(classes, np.float32),
    )


def _learn(
    network: Network,
    moments: list[_Moments],
    rows: Any,
    labels: Any,
    rate: float,
    shape: Shape,
    random: np.random.Generator,
) -> None:
    """Take one step on one batch."""
    rows = rows.copy()
    rows.data *= _mask(rows.data.shape, shape.drop_words, random)
    raw = rows @ network.inner + network.inner_bias
    mask = _mask(raw.shape, shape.drop_hidden, random) * (raw > 0)
    hidden = raw * mask
    wrong = softmax(hidden @ network.outer + network.outer_bias) - shape.doubt / len(
        network.outer_bias
    )
    wrong[np.arange(len(labels)), labels] -= 1 - shape.doubt
    wrong /= len(labels)
    back = (wrong @ network.outer.T) * mask
    touched = np.unique(rows.indices)
    inner, inner_bias, outer, outer_bias = moments
    outer.step(hidden.T @ wrong, rate)
    outer_bias.step(wrong.sum(axis=0), rate)
    inner.step(rows[:, touched].T @ back, rate, touched)
    inner_bias.step(back.sum(axis=0), rate)


def _mask(shape: tuple[int, ...], dropped: float, random: np.random.Generator) -> Array:
    kept = random.random(shape, dtype=np.float32) >= dropped
    return (kept / (1 - dropped)).astype(np.float32)
