"""The reading processes: deadlines, crashes, exceptions, recycling."""

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable

import pytest

from gateway.platform.sandbox import ReaderCrashed, Sandbox, TookTooLong


class Odd(Exception):
    """Its signature breaks unpickling."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(one + two)


def double(number: int) -> int:
    return number * 2


def pid() -> int:
    return os.getpid()


def imported(module: str) -> bool:
    return module in sys.modules


def busy() -> None:
    while True:
        pass


def backtracks() -> bool:
    """Stay inside one C call, where no Python signal handler runs."""
    return re.fullmatch(r"(a+)+b", "a" * 60) is not None


def says(error: Exception) -> None:
    raise error


def odd() -> None:
    raise Odd("a", "b")


def leaves() -> None:
    raise SystemExit(3)


def dies() -> None:
    os._exit(3)


def segfaults() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def hungry() -> int:
    return len(bytearray(2**31))


def unpicklable() -> Callable[[], int]:
    return lambda: 1


def slow(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


@pytest.fixture
async def reader() -> AsyncIterator[Sandbox]:
    reader = Sandbox(2, 2.0, modules=(__name__, "colorsys"))
    yield reader
    await reader.close()


async def test_answers_come_from_another_process(reader: Sandbox) -> None:
    assert await reader.read(double, 21) == 42
    assert await reader.read(pid) != os.getpid()


async def test_modules_are_imported_before_the_first_call(reader: Sandbox) -> None:
    assert await reader.read(imported, "colorsys")


@pytest.mark.parametrize("loops", [busy, backtracks])
async def test_a_loop_is_killed_at_the_deadline(
    reader: Sandbox, loops: Callable[[], object]
) -> None:
    await reader.read(double, 1)
    began = time.monotonic()
    with pytest.raises(TookTooLong):
        await reader.read(loops)
    assert 2.0 <= time.monotonic() - began < 20.0
    assert await reader.read(double, 2) == 4


async def test_the_event_loop_runs_on_meanwhile(reader: Sandbox) -> None:
    reading = asyncio.create_task(reader.read(busy))
    turns = 0
    while not reading.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert turns > 30
    assert isinstance(reading.exception(), TookTooLong)


@pytest.mark.parametrize(
    "error", [ValueError("bad"), TimeoutError("its own"), RecursionError("deep"), KeyError("x")]
)
async def test_the_functions_own_exception_comes_through(reader: Sandbox, error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        await reader.read(says, error)
    assert caught.value.args == error.args


CRASHES = [dies, segfaults, hungry, leaves, odd, unpicklable]


@pytest.mark.parametrize("crash", CRASHES)
async def test_a_crash_costs_one_call_only(reader: Sandbox, crash: Callable[[], object]) -> None:
    for _ in range(3):
        with pytest.raises(ReaderCrashed):
            await reader.read(crash)
        assert await reader.read(double, 3) == 6


async def test_neighbours_of_crashes_are_not_hurt() -> None:
    reader = Sandbox(2, 30.0, modules=(__name__,))
    calls = [reader.read(dies) if n % 10 == 5 else reader.read(double, n) for n in range(40)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    await reader.close()
    for n, answer in enumerate(answers):
        assert isinstance(answer, ReaderCrashed) if n % 10 == 5 else answer == 2 * n, n


async def test_an_idle_worker_killed_from_outside_is_replaced(reader: Sandbox) -> None:
    os.kill(await reader.read(pid), signal.SIGKILL)
    for n in range(20):
        assert await reader.read(double, n) == 2 * n


async def test_workers_share_the_work() -> None:
    reader = Sandbox(2, 30.0, modules=(__name__,))
    await asyncio.gather(*(reader.read(slow, 0.3) for _ in range(2)))
    pids = await asyncio.gather(*(reader.read(slow, 0.3) for _ in range(4)))
    await reader.close()
    assert len(set(pids)) == 2


async def test_a_cancelled_call_frees_its_worker() -> None:
    reader = Sandbox(1, 30.0)
    await reader.read(double, 1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await reader.read(busy)
    async with asyncio.timeout(25):
        assert await reader.read(double, 4) == 8
        await reader.close()


async def test_a_cancelled_first_call_leaves_a_working_reader(reader: Sandbox) -> None:
    first = asyncio.create_task(reader.read(double, 1))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await reader.read(double, 2) == 4


async def test_closing_waits_for_running_calls_and_refuses_new_ones() -> None:
    reader = Sandbox(1, 30.0, modules=(__name__,))
    await reader.read(double, 1)
    running = asyncio.create_task(reader.read(slow, 0.5))
    await asyncio.sleep(0.1)
    await reader.close()
    assert await running > 0
    with pytest.raises(ReaderCrashed):
        await reader.read(double, 1)


async def test_closing_is_bounded() -> None:
    reader = Sandbox(1, 0.5, modules=(__name__,))  # else the first call pays for the import
    await reader.read(double, 1)
    queue = [asyncio.create_task(reader.read(busy)) for _ in range(8)]
    await asyncio.sleep(0.1)
    async with asyncio.timeout(20):
        await reader.close()
        outcomes = await asyncio.gather(*queue, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} <= {TookTooLong, ReaderCrashed}


async def test_a_reader_that_was_never_used_closes() -> None:
    await Sandbox(1, 1.0).close()


async def test_a_module_that_is_missing_is_a_crash_not_a_hang() -> None:
    reader = Sandbox(1, 10.0, modules=("no_such_module",))
    async with asyncio.timeout(60):
        with pytest.raises(ReaderCrashed):
            await reader.read(double, 1)
        await reader.close()
