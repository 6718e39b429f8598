"""Find the programs a service needs, install them where that is allowed, and choose its ports."""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from glob import glob
from pathlib import Path

POLICY = Path("/usr/sbin/policy-rc.d")
PORTS = range(20_000, 32_000)
"""Below the ports the kernel gives to outgoing connections: a server that is down for a moment
would otherwise find its port taken by some client when it comes back."""


class ServiceMissing(RuntimeError):
    """A program is not installed here and could not be installed."""


def program(patterns: tuple[str, ...], package: str) -> str:
    """Return the path of the first program found, installing ``package`` if there is none.

    Raises ``ServiceMissing``.
    """
    found = _look(patterns)
    if found is None and _may_install():
        _install(package)
        found = _look(patterns)
    if found is None:
        raise ServiceMissing(f"{package} is not installed: found none of {', '.join(patterns)}")
    return found


def chromium() -> str:
    """Return the path of a Chromium. Raises ``ServiceMissing``."""
    return program(("chromium", "chromium-browser", "google-chrome"), "chromium")


def free_ports(count: int) -> list[int]:
    """Choose TCP ports that nobody listens on at 127.0.0.1."""
    with contextlib.ExitStack() as held:
        return [held.enter_context(_listener()).getsockname()[1] for _ in range(count)]


def end(pid: int, how: signal.Signals, *, within: float = 20) -> None:
    """Signal a process and wait until it is gone; kill it when it does not go in time."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, how)
    deadline = time.monotonic() + within
    while alive(pid):
        if time.monotonic() > deadline:
            how, deadline = signal.SIGKILL, time.monotonic() + within
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, how)
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Say whether a process runs; one that ended but was not waited for does not."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _look(patterns: tuple[str, ...]) -> str | None:
    for pattern in patterns:
        found = sorted(glob(pattern)) if "/" in pattern else [shutil.which(pattern)]
        if found and found[-1]:
            return found[-1]
    return None


def _may_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def _install(package: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package]
    with _services_stay_down():
        for command in (["apt-get", "update", "-qq"], install):
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run(command, env=environment, capture_output=True, timeout=300)


@contextlib.contextmanager
def _services_stay_down() -> Iterator[None]:
    """Keep Debian from starting what it installs: our servers are private ones."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)


def _listener() -> socket.socket:
    while True:
        listener = socket.socket()
        try:
            listener.bind(("127.0.0.1", random.choice(PORTS)))
        except OSError:
            listener.close()
        else:
            return listener
