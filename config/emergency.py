"""``config/emergency.toml``: numbers to call by kind of danger and region, and words of danger."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from config.settings import SettingsError, read_toml
from config.toml import Fault

PATH = Path(__file__).parent / "emergency.toml"
LOCAL = "112"


class EmergencyRow(BaseModel):
    """A table of the file: frozen, without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Number(EmergencyRow):
    """A number to call, and where that is known from."""

    says: str = ""
    """How it is told; "" is its own name."""
    what: str = Field(alias="for")
    source: str = Field(min_length=1)
    date: date
    verified: bool


class EmergencyKind(EmergencyRow):
    """Whom to call in one kind of danger, in this order."""

    name: str
    served: tuple[str, ...] = Field(min_length=1)
    elsewhere: tuple[str, ...] = Field(min_length=1)
    beside: bool
    """Elsewhere 112 is named too, "if it connects"."""
    delicate: bool = False
    """Who lives with the reporter may read the phone: texts to it are neutral."""


class EmergencyArea(EmergencyRow):
    """The regions where 112 is answered."""

    source: str = Field(min_length=1)
    date: date
    verified: bool
    regions: tuple[str, ...]


class EmergencyWords(EmergencyRow):
    """What makes a threat one of now, and what does not."""

    now: tuple[str, ...]
    help: tuple[str, ...]
    over: tuple[str, ...]
    feared: tuple[str, ...]
    afraid: tuple[str, ...]
    talk: tuple[str, ...]
    sayings: tuple[str, ...]


class Threat(EmergencyRow):
    """The words of one kind of danger; ``cued`` ones need a cue of now or help."""

    always: tuple[str, ...]
    cued: tuple[str, ...]


class Emergency(EmergencyRow):
    """The file."""

    numbers: Mapping[str, Number]
    kinds: Mapping[str, EmergencyKind]
    served: EmergencyArea
    kind_of: Mapping[str, str]
    words: EmergencyWords
    threats: Mapping[str, Threat]
    signs: Mapping[str, str]
    """What a text about danger is made of: words with spaces between them, by sign."""

    def kind(self, urgency: str) -> str:
        """Return the kind of danger of an urgency by its id."""
        return urgency if urgency in self.kinds else self.kind_of.get(urgency, "other")

    def call(self, kind: str, regions: Iterable[str]) -> tuple[list[str], bool]:
        """Return the numbers to call in one of these regions, and whether 112 goes beside them."""
        row = self.kinds[kind]
        served = any(self._is_served(code) for code in regions)
        names = row.served if served else row.elsewhere
        said = [self.numbers[name].says or name for name in names]
        return said, row.beside and not served

    def unverified(self, regions: Iterable[str]) -> list[str]:
        """Name the numbers that are told in regions (none: anywhere) and were not confirmed."""
        codes = list(regions)
        here = {self._is_served(code) for code in codes} or {True, False}
        names = {"112"} if not self.served.verified else set()
        for row in self.kinds.values():
            names.update(*(row.served if served else row.elsewhere for served in here))
        return sorted(n for n in names if not self.numbers[n].verified)

    def faults(self) -> Iterator[str]:
        """Say what does not fit together."""
        named = (name for row in self.kinds.values() for name in (*row.served, *row.elsewhere))
        yield from (f"no number {name}" for name in set(named) - self.numbers.keys())
        kinds = {*self.threats, *self.kind_of.values(), "other"}
        yield from (f"no kind {kind}" for kind in kinds - self.kinds.keys())

    def _is_served(self, code: str) -> bool:
        return any(f"{code}.".startswith(f"{region}.") for region in self.served.regions)


@cache
def emergency(path: Path = PATH) -> Emergency:
    """Read the file. Raises ``SettingsError``."""
    try:
        found = Emergency.model_validate(read_toml(path))
    except ValidationError as error:
        raise SettingsError([Fault(str(path), 0, str(error))]) from None
    if wrong := [Fault(str(path), 0, message) for message in found.faults()]:
        raise SettingsError(wrong)
    return found
