"""Train a model from rows and save it: what ``kanal train`` does."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from skops import io

from gateway.components import Components
from gateway.learning import fit, measure
from gateway.learning.measure import Prediction
from gateway.learning.rows import Purpose, Rows
from gateway.learning.samples import Progress, Sample, SampleReader
from gateway.models import registry
from gateway.models.registry import Card, Draft, ModelError, Score
from router.learned import ModelWeights
from router.topics import Topics


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """A model, how it did on its newest rows, and the labels that no agency has."""

    purpose: Purpose
    fitted: fit.TextModel
    weights: ModelWeights
    score: Score
    rows: int
    unknown: tuple[str, ...]


def train(parts: Components, rows: Rows, progress: Progress, *, region: str = "") -> TrainingResult:
    """Train on rows, oldest first, for one region or for those of the rows. Raises RowsError."""
    reader = SampleReader(parts, rows.purpose)
    samples = reader.read(rows.rows, progress)
    regions = {region} if region else {row.region for row in rows.rows}
    return teach(rows.purpose, samples, sorted(regions), progress)


def teach(
    purpose: Purpose, samples: Sequence[Sample], regions: Sequence[str], progress: Progress
) -> TrainingResult:
    """Train on samples, oldest first. A row without a region makes the model speak everywhere."""
    fitted, trial = fit.fit(samples, progress, purpose)
    labels = {s.label.learned: s.label for s in samples}
    names = {id: label.name for id, label in labels.items() if not label.known}
    everywhere = purpose == "kind" or "" in regions
    return TrainingResult(
        purpose=purpose,
        fitted=fitted,
        weights=fitted.weights(names, () if everywhere else regions),
        score=_score(trial, samples[fit.older(len(samples)) :]),
        rows=len(samples),
        unknown=tuple(sorted(names.values())),
    )


def keep(folder: Path, trained: TrainingResult, topics: Topics) -> Card:
    """Save a model as the version in use. Raises ``ModelError``; then nothing has changed."""
    draft = Draft(
        purpose=trained.purpose,
        rows=trained.rows,
        score=trained.score,
        phrases=digest(topics),
        weights=trained.weights,
        archive=lambda path: _archive(path, trained.fitted),
    )
    return registry.save(folder, draft)


def digest(topics: Topics) -> str:
    """Return a short digest of the phrases that a model is trained with."""
    said = [(id, row.phrases.model_dump_json()) for id, row in sorted(topics.rows.items())]
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]


def _archive(path: Path, model: fit.TextModel) -> None:
    """Write what scikit-learn made, readable without trusting it."""
    whole: dict[str, Any] = {
        "classes": list(model.classes),
        "terms": model.features.vectorizers,
        "topics": list(model.features.topics),
        "linear": {
            "coefficients": model.linear.coefficients,
            "intercept": model.linear.intercept,
        },
        "networks": [
            {"inner": n.inner, "inner_bias": n.inner_bias, "outer": n.outer, "bias": n.outer_bias}
            for n in model.networks
        ],
        "sharpness": list(model.sharpness),
        "calibration": list(model.calibration),
    }
    io.dump(whole, path)
    if doubtful := io.get_untrusted_types(file=path):
        raise ModelError(f"{path}: would have to be trusted: {', '.join(doubtful)}")


def _score(trial: fit.TextModel, newest: Sequence[Sample]) -> Score:
    """Measure a model on rows newer than those it saw, by class."""
    answers = []
    for sample, shares in zip(newest, trial.probabilities(newest), strict=True):
        best = np.argsort(-shares)[:3]
        ranked = tuple(trial.classes[at] for at in best)
        answers.append(Prediction(sample.label.learned, ranked, float(shares[best[0]])))
    return measure.score(answers)
