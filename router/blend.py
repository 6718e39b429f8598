"""How a trained model and the phrases speak with one voice.

The model knows what this deployment's officers decided before; the phrases know topics and agencies
that never occurred there. The newer a topic is to the model, the more the phrases say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from normalizer.report import Agency, Candidate, Report
from router.topics import Match
from router.words import Reading

LOCAL_OFFICE = Agency(id="kantor-wilayah", name="Kantor kelurahan/desa atau kecamatan setempat")
"""The office of a village or district nobody has named yet: never assigned, worth asking for."""
MOST = 4
"""Candidates that are kept."""
_FAINT = 0.001


@dataclass(frozen=True, slots=True)
class Said:
    """One report as it was read, and the agencies its phrases speak for, surest first."""

    report: Report
    reading: Reading
    matches: Sequence[Match]
    phrases: Sequence[Candidate]


class Scorer(Protocol):
    """Ranks agencies as a deployment's own history would; ``router.learned.Learned`` is one."""

    def rank(self, batch: Sequence[Said]) -> list[Sequence[Candidate]]:
        """Return the agencies for each report, surest first, blended with those of the phrases.

        Returns ``phrases`` itself, the same object, where the model has no say.
        """

    def knows(self, agency: Agency) -> bool:
        """Tell whether the history says anything about such an agency."""


def blend(
    learned: Sequence[tuple[Agency, float]], phrases: Sequence[Candidate], novelty: float
) -> list[Candidate]:
    """Blend the model's agencies with the phrases', surest first.

    The phrases get ``novelty`` (0 to 1) of their share and the model the rest: where a topic came
    up often, its history says whose affair it is here, and where it is new, the phrases do.
    """
    rest = 1 - novelty * min(1.0, sum(one.confidence for one in phrases))
    sums: dict[str, float] = {}
    agencies: dict[str, Agency] = {}
    said = [(one.agency, one.confidence) for one in phrases]
    for weight, ranking in ((rest, learned), (novelty, said)):
        for agency, share in ranking:
            agencies[agency.id] = agency
            sums[agency.id] = sums.get(agency.id, 0.0) + weight * share
    best = sorted(sums.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST]
    return [
        Candidate(agency=agencies[id], confidence=min(1.0, confidence))
        for id, confidence in best
        if confidence > _FAINT
    ]
