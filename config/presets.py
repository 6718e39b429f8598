"""Presets: what is publicly known of a provider's interface, as settings that a block builds upon.

A folder of ``config/`` for each type of channel that has some, a file for each provider. ``about``
says where its facts are from, and whether they were tried or only read.
"""

from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from config.toml import merge, read_toml

FOLDER = Path(__file__).parent
ABOUT = "about"


def names(kind: str) -> list[str]:
    """List the presets of a folder."""
    return sorted(path.stem for path in (FOLDER / kind).glob("*.toml"))


def below(kind: str, name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Lay settings over a preset, table by table: whatever they say themselves wins.

    Raises ``ValueError`` where there is no such preset, and ``SettingsError``.
    """
    if name not in names(kind):
        raise ValueError(f"there is no preset {name!r}; there are: {', '.join(names(kind))}")
    laid: dict[str, Any] = {}
    known = deepcopy(dict(_read(kind, name)))  # what is read once is never laid over
    known.pop(ABOUT, None)
    merge(laid, known)
    merge(laid, values)
    return laid


@cache
def _read(kind: str, name: str) -> Mapping[str, Any]:
    return read_toml(FOLDER / kind / f"{name}.toml")
