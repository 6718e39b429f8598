"""Measure on rows whose answer is known: the model, the phrases, and the obvious baseline."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from gateway.components import Components
from gateway.learning import train
from gateway.learning.measure import Prediction
from gateway.learning.rows import Purpose, Rows, RowsError
from gateway.learning.samples import Progress, Sample, SampleReader
from gateway.platform.clock import wall
from normalizer.report import Candidate, Report
from router.assign import Router
from router.learned import Array, LearnedRanker, Model, ModelWeights, softmax

BASELINE = "TF-IDF + linear SVM"
"""The obvious implementation: words and pairs of words, no calibration, nothing else known."""
PHRASES, MODEL = "phrases (untrained)", "model"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What every way of deciding said about the same rows, and what the keys are called."""

    purpose: Purpose
    rows: int
    trained_on: int
    unknown: tuple[str, ...]
    """Labels that the register does not know."""
    unseen: int
    """Rows whose right answer never occurred in training."""
    answers: Mapping[str, Sequence[Prediction]]
    """By way of deciding, the one in question first."""
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def chief(self) -> str:
        """The way of deciding that is in question."""
        return next(iter(self.answers))


def held_out(
    parts: Components,
    rows: Rows,
    newest: float,
    progress: Progress,
    *,
    region: str = "",
    keep_villages: bool = False,
) -> Evaluation:
    """Train on the older rows, in memory, and measure the newest part. Raises ``RowsError``."""
    older, newer = rows.split(newest)
    if not older.rows or not newer.rows:
        raise RowsError(f"{len(rows.rows)} rows cannot be split at the newest {newest:.0%}")
    reader = SampleReader(parts, rows.purpose, keep_villages=keep_villages)
    known, asked = reader.read(older.rows, progress), reader.read(newer.rows, progress)
    regions = [region] if region else sorted({row.region for row in older.rows})
    trained = train.teach(rows.purpose, known, regions, progress)
    progress(f"measuring {len(asked)} rows")
    answers = {MODEL: _with_model(reader, trained.purpose, trained.weights, asked)}
    answers[BASELINE] = baseline(older, known, newer, asked)
    if rows.purpose == "agency":
        answers[PHRASES] = _untrained(reader, asked)
    return _evaluation(reader, rows.purpose, known, asked, answers)


def as_is(
    parts: Components,
    rows: Rows,
    weights: ModelWeights | None,
    progress: Progress,
    *,
    keep_villages: bool = False,
) -> Evaluation:
    """Measure the model in use, or without one the phrases. Raises ``RowsError``."""
    reader = SampleReader(parts, rows.purpose, keep_villages=keep_villages)
    asked = reader.read(rows.rows, progress)
    if weights is None and rows.purpose == "kind":
        raise RowsError("no kind model is in use: train one first, or use --holdout")
    progress(f"measuring {len(asked)} rows")
    answers: dict[str, Sequence[Prediction]] = {}
    if weights is not None:
        answers[MODEL] = _with_model(reader, rows.purpose, weights, asked)
    if rows.purpose == "agency":
        answers[PHRASES] = _untrained(reader, asked)
    return _evaluation(reader, rows.purpose, (), asked, answers)


def baseline(
    older: Rows, known: Sequence[Sample], newer: Rows, asked: Sequence[Sample]
) -> list[Prediction]:
    """Train and ask the obvious implementation on the very same rows."""
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    rows = vectorizer.fit_transform([row.text for row in older.rows])
    machine = LinearSVC(random_state=0).fit(rows, [sample.label.key for sample in known])
    margins = machine.decision_function(vectorizer.transform([row.text for row in newer.rows]))
    if margins.ndim == 1:
        margins = np.stack([-margins, margins], axis=1) / 2
    return [
        _answer(sample, machine.classes_, shares)
        for sample, shares in zip(asked, softmax(margins.astype(np.float32)), strict=True)
    ]


def _with_model(
    reader: SampleReader, purpose: Purpose, weights: ModelWeights, asked: Sequence[Sample]
) -> list[Prediction]:
    if purpose == "agency":
        routing = copy(reader.parts.routing)
        routing.scorer = LearnedRanker(weights, routing.register)
        return _routed(reader, routing, asked)
    model = Model(weights)
    shares = (model.probabilities(sample.words, sample.matches) for sample in asked)
    return [
        _answer(sample, weights.classes, each) for sample, each in zip(asked, shares, strict=True)
    ]


def _routed(reader: SampleReader, routing: Router, asked: Sequence[Sample]) -> list[Prediction]:
    """Let the router decide as it would for a citizen."""
    return [_decided(reader.key, routing, sample) for sample in asked]


def _untrained(reader: SampleReader, asked: Sequence[Sample]) -> list[Prediction]:
    routing = copy(reader.parts.routing)
    routing.scorer = None
    return _routed(reader, routing, asked)


def _decided(key: Callable[..., str], routing: Router, sample: Sample) -> Prediction:
    ranked = ranking(routing, sample.report)
    keys = tuple(dict.fromkeys(key(candidate.agency) for candidate in ranked))
    return Prediction(sample.label.key, keys, ranked[0].confidence if ranked else 0.0)


def ranking(routing: Router, report: Report) -> list[Candidate]:
    """Return the agencies of a decision, the chosen one or the surest first."""
    made = routing.decide(report, at=wall()).assignment
    chosen = [Candidate(agency=made.agency, confidence=made.confidence)] if made.agency else []
    return [*chosen, *made.alternatives]


def _answer(sample: Sample, classes: Sequence[str], shares: Array) -> Prediction:
    best = np.argsort(-shares)
    ranked = tuple(str(classes[at]) for at in best[:3])
    return Prediction(sample.label.key, ranked, float(shares[best[0]]))


def _evaluation(
    reader: SampleReader,
    purpose: Purpose,
    known: Sequence[Sample],
    asked: Sequence[Sample],
    answers: Mapping[str, Sequence[Prediction]],
) -> Evaluation:
    labels = {s.label for s in (*known, *asked)}
    seen = {s.label.key for s in known}
    names = {label.key: label.name for label in labels}
    for said in {key for many in answers.values() for a in many for key in a.ranked}:
        agency = reader.parts.routing.register.agency(said) if purpose == "agency" else None
        names.setdefault(said, agency.name if agency else said)
    return Evaluation(
        purpose=purpose,
        rows=len(asked),
        trained_on=len(known),
        unknown=tuple(sorted(label.name for label in labels if not label.known)),
        unseen=sum(s.label.key not in seen for s in asked) if known else 0,
        answers=answers,
        names=names,
    )
