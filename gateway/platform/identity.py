"""Who wrote a message: sealed for that message alone, so that it cannot be moved to another."""

import json
from collections.abc import Mapping
from typing import Any

from gateway.platform.seal import REPORTER, BadSeal, Seal


def sealed_reporter(seal: Seal, message_id: str, who: Mapping[str, str | None]) -> str:
    """Seal where the writer of a message is answered, and the name and contact they gave."""
    return seal.close_text(json.dumps(who), _purpose(message_id))


def opened_reporter(seal: Seal, message_id: str, sealed: str) -> Mapping[str, Any]:
    """Open what was sealed for the same message: ``to``, ``name``, ``contact``, ``written_as``.

    What the version before sealed belongs to no message. Raises ``BadSeal``.
    """
    try:
        said = seal.open_text(sealed, _purpose(message_id))
    except BadSeal:
        said = seal.open_text(sealed, REPORTER)
    who: Mapping[str, Any] = json.loads(said)
    return who


def _purpose(message_id: str) -> str:
    return f"{REPORTER} of {message_id}"
