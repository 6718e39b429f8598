"""``python -m bench.routing``: reading and routing on one core, next to the obvious implementation.

Measured is the way from what a channel delivered to the decision: text repair, places, topics,
competence, reasons. No database and no broker. The texts are those of tests/router/citizens.csv,
every tenth made long, or with ``--train CSV`` the rows of a deployment's own history; the model
is trained on the same rows. All times are CPU times taken in turns, so that other work on the
machine counts little.
"""

import argparse
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from config import settings
from gateway import components
from gateway.learning.rows import read as read_rows
from gateway.models import registry
from gateway.platform.collector import settle
from normalizer.inbound import Author, Inbound
from normalizer.message import Reporter
from normalizer.places import find
from normalizer.report import Report
from router.assign import Router
from router.learned import LearnedRanker, ModelWeights
from router.phrases import PAIR

TEXTS = Path(__file__).parents[1] / "tests" / "router" / "citizens.csv"
AT = datetime(2026, 11, 20, 3, tzinfo=UTC)
LONG = 6
"""How many texts a long one is made of."""
BATCH = 64
"""Reports of a micro-batch."""
MOST = 1_000
"""Texts of one round; the obvious implementation is slow and gets a tenth of them."""
WRITER = Reporter(ref="", sealed="")

Message = tuple[Inbound, str]
"""What a channel delivered, and the region of its door."""
Route = Callable[[Sequence[Message]], object]


@dataclass(frozen=True, slots=True)
class Way:
    """A way of routing, and how many messages it is given at once."""

    route: Route
    size: int = 1
    share: int = 1
    """One message of so many is routed."""


def messages(path: Path, region: str) -> list[Message]:
    """Return the texts of a CSV as channels deliver them."""
    rows = read_rows(path, region=region).rows
    if path == TEXTS:
        texts = [row.text for row in rows]
        said = [
            " ".join(texts[at : at + LONG]) if at % 10 == 0 else text
            for at, text in enumerate(texts)
        ]
    else:
        rows = rows[:: max(1, len(rows) // MOST)]
        said = [row.text for row in rows]
    inbound = [Inbound("bench", "", "1", Author("bench"), text, b"") for text in said]
    return [(each, row.region) for each, row in zip(inbound, rows, strict=True)]


def read(parts: components.Components, inbound: Inbound, region: str) -> Report:
    """Read one message as the gateway's door does."""
    message = parts.normalizer.normalize(
        inbound,
        id="00000000-0000-4000-8000-000000000000",
        tracking="123456789018",
        received_at=AT,
        reporter=WRITER,
        context=region or None,
    )
    return Report.open(message)


def whole(parts: components.Components, routing: Router) -> Route:
    """Read and decide, as door and worker do."""
    return lambda batch: routing.decide_many([read(parts, *each) for each in batch], at=AT)


def places_and_decision(
    parts: components.Components, routing: Router, said: Sequence[Message]
) -> Route:
    """Only find the places of messages that are read already, once more, and decide."""
    known = {id(inbound): read(parts, inbound, region) for inbound, region in said}

    def located(inbound: Inbound, region: str) -> Report:
        report = known[id(inbound)]
        find(report.text, parts.gazetteer, context=region or None)
        return report

    return lambda batch: routing.decide_many([located(*each) for each in batch], at=AT)


def obvious(parts: components.Components) -> Route:
    """Look for every phrase and every name of a region in the text, one after the other."""
    phrases = [
        (topic, tuple(half.strip() for half in written.lower().split(PAIR)))
        for topic, row in parts.routing.topics.rows.items()
        for strength in ("sure", "likely", "hint")
        for written in getattr(row.phrases, strength)
    ]
    names = [(region.bare.lower(), region.code) for region in parts.gazetteer.regions()]

    def route(text: str) -> object:
        lowered = text.lower()
        points: dict[str, int] = {}
        for topic, halves in phrases:
            if all(half in lowered for half in halves):
                points[topic] = points.get(topic, 0) + 1
        return max(points, default=None, key=lambda topic: points[topic]), [
            code for name, code in names if name in lowered
        ]

    return lambda batch: [route(inbound.text) for inbound, _ in batch]


def train(folder: Path, parts: components.Components, path: Path, region: str) -> None:
    """Keep a model that has learned the rows of a CSV and their agencies."""
    from gateway.learning import train  # scikit-learn, which nobody who routes loads

    rows = read_rows(path, region=region)
    learned = train.train(parts, rows, lambda _: None, region=region)
    train.keep(folder, learned, parts.routing.topics)


def kept(folder: Path | None) -> ModelWeights | None:
    """Return the model in a folder as the gateway loads it."""
    found = registry.load(folder, "agency") if folder else None
    return found[1] if found else None


def with_model(parts: components.Components, weights: ModelWeights | None) -> Router:
    """Return the router with a model, or with the phrases alone."""
    routing = copy(parts.routing)
    routing.scorer = LearnedRanker(weights, routing.register) if weights else None
    return routing


def rss() -> float:
    """Return the memory of this process, MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def _memory(answer: Any, folder: Path | None, path: Path, region: str) -> None:
    parts = components.load(settings.load())
    route = whole(parts, with_model(parts, kept(folder)))
    for each in messages(path, region):
        route((each,))
    answer.send(rss())


def memory(folder: Path | None, path: Path, region: str) -> float:
    """Return the memory of a fresh process, all of it, that has routed the messages, MB."""
    fresh = multiprocessing.get_context("spawn")
    here, there = fresh.Pipe()
    child = fresh.Process(target=_memory, args=(there, folder, path, region))
    child.start()
    grown = float(here.recv())
    child.join()
    return grown


def ways(
    parts: components.Components, weights: ModelWeights | None, said: Sequence[Message]
) -> dict[str, Way]:
    """Return every way that is measured, by name."""
    found = {}
    for name, model in (("phrases", None), ("trained", weights)):
        routing = with_model(parts, model)
        found[f"{name}, one by one"] = Way(whole(parts, routing))
        found[f"{name}, in batches"] = Way(whole(parts, routing), BATCH)
        found[f"{name}, places and decision"] = Way(
            places_and_decision(parts, routing, said), BATCH
        )
    return found | {"obvious": Way(obvious(parts), share=9)}


def timed(way: Way, said: Sequence[Message]) -> list[float]:
    """Return the CPU time of each batch, in milliseconds per message."""
    times = []
    for at in range(0, len(said), way.size * way.share):
        batch = said[at : at + way.size]
        begun = time.process_time()
        way.route(batch)
        times.append((time.process_time() - begun) * 1000 / len(batch))
    return times


def measured(found: dict[str, Way], said: Sequence[Message], rounds: int) -> Iterator[Any]:
    """Measure every way, in turns; the first round only warms up."""
    for number in range(rounds + 1):
        for name, way in found.items():
            times = timed(way, said)
            cuts = statistics.quantiles(times, n=100)
            if number:
                yield {
                    "way": name,
                    "round": number,
                    "reports_per_second": 1000 / statistics.fmean(times),
                    "p50_ms": cuts[49],
                    "p99_ms": cuts[98],
                }


def told(runs: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Write the results as a table: medians, and how many times the obvious of the same round."""
    plain = [run["reports_per_second"] for run in runs if run["way"] == "obvious"]
    yield f"{'':<30} {'reports/s':>10} {'p50 ms':>8} {'p99 ms':>8}   times the obvious"
    for way in dict.fromkeys(run["way"] for run in runs):
        mine = [run for run in runs if run["way"] == way]
        speed, p50, p99 = (
            statistics.median(run[key] for run in mine)
            for key in ("reports_per_second", "p50_ms", "p99_ms")
        )
        times = [run["reports_per_second"] / b for run, b in zip(mine, plain, strict=True)]
        spread = f"{statistics.median(times):.1f} [{min(times):.1f} - {max(times):.1f}]"
        one = f"{p50:>8.2f} {p99:>8.2f}" if "one by one" in way or way == "obvious" else " " * 17
        yield f"{way:<30} {speed:>10,.0f} {one}   {spread}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.routing", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--train", type=Path, default=TEXTS, metavar="CSV")
    parser.add_argument("--region", default="", help="the region of rows that name none")
    chosen = parser.parse_args()
    where = chosen.train, chosen.region
    parts = components.load(settings.load())
    with tempfile.TemporaryDirectory() as folder:
        train(Path(folder), parts, *where)
        sizes = {"phrases": memory(None, *where), "trained": memory(Path(folder), *where)}
        weights = kept(Path(folder))
    said = messages(*where)
    found = ways(parts, weights, said)
    settle()  # as ``kanal run`` does; the messages are the bench's own
    runs = list(measured(found, said, chosen.rounds))
    if chosen.json:
        print(json.dumps({"memory_mb": sizes, "runs": runs}))
        return
    print(*told(runs), sep="\n")
    for name, size in sizes.items():
        print(f"memory of a process that routes, {name}: {size:.0f} MB")


if __name__ == "__main__":
    main()
