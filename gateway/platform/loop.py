"""The event loop of the gateway: the program and its tests run on this one and no other.

Loops differ where asyncio's documentation is silent (classes of transports, what a closed
connection still does), so what is tested on another loop is not tested.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")


def new() -> asyncio.AbstractEventLoop:
    """Make a loop of the kind the gateway runs on."""
    return uvloop.new_event_loop()


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on a loop of its own."""
    with asyncio.Runner(loop_factory=new) as runner:
        return runner.run(main)


__all__ = ["new", "run"]
