"""What every normalizer test needs: the real regions, and a message to read."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from normalizer.gazetteer import Gazetteer
from normalizer.inbound import Author, Inbound
from normalizer.message import Message, Reporter
from normalizer.normalize import Normalizer

REGIONS = Path(__file__).parents[2] / "config" / "regions"
RECEIVED = datetime(2026, 5, 14, 3, 0, tzinfo=UTC)
"""A Thursday, ten in the morning in Jakarta."""
ID = "0198c7a1-0000-7000-8000-000000000001"
TRACKING = "482109375519"

Normalize = Callable[..., Message]


@pytest.fixture(scope="session")
def gazetteer() -> Gazetteer:
    return Gazetteer.load(REGIONS)


@pytest.fixture(scope="session")
def normalize(gazetteer: Gazetteer) -> Normalize:
    reader = Normalizer(gazetteer)

    def run(text: str, *, context: str | None = None, **fields: Any) -> Message:
        values: dict[str, Any] = {
            "channel": "sms",
            "account": "1708",
            "external_id": "SM1",
            "sender": Author("+628110000000"),
            "raw": b"",
        }
        return reader.normalize(
            Inbound(text=text, **(values | fields)),
            id=ID,
            tracking=TRACKING,
            received_at=RECEIVED,
            reporter=Reporter(ref="ref", sealed="sealed"),
            context=context,
        )

    return run
