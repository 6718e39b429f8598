"""What the agency files say, row by row: national bodies, templates, overrides."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from normalizer.message import Level
from router.data import DataRow

Tier = Literal["national", "province", "regency", "district", "village"]
"""Whose affair something is; ``regency`` stands for regencies and cities alike."""
Kind = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,59}$")]
_TITLES = {Level.PROVINCE: "Provinsi", Level.REGENCY: "Kabupaten", Level.CITY: "Kota"}
_TITLED = (*_TITLES.values(), "Daerah Istimewa")


class FormerName(DataRow):
    """What a body was called until (and including) a day."""

    name: str
    until: date
    short: str = ""
    heir: bool = True
    """Of the bodies that share a former name, the heir is the one that the name now leads to."""


class NationalRow(DataRow):
    """``[agencies.ID]`` of national.toml."""

    name: str
    short: str = ""
    aliases: tuple[str, ...] = ()
    since: date | None = None
    """From when the present name holds."""
    until: date | None = None
    """The last day of a body that is no more."""
    former: tuple[FormerName, ...] = ()
    source: str = ""
    """The law that founds it."""
    verified: bool = False


class National(DataRow):
    """national.toml."""

    agencies: dict[Kind, NationalRow] = {}


class TemplateRow(DataRow):
    """``[agencies.KIND]`` of a template; ``{government}`` is filled in.

    Districts and villages also have ``{region}``, the bare name, and ``{word}``, what they are
    called there ("Distrik", "Gampong").
    """

    name: str
    city_name: str = ""
    short: str = ""
    aliases: tuple[str, ...] = ()
    names: dict[str, str] = {}
    """By region code: the names of single offices."""
    word: str = ""
    words: dict[str, str] = {}
    """By region code: the word where it is not ``word``; a regency's goes before its province's."""


class Templates(DataRow):
    """province.toml, regency.toml, district.toml or village.toml."""

    agencies: dict[Kind, TemplateRow] = {}


class Override(DataRow):
    """How one government differs from the templates: ``overrides/<code>.toml``."""

    source: str = ""
    government: str = ""
    """What the government calls itself, where that is not its level and name."""
    single_tier: bool = False
    """The province answers for its regencies too: they have no agencies of their own."""
    rename: dict[Kind, str] = {}
    add: dict[Kind, str] = {}
    short: dict[Kind, str] = {}
    aliases: dict[Kind, tuple[str, ...]] = {}
    replace: dict[Kind, Kind] = {}
    """Kind of the template → the kind that does its work here."""
    move: dict[Kind, Kind] = {}
    """Topic → the kind that answers for it here."""


PLAIN = Override()
"""A government that is as the templates say."""


def government_name(name: str, level: Level) -> str:
    """Return what a government is called: "Kota Samarinda", "Provinsi Kalimantan Timur"."""
    title = _TITLES.get(level, "")
    return name if name.startswith(_TITLED) else f"{title} {name}".strip()
