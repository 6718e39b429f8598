"""Run pure reading functions in worker processes, with a hard deadline and a memory limit.

A hostile message can make any parser loop or swallow memory. Here that costs one worker process
and one message, never the event loop.

    ReadingError
    ├── TookTooLong         the deadline passed and the worker was killed
    └── ReaderCrashed       the worker died, ran out of memory, or the reader was closed
"""

import asyncio
import contextlib
import importlib
import multiprocessing
import pickle
import resource
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor
from typing import Any, TypeVar, cast

from pebble import ProcessExpired, ProcessFuture, ProcessPool

GIB = 2**30
TASKS_PER_WORKER = 500
"""Then the worker is replaced: parsers leak, and a leak must not grow without end."""

T = TypeVar("T")


class ReadingError(Exception):
    """It could not be read."""


class TookTooLong(ReadingError):
    """The deadline passed and the worker was killed."""


class ReaderCrashed(ReadingError):
    """The worker died, ran out of memory, or the reader was closed."""


class Sandbox:
    """A pool of reading processes, started by the first ``read``.

    ``seconds`` is the deadline of one call, counted from when a worker takes it up. ``modules``
    are imported when a worker starts, so that no call pays for that. ``memory`` is the address
    space of one worker, in bytes.
    """

    def __init__(
        self, workers: int, seconds: float, *, modules: Sequence[str] = (), memory: int = GIB
    ) -> None:
        self._workers, self._seconds = workers, seconds
        self._modules, self._memory = tuple(modules), memory
        self._starting: asyncio.Task[ProcessPool] | None = None
        self._running: set[ProcessFuture[bytes]] = set()
        self._closed = False

    async def read(self, function: Callable[..., T], *arguments: object) -> T:
        """Return ``function(*arguments)``, computed in a worker; all must be picklable.

        Raises what the function raises, ``TookTooLong`` or ``ReaderCrashed``. Cancelling the
        call kills the worker.
        """
        call = pickle.dumps((function, arguments))
        try:
            outcome = await self._outcome(call)
        except BrokenExecutor:
            outcome = await self._again(call)
        answer, error = _unpickle(outcome)
        if error is not None:
            raise error
        return cast("T", answer)

    async def close(self) -> None:
        """Let running calls end, at most until their deadline, then stop the workers."""
        self._closed = True
        if self._starting is not None:
            with contextlib.suppress(Exception):
                await asyncio.to_thread(self._shut, await self._starting)

    async def _outcome(self, call: bytes) -> bytes:
        pool = await self._ready()
        try:
            return await self._scheduled(pool, call)
        except TimeoutError:
            raise TookTooLong(f"not read within {self._seconds:g} s") from None
        except ProcessExpired as error:
            raise ReaderCrashed(f"the worker ended with status {error.exitcode}") from None
        except BrokenExecutor:
            raise
        except RuntimeError as error:
            raise ReaderCrashed(str(error)) from None
        except asyncio.CancelledError:
            if self._cancelled_by_caller():
                raise
            raise ReaderCrashed("the reader was closed") from None

    async def _again(self, call: bytes) -> bytes:
        # An idle worker was killed and pebble gave up all calls; this one had no part in it.
        try:
            return await self._outcome(call)
        except BrokenExecutor as error:
            raise ReaderCrashed(str(error)) from None

    async def _scheduled(self, pool: ProcessPool, call: bytes) -> bytes:
        future: ProcessFuture[bytes] = pool.schedule(_run, args=(call,), timeout=self._seconds)
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        return await asyncio.wrap_future(future)

    @staticmethod
    def _cancelled_by_caller() -> bool:
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0

    async def _ready(self) -> ProcessPool:
        """Return the pool, started off the loop, and again when the old one broke."""
        if self._closed:
            raise ReaderCrashed("the reader is closed")
        if not self._usable():
            self._starting = asyncio.create_task(asyncio.to_thread(self._start))
        assert self._starting is not None
        return await asyncio.shield(self._starting)

    def _usable(self) -> bool:
        task = self._starting
        if task is None or not task.done():
            return task is not None
        return not task.cancelled() and task.exception() is None and task.result().active

    def _start(self) -> ProcessPool:
        # A fork of this process would inherit its threads' locks, the loop and every socket.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["__main__", *self._modules])
        pool = ProcessPool(
            self._workers,
            max_tasks=TASKS_PER_WORKER,
            initializer=_prepare,
            initargs=(self._memory, self._modules),
            context=context,
        )
        if not pool.active:  # asking starts it
            raise BrokenExecutor("the workers did not start")
        return pool

    def _shut(self, pool: ProcessPool) -> None:
        pool.close()  # type: ignore[no-untyped-call]
        try:
            pool.join(self._seconds + 1)
        except TimeoutError:
            for future in list(self._running):
                future.cancel()  # type: ignore[no-untyped-call]
            pool.stop()  # type: ignore[no-untyped-call]
            pool.join()


def _prepare(memory: int, modules: tuple[str, ...]) -> None:
    """Set up a worker."""
    # pebble's handler runs between two bytecodes: a regular expression that backtracks without end
    # would outlive its deadline by seconds.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for name in modules:
        importlib.import_module(name)
    resource.setrlimit(resource.RLIMIT_AS, (memory, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _run(call: bytes) -> bytes:
    """Make one call in the worker; return its pickled answer or exception.

    Pickled here because pebble breaks the whole pool over one exception it cannot unpickle.
    """
    function, arguments = pickle.loads(call)
    outcome: tuple[Any, Exception | None]
    try:
        outcome = function(*arguments), None
    except MemoryError:
        raise RuntimeError("out of memory") from None
    except Exception as error:
        outcome = None, error.with_traceback(None)
    except BaseException as error:  # SystemExit would end the gateway, not the worker
        raise RuntimeError(f"the worker was stopped by {type(error).__name__}") from None
    return _pickle(outcome)


def _pickle(outcome: tuple[Any, Exception | None]) -> bytes:
    try:
        return pickle.dumps(outcome)
    except Exception as error:
        raise RuntimeError(f"the outcome cannot be pickled: {type(error).__name__}") from None


def _unpickle(outcome: bytes) -> tuple[Any, Exception | None]:
    try:
        answer, error = pickle.loads(outcome)
    except Exception as fault:
        raise ReaderCrashed(f"the outcome cannot be unpickled: {type(fault).__name__}") from None
    return answer, error


__all__ = ["ReaderCrashed", "ReadingError", "Sandbox", "TookTooLong"]
