"""How agencies get their reports: one file per method, named as ``[delivery.AGENCY]`` names it."""

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from adapters.load import BadBlock
from gateway.outbound.methods.base import CallingMethod, Method, SeveralMethods
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
    return frozenset(
        agency
        for agency, method in methods.items()
        if any(isinstance(each, QueueMethod) for each in method.each)
    )


def names_by_agency(methods: Mapping[str, Method]) -> dict[str, tuple[str, ...]]:
    """Return the names of the methods of each agency that has several at once."""
    return {
        agency: tuple(each.block.method for each in method.each)
        for agency, method in methods.items()
        if len(method.each) > 1
    }


def load(agency: str, block: Mapping[str, Any], *, public_url: str) -> Method:
    """Build the method of one agency, or its several, from its block. Raises ``BadBlock``."""
    if "methods" not in block:
        return _load_one(agency, {"method": DEFAULT, **block}, public_url)
    names = _names(block)
    shared = {key: value for key, value in block.items() if key != "methods"}
    known = {name: method_class(name).settings.model_fields.keys() for name in names}
    if strange := shared.keys() - set().union(*known.values()):
        raise BadBlock([((key,), "no method of this agency knows it") for key in sorted(strange)])
    built = [
        _load_one(
            agency,
            {"method": name} | {key: shared[key] for key in shared.keys() & known[name]},
            public_url,
        )
        for name in names
    ]
    return built[0] if len(built) == 1 else SeveralMethods(built, public_url=public_url)


def _names(block: Mapping[str, Any]) -> list[str]:
    """Read which methods a block names, the inbox first. Raises ``BadBlock``."""
    given = block["methods"]
    if not isinstance(given, list) or not given or not all(isinstance(n, str) for n in given):
        raise BadBlock([(("methods",), 'a list of methods is wanted, like ["inbox", "webhook"]')])
    if "method" in block:
        raise BadBlock([(("methods",), "set either method or methods")])
    if twice := {name for name in given if given.count(name) > 1}:
        raise BadBlock([(("methods",), f"{min(twice)!r} stands there twice")])
    calling = [name for name in given if issubclass(_class_in_list(name), CallingMethod)]
    if len(calling) > 1:
        said = f"only one of them may call the agency, and {' and '.join(calling)} do"
        raise BadBlock([(("methods",), said)])
    return sorted(given, key=lambda name: name != DEFAULT)


def _class_in_list(name: str) -> type[Method]:
    try:
        return method_class(name)
    except BadBlock as error:
        raise BadBlock([(("methods",), said) for _, said in error.faults]) from None


def _load_one(agency: str, values: Mapping[str, Any], public_url: str) -> Method:
    found = method_class(str(values["method"]))
    try:
        checked = found.settings.model_validate(values)
    except ValidationError as error:
        faults = [(tuple(map(str, e["loc"])), e["msg"]) for e in error.errors()]
        raise BadBlock(faults) from None
    return found(agency, checked, public_url=public_url)
