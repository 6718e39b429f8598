"""What a series of runs says: medians, spans, and the ratio of neighbours in time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from bench.trial import Trial

FIRST, SECOND = CONTESTANTS = ("kanal", "obvious")
Measure = Callable[[Trial], float]

MEASURES: tuple[tuple[str, Measure, bool], ...] = (
    ("reports/s, door to agency queue", lambda t: t.reports_per_second, True),
    ("acknowledged/s at the door", lambda t: t.acks_per_second, True),
    ("acknowledgement p50, ms", lambda t: t.ack_p50_ms, False),
    ("acknowledgement p99, ms", lambda t: t.ack_p99_ms, False),
    ("CPU us per report, all processes", lambda t: sum(t.cpu_us.values()), False),
)
"""What is compared, how it is read from a run, and whether more is better."""


@dataclass(frozen=True, slots=True)
class Series:
    """All runs on one stack, in rounds: run *n* of one contestant is next to run *n* of another."""

    stack: str
    trials: Sequence[Trial]

    def of(self, contestant: str) -> list[Trial]:
        """Return the runs of one contestant, in order."""
        return [trial for trial in self.trials if trial.contestant == contestant]

    def ratios(self, measure: Measure, more_is_better: bool) -> list[float]:
        """Return by round how many times better Kanal was."""
        pairs = zip(self.of(FIRST), self.of(SECOND), strict=True)
        found = [(measure(ours), measure(theirs)) for ours, theirs in pairs]
        return [a / b if more_is_better else b / a for a, b in found]

    def as_json(self) -> dict[str, Any]:
        """Return everything that was measured."""
        ratios = {name: self.ratios(read, more) for name, read, more in MEASURES}
        return {
            "stack": self.stack,
            "trials": [asdict(trial) for trial in self.trials],
            "times_better": ratios,
        }

    def lines(self) -> Iterator[str]:
        """Write the table."""
        yield f"{self.stack:<34}{FIRST:>24}{SECOND:>24}{'times better':>22}"
        for name, read, more in MEASURES:
            cells = [spread([read(t) for t in self.of(each)], 0) for each in CONTESTANTS]
            yield f"  {name:<32}{cells[0]:>24}{cells[1]:>24}{spread(self.ratios(read, more)):>22}"
        for title, part in (("CPU us per report", "cpu_us"), ("peak RSS, MB", "peak_rss_mb")):
            cells = [_parts([getattr(t, part) for t in self.of(each)]) for each in CONTESTANTS]
            yield f"  {title}: {FIRST} {cells[0]}; {SECOND} {cells[1]}"
        yield from self._shortfalls()

    def _shortfalls(self) -> Iterator[str]:
        for t in self.trials:
            if t.refused or t.arrived < t.accepted:
                yield (
                    f"  note: {t.contestant} refused {t.refused}, and {t.arrived} of the"
                    f" {t.accepted} it accepted had arrived when time was up"
                )


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Write a median and, of more than one value, the smallest and the largest."""
    middle = f"{median(values):,.{digits}f}"
    if len(values) == 1:
        return middle
    return f"{middle} [{min(values):,.{digits}f} - {max(values):,.{digits}f}]"


def _parts(found: Sequence[dict[str, float]]) -> str:
    return ", ".join(f"{name} {median([f[name] for f in found]):,.0f}" for name in found[0])
