"""Settings from the environment: ``KANAL_SECTION__KEY``, lists and tables in JSON.

Every variable that begins so is a setting, so that a misspelt one is a fault and not silence;
``KANAL_CONFIG`` names the file, and ``KANAL_CLOCK_OFFSET_FILE`` moves the clock of a test system.
"""

import json
import os
from typing import Any

from config.toml import merge

PREFIX = "KANAL_"
FILE = "KANAL_CONFIG"
OFFSET_FILE = "KANAL_CLOCK_OFFSET_FILE"
"""No setting: a file with seconds to add to the clock of a test system."""


def variables() -> dict[tuple[str, ...], str]:
    """Return the names of the variables that set something, by the setting they name."""
    names = sorted(name for name in os.environ if name.upper().startswith(PREFIX))
    names = [name for name in names if name.upper() not in (FILE, OFFSET_FILE)]
    return {tuple(name[len(PREFIX) :].lower().split("__")): name for name in names}


def environment() -> dict[str, Any]:
    """Return what the variables set, nested like the TOML file."""
    values: dict[str, Any] = {}
    for keys, name in sorted(variables().items(), key=lambda item: len(item[0])):
        value = _json_or_text(os.environ[name])
        for key in reversed(keys):
            value = {key: value}
        merge(values, value)
    return values


def _json_or_text(value: str) -> Any:
    """Read lists and tables as JSON; what is no JSON is left to be refused as the text it is."""
    try:
        return json.loads(value) if value.lstrip()[:1] in ("[", "{") else value
    except (ValueError, RecursionError):
        return value


def variables_of(keys: tuple[str, ...]) -> str:
    """Name the variables that set ``keys`` or part of it, or the one that would."""
    names = [name for path, name in variables().items() if path[: len(keys)] == keys[: len(path)]]
    return ", ".join(names) or PREFIX + "__".join(keys).upper()
