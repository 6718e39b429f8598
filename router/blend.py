"""How a trained model and the phrases speak with one voice.

The model knows what this deployment's officers decided before; the phrases know topics and agencies
that never occurred there. The newer a topic is to the model, the more the phrases say.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from normalizer.report import Agency, Report
from router.topics import Match
from router.words import Reading

LOCAL_OFFICE = Agency(id="kantor-wilayah", name="Kantor kelurahan/desa atau kecamatan setempat")
"""The office of a village or district that is not named yet: never assigned, worth asking for."""
MOST = 4
"""Candidates that are kept."""
_FAINT = 0.001


class Share(NamedTuple):
    """An agency, and how likely it is the one that must act."""

    agency: Agency
    confidence: float


class ScoringInput(NamedTuple):
    """One report as it was read, and the agencies its phrases speak for, surest first."""

    report: Report
    reading: Reading
    matches: Sequence[Match]
    phrases: Sequence[Share]


class Scorer(Protocol):
    """Ranks agencies as a deployment's own history would, as ``LearnedRanker`` does."""

    def rank(self, batch: Sequence[ScoringInput]) -> list[Sequence[Share]]:
        """Return the agencies for each report, surest first, blended with those of the phrases.

        Returns ``phrases`` itself, the same object, where the model has no say.
        """

    def knows(self, agency: Agency) -> bool:
        """Tell whether the history says anything about such an agency."""


def blend(learned: Sequence[Share], phrases: Sequence[Share], novelty: float) -> list[Share]:
    """Blend the model's agencies with the phrases', surest first.

    The phrases get ``novelty`` (0 to 1) of their share and the model the rest: where a topic came
    up often, its history says whose affair it is here, and where it is new, the phrases do.
    """
    rest = 1 - novelty * min(1.0, sum([share for _, share in phrases]))
    sums: dict[str, float] = {}
    agencies: dict[str, Agency] = {}
    for weight, ranking in ((rest, learned), (novelty, phrases)):
        for agency, share in ranking:
            id = agency.id
            agencies[id] = agency
            sums[id] = sums.get(id, 0.0) + weight * share
    best = sorted([(-share, id) for id, share in sums.items() if share > _FAINT])[:MOST]
    return [Share(agencies[id], min(1.0, -less)) for less, id in best]
