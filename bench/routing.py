"""``python -m bench.routing``: reading and routing on one core, next to the obvious implementation.

Measured is the way from what a channel delivered to the decision: text repair, places, topics,
competence, reasons. No database and no broker. The texts are those of tests/router/citizens.csv,
every tenth made long. Memory is what a fresh process grew by, first with the router, then with a
model that was trained on those texts.
"""

import argparse
import csv
import json
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from config import settings
from gateway import build
from gateway.learning.rows import read as read_rows
from gateway.learning.train import train
from normalizer.inbound import Inbound, Sender
from normalizer.report import Report, Reporter
from router.assign import Router
from router.learned import Learned
from router.phrases import PAIR

TEXTS = Path(__file__).parents[1] / "tests" / "router" / "citizens.csv"
AT = datetime(2026, 11, 20, 3, tzinfo=UTC)
LONG = 6
"""How many texts a long one is made of."""
Route = Callable[[str, str], object]


def texts() -> list[tuple[str, str]]:
    """Return texts and the region of their door."""
    with TEXTS.open(encoding="utf-8", newline="") as file:
        rows = [(row["text"], row["region"]) for row in csv.DictReader(file)]
    return [
        (" ".join(text for text, _ in rows[at : at + LONG]) if at % 10 == 0 else text, region)
        for at, (text, region) in enumerate(rows)
    ]


def ours(parts: build.Parts, routing: Router) -> Route:
    """Route as the gateway does."""

    def read(text: str, region: str) -> Report:
        inbound = Inbound("bench", "", "1", Sender("bench"), text, b"")
        return parts.normalizer.normalize(
            inbound,
            id="00000000-0000-4000-8000-000000000000",
            tracking="123456789018",
            received_at=AT,
            reporter=Reporter(ref="", sealed=""),
            context=region or None,
        )

    return lambda text, region: routing.decide(read(text, region), at=AT)


def obvious(parts: build.Parts) -> Route:
    """Look for every phrase and every name of a region in the text, one after the other."""
    phrases = [
        (topic, tuple(half.strip() for half in written.lower().split(PAIR)))
        for topic, row in parts.routing.topics.rows.items()
        for strength in ("sure", "likely", "hint")
        for written in getattr(row.phrases, strength)
    ]
    names = [(region.bare.lower(), region.code) for region in parts.gazetteer.regions()]

    def route(text: str, _: str) -> object:
        lowered = text.lower()
        points: dict[str, int] = {}
        for topic, halves in phrases:
            if all(half in lowered for half in halves):
                points[topic] = points.get(topic, 0) + 1
        return max(points, default=None, key=lambda topic: points[topic]), [
            code for name, code in names if name in lowered
        ]

    return route


def rate(route: Route, said: Sequence[tuple[str, str]]) -> tuple[float, float]:
    """Return reports per second and the 99th percentile of one, in milliseconds."""
    times = []
    for text, region in said:
        begun = time.perf_counter()
        route(text, region)
        times.append(time.perf_counter() - begun)
    return len(times) / sum(times), statistics.quantiles(times, n=100)[98] * 1000


def rss() -> float:
    """Return the memory of this process, MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def _memory(answer: Any) -> None:
    before = rss()
    parts = build.parts(settings.load())
    route = ours(parts, parts.routing)
    for text, region in texts():
        route(text, region)
    answer.send(rss() - before)


def memory() -> float:
    """Return what a fresh process grows by when it routes, MB."""
    fresh = multiprocessing.get_context("spawn")
    here, there = fresh.Pipe()
    child = fresh.Process(target=_memory, args=(there,))
    child.start()
    grown = float(here.recv())
    child.join()
    return grown


def trained(parts: build.Parts) -> Router:
    """Return the router with a model that has learned the texts and their agencies."""
    rows = read_rows(TEXTS)
    weights = train(parts, rows, lambda _: None).weights
    routing = copy(parts.routing)
    routing.scorer = Learned(weights, routing.register)
    return routing


def measured(rounds: int) -> Iterator[dict[str, Any]]:
    """Measure every way of routing, in turns."""
    parts = build.parts(settings.load())
    parts.routing.scorer = None
    ways: dict[str, Route] = {
        "kanal": ours(parts, parts.routing),
        "kanal, trained": ours(parts, trained(parts)),
        "obvious": obvious(parts),
    }
    said = texts()
    for number in range(rounds):
        for name, route in ways.items():
            most = len(said) if name != "obvious" else len(said) // 10
            per_second, p99 = rate(route, said[:most])
            yield {"way": name, "round": number, "reports_per_second": per_second, "p99_ms": p99}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.routing", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    grown = memory()
    runs = list(measured(chosen.rounds))
    if chosen.json:
        print(json.dumps({"memory_mb": grown, "runs": runs}))
        return
    print(f"memory of a process that routes: {grown:.0f} MB more than an empty one")
    for way in dict.fromkeys(run["way"] for run in runs):
        mine = [run for run in runs if run["way"] == way]
        speed = statistics.median(run["reports_per_second"] for run in mine)
        p99 = statistics.median(run["p99_ms"] for run in mine)
        print(f"{way:<16} {speed:>8,.0f} reports/s   p99 of one {p99:.2f} ms")
    by_way = [[r for r in runs if r["way"] == way] for way in ("kanal", "obvious")]
    ratios = [
        a["reports_per_second"] / b["reports_per_second"] for a, b in zip(*by_way, strict=True)
    ]
    print(
        f"kanal / obvious  {statistics.median(ratios):.1f} [{min(ratios):.1f} - {max(ratios):.1f}]"
    )


if __name__ == "__main__":
    main()
