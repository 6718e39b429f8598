"""``python -m bench.calibrate CSV --region CODE``: how often the phrases are right when so sure.

Reads reports whose agency is known (columns text, agency[, received]), measures on the older three
quarters and prints the table for ``[calibration]`` in config/topics.toml, then how well it holds
on the newest quarter. District and village offices count as one.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.isotonic import IsotonicRegression

from config import settings
from gateway import components
from gateway.learning import measure
from gateway.learning.measure import Prediction
from gateway.learning.rows import read
from gateway.learning.samples import Sample, SampleReader
from router import rank
from router.calibration import Curve, Point

POINTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
BEST = 4
Claims = Sequence[tuple[str, float]]
"""Keys of agencies and what the phrases say for each, the best first."""


def claims(parts: components.Components, reader: SampleReader, sample: Sample) -> Claims:
    """Return what the phrases say, before calibration and whatever the place."""
    routing = parts.routing
    reading = routing.topics.lexicon.read(sample.report.text)
    seats = rank.Seats(sample.report.places, routing.register)
    leads = [
        rank.lead(match, reading, seats, routing.topics, routing.register)
        for match in routing.topics.rank(reading)
    ]
    said: dict[str, float] = {}
    for claim in rank.claims(leads, seats, routing.register).values():
        key = reader.key(claim.agency)
        said[key] = said.get(key, 0.0) + claim.said
    return sorted(said.items(), key=lambda pair: -pair[1])


def fitted(found: Sequence[tuple[Claims, str]]) -> tuple[Point, ...]:
    """Fit a rising line through the best claims of every report."""
    pairs = [(said, key == right) for all_, right in found for key, said in all_[:BEST]]
    said, right = np.array(pairs, dtype=float).T
    line = IsotonicRegression(y_min=0.0, y_max=0.97, out_of_bounds="clip").fit(said, right)
    around = [np.linspace(max(0.0, point - 0.05), min(1.0, point + 0.05), 11) for point in POINTS]
    smooth = [float(line.predict(near).mean()) for near in around]
    smooth[0] = 0.0
    return tuple(zip(POINTS, (round(value, 3) for value in smooth), strict=True))


def answers(found: Sequence[tuple[Claims, str]], curve: Curve) -> list[Prediction]:
    """Return what the phrases answer with a curve."""
    made = []
    for all_, right in found:
        sure = [(key, curve(min(1.0, said))) for key, said in all_]
        most = max(1.0, sum(p for _, p in sure))
        best = sure[0][1] / most if sure else 0.0
        made.append(Prediction(right, tuple(key for key, _ in sure[:BEST]), best))
    return made


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.calibrate", description=__doc__)
    parser.add_argument("csv", type=Path)
    parser.add_argument("--region", default="")
    chosen = parser.parse_args()
    parts = components.load(settings.load())
    reader = SampleReader(parts, "agency")
    older, newer = read(chosen.csv, region=chosen.region).split(0.25)
    found = [
        [(claims(parts, reader, each), each.label.key) for each in reader.read(part.rows, print)]
        for part in (older, newer)
    ]
    points = fitted(found[0])
    print("points =", [list(point) for point in points])
    for name, curve in (("as said", Curve()), ("measured", Curve(points))):
        score = measure.score(answers(found[1], curve))
        print(f"newest quarter, {name}: calibration error {score.calibration_error:.3f}")


if __name__ == "__main__":
    main()
