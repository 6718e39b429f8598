"""``python -m bench``: end-to-end reports/s and acknowledgement times, as a ratio.

Everything runs on this machine's loopback and shares its cores, services and load included: trust
the ratios of one run, not its absolute numbers against another run's.
"""

import argparse
import asyncio
import json
import sys
from contextlib import ExitStack

from bench.stacks import Embedded, Stack, started
from bench.table import CONTESTANTS, Series
from bench.trial import Failed, Size, Trial, trial
from tests.services import ServiceMissing

STACKS = ("embedded", "services")
ABOUT = """\
Signed Twilio webhooks over {connections} keep-alive connections, each sending again once answered:
{messages} messages or {seconds:g} s per run; {rounds} round(s), contestants in turn.
Shown: median [min - max].
obvious: Starlette form() and the SDK's signature check; one commit and one awaited publish
(aio-pika, confirms) per message at the door; one message at a time through the router, with one
commit and one ack each. Normalizer, router, tables and engines are Kanal's. It promises less: no
outbox, no sealing, no event log, no retries, no delivery apart from routing.
Answers to citizens are written and queued by both, and sent by neither.
"""


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one small round")
    parser.add_argument("--json", action="store_true", help="print everything measured as JSON")
    parser.add_argument("--only", choices=STACKS, help="measure on one stack")
    parser.add_argument("--messages", type=int, help="messages per run")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, help="most seconds of load per run")
    parser.add_argument("--rounds", type=int, help="runs of each contestant")
    chosen = parser.parse_args()
    quick = {"messages": 200, "seconds": 3.0, "rounds": 1}
    usual = {"messages": 1500, "seconds": 6.0, "rounds": 3}
    for name, value in (quick if chosen.quick else usual).items():
        if getattr(chosen, name) is None:
            setattr(chosen, name, value)
    return chosen


async def series(stack: Stack, size: Size, rounds: int) -> Series:
    """Run both contestants in turn, the one that begins changing by round."""
    trials: list[Trial] = []
    for number in range(rounds):
        for contestant in CONTESTANTS[:: 1 if number % 2 == 0 else -1]:
            _progress(f"{stack.title}: round {number + 1} of {rounds}, {contestant} ... ")
            trials.append(await trial(stack, contestant, size))
            _progress(f"{trials[-1].reports_per_second:,.0f} reports/s\n")
    return Series(stack.title, trials)


def main() -> None:
    """Measure and print."""
    chosen = arguments()
    size = Size(chosen.messages, chosen.connections, chosen.seconds)
    found: list[Series] = []
    with ExitStack() as running:
        stacks: list[Stack] = [Embedded()] if chosen.only != "services" else []
        if chosen.only != "embedded":
            try:
                stacks.append(running.enter_context(started()))
            except ServiceMissing as error:
                _progress(f"RabbitMQ + PostgreSQL skipped: {error}\n")
        try:
            found += [asyncio.run(series(stack, size, chosen.rounds)) for stack in stacks]
        except Failed as error:
            sys.exit(f"bench: {error}")
    if chosen.json:
        print(json.dumps([one.as_json() for one in found], indent=2))
        return
    print(ABOUT.format(**vars(chosen)))
    for one in found:
        print("\n".join(one.lines()), end="\n\n")


def _progress(said: str) -> None:
    sys.stderr.write(said)
    sys.stderr.flush()


if __name__ == "__main__":
    main()
