"""Find the channel for a ``[channels.NAME]`` block: the file or package named by its ``type``."""

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

import adapters
from adapters.contract import Channel, ChannelSettings

SHARED = frozenset({"contract", "exchange", "http", "load", "partner_api", "sms"})
"""What stands beside the channels and is none."""


class UnknownChannel(Exception):
    """No file or package of this name in the adapters folder."""


class BadBlock(Exception):
    """The block does not fit its channel; ``faults`` holds (key path, message) pairs."""

    def __init__(self, faults: list[tuple[tuple[str, ...], str]]) -> None:
        super().__init__("; ".join(f"{'.'.join(keys)}: {message}" for keys, message in faults))
        self.faults = faults


def kinds() -> list[str]:
    """List the channel types there are, one per file or package of the folder."""
    return sorted({module.name for module in pkgutil.iter_modules(adapters.__path__)} - SHARED)


def channel_class(kind: str) -> type[Channel]:
    """Return the channel class of a type. Raises ``UnknownChannel``.

    Each file or package names its class in ``CHANNEL``.
    """
    if kind not in kinds():
        raise UnknownChannel(f"no channel type {kind!r}; there are: {', '.join(kinds())}")
    found: type[Channel] = importlib.import_module(f"adapters.{kind}").CHANNEL
    return found


def load(name: str, block: Mapping[str, Any], *, public_url: str) -> Channel:
    """Build the channel of one settings block. Raises ``UnknownChannel``, ``BadBlock``."""
    kind = block.get("type")
    if not isinstance(kind, str):
        raise BadBlock([(("type",), f"say which channel this is: {', '.join(kinds())}")])
    found = channel_class(kind)
    try:
        checked: ChannelSettings = found.settings.model_validate(dict(block))
    except ValidationError as error:
        faults = [(tuple(map(str, e["loc"])), e["msg"]) for e in error.errors()]
        raise BadBlock(faults) from None
    return found(name, checked, public_url=public_url)
