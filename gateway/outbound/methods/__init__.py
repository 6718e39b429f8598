"""How agencies get their reports: one file per method, named as ``[delivery.AGENCY]`` names it."""

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from adapters.load import BadBlock
from gateway.outbound.methods.base import Method
from gateway.outbound.methods.queue import QueueMethod

DEFAULT = "inbox"
"""The method of an agency whose settings name none."""
_NOT_METHODS = {"base"}


def kinds() -> list[str]:
    """List the methods there are, one per file of the folder."""
    return sorted({module.name for module in pkgutil.iter_modules(__path__)} - _NOT_METHODS)


def method_class(kind: str) -> type[Method]:
    """Return the class of a method, which its file names in ``METHOD``. Raises ``BadBlock``."""
    if kind not in kinds():
        said = f"no method {kind!r}; there are: {', '.join(kinds())}"
        raise BadBlock([(("method",), said)])
    found: type[Method] = importlib.import_module(f"{__name__}.{kind}").METHOD
    return found


def by_queue(methods: Mapping[str, Method]) -> frozenset[str]:
    """Return the agencies to which settings give a queue."""
    return frozenset(agency for agency, each in methods.items() if isinstance(each, QueueMethod))


def load(agency: str, block: Mapping[str, Any], *, public_url: str) -> Method:
    """Build the method of one agency from its settings block. Raises ``BadBlock``."""
    values = {"method": DEFAULT, **block}
    found = method_class(str(values["method"]))
    try:
        checked = found.settings.model_validate(values)
    except ValidationError as error:
        faults = [(tuple(map(str, e["loc"])), e["msg"]) for e in error.errors()]
        raise BadBlock(faults) from None
    return found(agency, checked, public_url=public_url)
