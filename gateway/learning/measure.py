"""How good a ranking is, in the numbers that officers and engineers argue about."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.models.registry import Score

BINS = 15


@dataclass(frozen=True, slots=True)
class Prediction:
    """What was said about one row: keys, surest first, and how sure the first one was."""

    gold: str
    ranked: tuple[str, ...]
    confidence: float

    @property
    def right(self) -> bool:
        """Tell whether the first key is the right one."""
        return self.ranked[:1] == (self.gold,)


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of about the same confidence: how many, how sure, how often right."""

    rows: int
    confidence: float
    right: float


def score(answers: Sequence[Prediction]) -> Score:
    """Measure answers."""
    count = max(1, len(answers))
    return Score(
        rows=len(answers),
        top1=sum(a.right for a in answers) / count,
        top3=sum(a.gold in a.ranked[:3] for a in answers) / count,
        coverage_90=coverage(answers, 0.90),
        coverage_95=coverage(answers, 0.95),
        calibration_error=calibration_error(answers),
    )


def coverage(answers: Sequence[Prediction], precision: float) -> float:
    """Return the largest share of rows, the surest first, that is right with ``precision``."""
    return max((share for share, right in curve(answers) if right >= precision), default=0.0)


def curve(answers: Sequence[Prediction]) -> list[tuple[float, float]]:
    """Return (share of rows, precision) for every threshold, from the surest row down.

    Rows that are equally sure are taken together: no threshold tells them apart.
    """
    ordered = sorted(answers, key=lambda a: -a.confidence)
    right, points = 0, []
    for number, answer in enumerate(ordered, 1):
        right += answer.right
        if number == len(ordered) or ordered[number].confidence < answer.confidence:
            points.append((number / len(ordered), right / number))
    return points


def bins(answers: Sequence[Prediction], count: int = BINS) -> list[Bin]:
    """Sort answers into bins of equal width by confidence; empty bins are left out."""
    held: dict[int, list[Prediction]] = {}
    for answer in answers:
        held.setdefault(min(int(answer.confidence * count), count - 1), []).append(answer)
    return [
        Bin(
            len(group),
            sum(a.confidence for a in group) / len(group),
            sum(a.right for a in group) / len(group),
        )
        for _, group in sorted(held.items())
    ]


def calibration_error(answers: Sequence[Prediction]) -> float:
    """Return the mean gap between how sure and how often right, over the bins, by rows (ECE)."""
    gaps = (each.rows * abs(each.confidence - each.right) for each in bins(answers))
    return sum(gaps) / max(1, len(answers))


def confusions(answers: Sequence[Prediction]) -> list[tuple[str, str, int]]:
    """List (right, said, how often) of the wrong first answers, most common first."""
    wrong = Counter((a.gold, a.ranked[0] if a.ranked else "") for a in answers if not a.right)
    return [(gold, said, n) for (gold, said), n in sorted(wrong.items(), key=lambda i: (-i[1], i))]


def by_agency(answers: Sequence[Prediction]) -> dict[str, Score]:
    """Measure the answers of every right key apart, the most common first."""
    groups: dict[str, list[Prediction]] = {}
    for answer in answers:
        groups.setdefault(answer.gold, []).append(answer)
    return {
        key: score(group) for key, group in sorted(groups.items(), key=lambda i: (-len(i[1]), i[0]))
    }
