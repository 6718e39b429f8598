"""A private nginx in a folder of its own, in front of whatever its ``http`` block names."""

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from tests.services.programs import end, program

NGINX = ("nginx", "/usr/sbin/nginx")
KINDS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
SETTINGS = """\
{user}
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
{temporary}
access_log off;
{block}
}}
"""


class Nginx:
    """One nginx; started by ``start``, ended by ``close`` or at the end of Python.

    ``start`` raises ``ServiceMissing``, and ``RuntimeError`` with what nginx said.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="kanal-nginx-"))
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)

    def start(self, block: str, port: int, *, timeout: float = 20) -> None:
        """Serve an ``http`` block and wait until ``port`` takes connections."""
        server = program(NGINX, "nginx")
        file = self.folder / "nginx.conf"
        kept = "\n".join(f"{kind}_temp_path {self.folder}/{kind};" for kind in KINDS)
        user = "user root;" if os.geteuid() == 0 else ""
        file.write_text(SETTINGS.format(user=user, folder=self.folder, temporary=kept, block=block))
        with (self.folder / "out").open("wb") as out:
            self._process = subprocess.Popen(
                [server, "-p", str(self.folder), "-c", str(file), "-e", f"{self.folder}/error.log"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self._wait(port, timeout)

    def close(self) -> None:
        """End it and remove its folder."""
        if self._process is not None:
            end(self._process.pid, signal.SIGTERM)
            self._process.wait()
            self._process = None
        shutil.rmtree(self.folder, ignore_errors=True)
        atexit.unregister(self.close)

    def _wait(self, port: int, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                assert self._process is not None
                if self._process.poll() is not None or time.monotonic() > deadline:
                    said = (self.folder / "out").read_text(errors="replace")
                    raise RuntimeError(f"nginx did not start: {said}") from None
                time.sleep(0.02)
