"""Which versions were struck at."""

import os
import platform
import re
import sqlite3
import subprocess
from pathlib import Path

from tests.services.postgres import INITDB
from tests.services.programs import ServiceMissing, program
from tests.services.rabbit import CHOSEN, MACHINE


def versions() -> str:
    """Name the versions of Python, SQLite, PostgreSQL and RabbitMQ."""
    return ", ".join(
        [
            f"Python {platform.python_version()}",
            f"SQLite {sqlite3.sqlite_version}",
            f"PostgreSQL {_postgres()}",
            f"RabbitMQ {_rabbit()}",
        ]
    )


def _postgres() -> str:
    try:
        said = subprocess.run(
            [program(INITDB, "postgresql"), "--version"], capture_output=True, text=True
        ).stdout
    except ServiceMissing:
        return "missing"
    found = re.search(r"\d+\.\d+", said)
    return found[0] if found else "unknown"


def _rabbit() -> str:
    root = Path(os.environ.get(CHOSEN) or MACHINE)
    found = sorted(root.glob("usr/lib/rabbitmq/lib/rabbitmq_server-*"))
    return found[-1].name.rpartition("-")[2] if found else "unknown"
