"""What the program writes can be read by its own user only, whatever the shell's umask is."""

import subprocess
import sys
from pathlib import Path

import pytest

from config.settings import load
from gateway.modes import readable_by_others
from tests.gateway.processes import surroundings


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of Kanal under the umask that systems come with."""
    return subprocess.run(
        ["sh", "-c", 'umask 022; exec "$@"', "sh", sys.executable, "-m", "gateway", *arguments],
        cwd=folder,
        env=surroundings(None),
        capture_output=True,
        text=True,
        timeout=110,
    )


def test_nothing_that_is_written_is_open_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run(tmp_path, "operator", "siti")
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
    assert "others can read var/kanal.sqlite3" in run(tmp_path, "check").stderr
