"""A missing service is said, an installed one is not started, and ports are ours alone."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services import programs


def test_a_program_that_cannot_be_had_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "_may_install", lambda: False)
    with pytest.raises(programs.ServiceMissing, match="rabbitmq-server is not installed"):
        programs.program(("no-such-program", "/no/such/*/program"), "rabbitmq-server")


@pytest.mark.parametrize("before", [None, "#!/bin/sh\nexit 0\n"])
def test_installing_starts_no_service_and_leaves_the_policy_as_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, before: str | None
) -> None:
    policy = tmp_path / "policy-rc.d"
    if before is not None:
        policy.write_text(before)
    monkeypatch.setattr(programs, "POLICY", policy)
    with programs._services_stay_down():
        assert policy.read_text() == (before or "#!/bin/sh\nexit 101\n")
    assert (policy.read_text() if policy.exists() else None) == before


def test_ports_are_free_and_differ() -> None:
    ports = programs.free_ports(20)
    assert len(set(ports)) == 20
    for port in ports:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", port))


def test_services_know_nothing_of_the_product() -> None:
    loads = "import sys, tests.services, tests.services.proxy; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", loads], capture_output=True, text=True, check=True)
    rooms = {"gateway", "adapters", "router", "normalizer", "config"}
    assert rooms.isdisjoint(done.stdout.split())
