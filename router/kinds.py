"""How likely a message is a report at all, as a deployment's own history tells.

Where people also talk to each other (X), many messages only mention an account: an officer answers,
somebody praises, two people joke. What a trained model of kinds takes for such talk is held for an
operator; no agency is bothered with it and its sender gets no answer.
"""

from collections.abc import Collection, Iterator, Sequence

from normalizer.report import Report
from router.learned import Model, ModelWeights
from router.terms import tokens
from router.topics import Match, Topics
from router.words import Reading


def spoken_tokens(report: Report, reading: Reading, topics: Topics) -> list[str]:
    """Return a message as a model of kinds reads it: tokens, and signs of what was read in it."""
    return tokens(reading.text, _facts(report, reading, topics))


def _facts(report: Report, reading: Reading, topics: Topics) -> Iterator[str]:
    scope, danger = topics.scope(reading), topics.urgency(reading)
    yield f"kind-{report.kind}"
    yield f"places-{min(2, len(report.places))}"
    yield f"scope-{scope.id if scope else 'inside'}"
    yield f"urgency-{danger.id if danger else 'none'}"


class Kinds:
    """Tells reports from other talk with trained weights."""

    def __init__(self, weights: ModelWeights, reports: Collection[str]) -> None:
        """Take the classes that are reports. Raises ``ValueError`` if the model has none."""
        self._model = Model(weights)
        self._columns = [at for at, each in enumerate(weights.classes) if each in reports]
        if not self._columns:
            raise ValueError(f"none of its kinds ({', '.join(weights.classes)}) is a report")

    def reports(
        self, batch: Sequence[tuple[Report, Reading, Sequence[Match]]], topics: Topics
    ) -> list[float]:
        """Return how likely each message is a report, 0 to 1."""
        if not batch:
            return []
        texts = [
            (spoken_tokens(report, reading, topics), found) for report, reading, found in batch
        ]
        likely: list[float] = self._model.scores(texts)[:, self._columns].sum(axis=1).tolist()
        return [min(1.0, each) for each in likely]
