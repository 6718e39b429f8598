"""What the program writes can be read by its own user only, whatever the shell's umask is."""

import ast
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import gateway
from config.settings import load
from gateway.cli import app
from gateway.platform.modes import readable_by_others
from tests.gateway.learning_rows import history
from tests.gateway.processes import surroundings


def run(
    folder: Path, *arguments: str, umask: str = "022", how: tuple[str, ...] = ("-m", "gateway")
) -> subprocess.CompletedProcess[str]:
    """Run a command of Kanal under an umask: 022 is what systems come with."""
    return subprocess.run(
        ["sh", "-c", f'umask {umask}; exec "$@"', "sh", sys.executable, *how, *arguments],
        cwd=folder,
        env=surroundings(None),
        capture_output=True,
        text=True,
        timeout=110,
    )


def test_nothing_that_is_written_is_open_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run(tmp_path, "migrate")
    assert done.returncode == 0, done.stderr
    written = [tmp_path / "var", *(tmp_path / "var").rglob("*")]
    assert {"seal.key", "kanal.sqlite3"} <= {path.name for path in written}
    assert [str(path) for path in written if path.lstat().st_mode & 0o077] == []
    monkeypatch.chdir(tmp_path)
    assert readable_by_others(load()) == []
    (tmp_path / "var").chmod(0o755)
    (tmp_path / "var" / "kanal.sqlite3").chmod(0o644)
    named = [path.name for path in readable_by_others(load())]
    assert named == ["var", "kanal.sqlite3"]
    assert "others can read var/kanal.sqlite3" in CliRunner().invoke(app, ["check"]).stderr


EVERYTHING = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from config.settings import load
from gateway.platform import loop
from gateway.assembly import assemble
from gateway.process import Kanal
from gateway.store.rows import QuarantineItem

async def live():
    kanal = Kanal(assemble(load(
        server={"port": 0, "data_dir": "deep/er/data"},
        mail_server={"port": 0, "lmtp_socket": "deep/er/data/lmtp"},
        channels={"email": {"type": "mail", "address": "lapor@lapor.localhost"}},
    )))
    await kanal.start()
    await kanal.services.attachments.put(b"a file")
    item = QuarantineItem("1", "email", "forged", "", b"x", 1, "open", datetime.now(UTC))
    kanal.services.spool.write([item])
    for path in sorted(Path("deep").rglob("*")):
        print(oct(path.lstat().st_mode), path)
    await kanal.stop()

loop.run(live())
"""
"""The gateway run by somebody who has not set the umask that the command sets."""


def open_to_others(lines: list[str]) -> list[str]:
    return [line for line in lines if int(line.split()[0], 8) & 0o077]


def test_a_running_gateway_needs_no_umask(tmp_path: Path) -> None:
    done = run(tmp_path, EVERYTHING, umask="000", how=("-c",))
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("0o")]
    names = {Path(line.split()[1]).name for line in lines}
    assert {"seal.key", "kanal.sqlite3", "kanal.sqlite3-wal", "spool", "new", "files"} <= names
    assert any(line.endswith(".json") for line in lines), "a batch of the spool"
    shut, (socket,) = [line for line in lines if "lmtp" not in line], [*filter(_socket, lines)]
    assert open_to_others(shut) == []
    assert int(socket.split()[0], 8) & 0o007 == 0, "the mail server's group may, others may not"
    assert not (tmp_path / "deep").stat().st_mode & 0o077, "the folders above it that we made"


def _socket(line: str) -> bool:
    return stat.S_ISSOCK(int(line.split()[0], 8))


def test_what_is_learned_and_shown_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a program that has not set the command's umask calls it."""
    rows = str(history(tmp_path / "rows.csv", rows=40))
    monkeypatch.chdir(tmp_path)
    before = os.umask(0)
    try:
        for arguments in (("train", rows), ("evaluate", rows, "--html", "page.html")):
            done = CliRunner().invoke(app, arguments)
            assert done.exit_code == 0, done.stderr
    finally:
        os.umask(before)
    written = [tmp_path / "page.html", tmp_path / "var", *(tmp_path / "var").rglob("*")]
    assert {"model.npz", "card.json", "active"} & {path.name for path in written}
    assert [str(path) for path in written if path.lstat().st_mode & 0o077] == []


def _writes(tree: ast.AST) -> Iterator[str]:
    """Yield what makes a file or folder by itself, with the modes that the umask leaves."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        called = called or getattr(node.func, "id", "")
        words = [*node.args, *(k.value for k in node.keywords if k.arg == "mode")]
        modes = [str(w.value) for w in words if isinstance(w, ast.Constant)]
        opened = called == "open" and any(set(mode) & set("wax+") for mode in modes if mode)
        if opened or called in {"mkdir", "makedirs", "write_text", "write_bytes", "touch"}:
            yield called


@pytest.mark.parametrize(
    "source", ["p.mkdir()", "open(p, 'wb')", "p.open(mode='a')", "p.write_text('x')"]
)
def test_the_sweep_finds(source: str) -> None:
    assert list(_writes(ast.parse(source)))


def test_every_file_is_made_by_who_closes_it() -> None:
    (folder,) = gateway.__path__
    found = {
        str(path.relative_to(folder))
        for path in Path(folder).rglob("*.py")
        for _ in _writes(ast.parse(path.read_text()))
    }
    own = {name for name in found if not name.startswith(("demo/", "web/draw_icons"))}
    assert own == {"platform/disk.py"}, (
        "use private_file and private_folder of gateway/platform/disk.py"
    )
