"""From points to probability: how often an agency was right that the phrases were so sure of.

The table is measured (``python -m bench.calibrate``) and kept beside the phrases it was measured
with. Between two of its points the probability runs in a straight line.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

Point = tuple[float, float]
"""What the phrases say, and how often that was right; both 0 to 1."""
AS_SAID: tuple[Point, ...] = ((0.0, 0.0), (1.0, 1.0))


class Curve:
    """A rising line through measured points, from (0, ...) to (1, ...)."""

    def __init__(self, points: Sequence[Point] = AS_SAID) -> None:
        self.points = points
        self._pieces = [
            (x0, y0, (y1 - y0) / (x1 - x0) if x1 > x0 else 0.0)
            for (x0, y0), (x1, y1) in pairwise(points)
        ]
        self._starts = [x for x, _, _ in self._pieces]
        self._ends = (points[0][0], points[-1][0]) if points else (0.0, 1.0)

    def __call__(self, said: float) -> float:
        """Return how likely it is to be right."""
        first, last = self._ends
        within = min(max(said, first), last)
        start, right, rise = self._pieces[max(bisect_right(self._starts, within), 1) - 1]
        return right + rise * (within - start)


def wrong_with(points: Sequence[Point]) -> str:
    """Say what is wrong with a table of points; "" when it can be used."""
    if len(points) < 2 or points[0][0] != 0 or points[-1][0] != 1:
        return "the points run from 0 to 1"
    if any(not 0 <= right <= 1 for _, right in points):
        return "a probability is between 0 and 1"
    if any(a >= c or b > d for (a, b), (c, d) in pairwise(points)):
        return "both columns must rise"
    return ""
