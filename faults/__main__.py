"""``python -m faults``: strike at a gateway and count; ends with 1 if anything was lost or doubled.

A seed replays a run. With ``--mutations`` faults are put into copies of the gateway: it ends with 1
if one goes unnoticed. ``--keep`` adds what was found to a file; ``--page`` makes the page of files.
"""

import argparse
import asyncio
import random
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from faults import report
from faults.load import Soak
from faults.matrix import ROWS, SOAK
from faults.mutations import MUTATIONS, Mutation, mutated
from faults.runner import run
from faults.versions import versions

WITHOUT_POLLER = ("web", "mail", "worker-1", "worker-2")
SOAK_RATE = 20.0
"""Messages in a second."""


def main() -> int:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(prog="faults", description=__doc__)
    names = [row.name for row in (*ROWS, *SOAK)] + [each.name for each in MUTATIONS]
    parser.add_argument("names", nargs="*", metavar="NAME", help="rows or mutations; none: all")
    parser.add_argument("--seed", type=int, help="replays a run; without: one by chance")
    parser.add_argument("--share", type=float, default=1.0, help="of the messages of a row")
    parser.add_argument("--mutations", action="store_true", help="faults in the gateway itself")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="a steady stream instead")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="add what was found to a file")
    parser.add_argument("--page", type=Path, nargs="+", metavar="FILE", help="make the page")
    parser.add_argument("--list", action="store_true", help="show all names")
    its = parser.parse_args()
    if unknown := set(its.names) - set(names):
        parser.error(f"there is no {', '.join(sorted(unknown))}; --list shows all")
    if its.list:
        for each in ROWS:
            say(f"{each.name:24}{each.title}")
        for mutation in MUTATIONS:
            say(f"{mutation.name:24}{mutation.title}")
        return 0
    if its.page:
        report.write(its.page)
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that all it started ends
    seed = random.randrange(10**6) if its.seed is None else its.seed
    say(f"seed {seed}")
    report.keep(its.keep, report.run_record(seed, versions()))
    if its.mutations:
        chosen = [each for each in MUTATIONS if not its.names or each.name in its.names]
        return strike_mutants(chosen, seed, its.share, its.keep)
    rows = [row for row in ROWS if not its.names or row.name in its.names]
    if its.soak:
        soaks = [row for row in SOAK if not its.names or row.name in its.names]
        rows = [replace(row, fault=Soak(its.soak, SOAK_RATE), messages=40) for row in soaks]
    results = asyncio.run(
        run(
            rows,
            seed=seed,
            share=its.share,
            say=say,
            keep=lambda r: report.keep(its.keep, r.record()),
        )
    )
    broken = [result for result in results if result.broken]
    say(f"{len(results)} rows, {len(broken)} broken")
    return int(bool(broken))


def strike_mutants(
    mutations: Sequence[Mutation], seed: int, share: float, file: Path | None
) -> int:
    """Strike at copies of the gateway with a fault in each; 1 if one goes unnoticed."""
    unnoticed = 0
    for mutation in mutations:
        say(f"{mutation.name}: {mutation.title}")
        with tempfile.TemporaryDirectory(prefix="kanal-mutant-") as folder:
            code = mutated(mutation, Path(folder))
            (row,) = [row for row in ROWS if row.name == mutation.row]
            (result,) = asyncio.run(
                run([row], seed=seed, share=share, code=code, roles=WITHOUT_POLLER, say=say)
            )
        unnoticed += not result.broken
        record = result.record() | {"kind": "mutation", "name": mutation.name, "row": row.name}
        report.keep(file, record)
        say("noticed" if result.broken else "NOT NOTICED")
    return int(bool(unnoticed))


def say(line: str) -> None:
    """Show how far it is."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
