"""The fault runner: it knows the gateway from outside only, and a short run of it finds nothing."""

import ast
import os
from pathlib import Path

import pytest

import faults
from faults import report
from faults.matrix import ROWS
from faults.mutations import CODE, MUTATIONS, mutated
from faults.runner import run

FILES = sorted(Path(faults.__file__).parent.glob("*.py"))
QUICK = [row for row in ROWS if row.quick]
WITHOUT_POLLER = ("web", "mail", "worker-1", "worker-2")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_nothing_of_the_gateway_is_imported(file: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.Import):
            imported |= {each.name.partition(".")[0] for each in node.names}
    assert imported.isdisjoint({*CODE, "demo", "bench"})


def test_rows_have_names_of_their_own() -> None:
    names = [row.name for row in ROWS] + [each.name for each in MUTATIONS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_still_finds_its_place_and_a_row(mutation: object, tmp_path: Path) -> None:
    (its,) = [each for each in MUTATIONS if each is mutation]
    code = mutated(its, tmp_path)
    for change in its.changes:
        compile((code / change.file).read_text(), change.file, "exec")
    assert its.row in {row.name for row in ROWS}


def test_the_page_is_made_of_what_was_kept(tmp_path: Path) -> None:
    kept, page = tmp_path / "kept.jsonl", tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    numbers = dict.fromkeys(report.NUMBERS, 3) | {"to_notify": 4, "recovered": 1.25}
    row = {"kind": "row", "name": "control", "broken": [], "notes": ["by the way"], **numbers}
    report.keep(kept, report.run_record(5, "versions"))
    report.keep(kept, row)
    report.keep(kept, {"kind": "mutation", "name": MUTATIONS[0].name, "row": "x", "broken": []})
    report.write([kept], page)
    said = page.read_text()
    assert "| nothing | 3 | 3 | 3 | 3 | 3 of 4 | 3 | 3 | 3 | 1.2 |" in said
    assert "seed 5" in said
    assert "- `control`: by the way" in said
    assert "**nothing**" in said
    assert "old" not in said


@pytest.mark.timeout(600)
@pytest.mark.parametrize("stack", sorted({row.stack for row in QUICK}))
async def test_a_short_run_loses_and_doubles_nothing(
    stack: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row for row in QUICK if row.stack == stack]
    results = await run(
        rows, seed=int(os.environ.get("KANAL_SEED", "7")), share=0.4, roles=WITHOUT_POLLER
    )
    assert {result.row.name: result.broken for result in results} == {row.name: [] for row in rows}
