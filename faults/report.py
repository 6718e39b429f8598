"""What runs found, kept line by line, and ``docs/reliability.md`` made from it."""

import json
import platform
import subprocess
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from faults.matrix import ROWS, SOAK
from faults.mutations import MUTATIONS
from faults.system import ROOT

PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- measured: make faults writes from here -->", "<!-- to here -->"
NUMBERS = (
    "sent", "accepted", "assigned", "delivered", "notified", "doubled", "lost", "uncertain",
)  # fmt: skip


def run_record(seed: int, versions: str) -> dict[str, Any]:
    """Describe a run: when, where, and what of."""
    return {
        "kind": "run",
        "seed": seed,
        "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        "commit": _commit(),
        "machine": _machine(),
        "versions": versions,
    }


def keep(file: Path | None, record: dict[str, Any]) -> None:
    """Add a record to what is kept."""
    if file:
        with file.open("a") as kept:
            kept.write(json.dumps(record) + "\n")


def write(files: Iterable[Path], page: Path = PAGE) -> None:
    """Put what runs found into the page, between its marks. Raises ``ValueError``, ``OSError``."""
    records = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    text = page.read_text()
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{page.name} has no place for what is measured")
    page.write_text(f"{head}{BEGIN}\n\n{_body(records)}\n\n{END}{tail}")


def _body(records: Sequence[dict[str, Any]]) -> str:
    parts = []
    for number, run in enumerate(_runs(records), 1):
        first, rows = run[0], [each for each in run if each["kind"] == "row"]
        noticed = [each for each in run if each["kind"] == "mutation"]
        parts.append(
            f"### Run {number}: seed {first['seed']}\n\n{first['at']} UTC, commit"
            f" {first['commit']}, {first['versions']}; {first['machine']}."
        )
        if rows:
            parts += [_table(rows), *_notes(rows)]
        if noticed:
            parts += [_mutations(noticed)]
    return "\n\n".join(parts)


def _runs(records: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    runs: list[list[dict[str, Any]]] = []
    for record in records:
        if record["kind"] == "run":
            runs.append([])
        runs[-1].append(record)
    return runs


def _table(rows: Sequence[dict[str, Any]]) -> str:
    titles = {row.name: row.title + (" †" if row.hard else "") for row in (*ROWS, *SOAK)}
    lines = [
        f"| fault | {' | '.join(NUMBERS)} | seconds |",
        f"|---|{'---|' * (len(NUMBERS) + 1)}",
    ]
    for row in rows:
        cells = [str(row[name]) for name in NUMBERS]
        cells[NUMBERS.index("notified")] += f" of {row['to_notify']}"
        recovered = "never" if row["recovered"] is None else f"{row['recovered']:.1f}"
        title = titles.get(row["name"], row["name"])
        lines.append(f"| {title} | {' | '.join(cells)} | {recovered} |")
    return "\n".join(lines)


def _notes(rows: Sequence[dict[str, Any]]) -> list[str]:
    said = [(row["name"], what) for row in rows for what in (*row["broken"], *row["notes"])]
    return ["\n".join(f"- `{name}`: {what}" for name, what in said)] if said else []


def _mutations(records: Sequence[dict[str, Any]]) -> str:
    titles = {each.name: each.title for each in MUTATIONS}
    lines = ["| mutation | row | what the checker said |", "|---|---|---|"]
    for each in records:
        said = "; ".join(each["broken"]) or "**nothing**"
        lines.append(f"| {titles[each['name']]} | `{each['row']}` | {said} |")
    return "\n".join(lines)


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    memory = int(Path("/proc/meminfo").read_text().split()[1]) // 2**20
    return f"{len(names)} cores ({names[0]}), {memory} GB, {platform.system()}"


def _commit() -> str:
    said = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True
    )
    return said.stdout.strip() or "unknown"
