"""What follows from an accusation: who gets nothing of the report, and who gets it instead.

An accused office is never assigned, never gets a copy and is never offered to an operator. The
report goes to its overseer (``config/accusations.toml``), by the place of the report.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from normalizer.reply import without_ours
from normalizer.report import Agency, Recusal, Report
from router import explain
from router.accusation import UNKNOWN, AccusedOffice, Detector, OfficeRow
from router.blend import Share
from router.data import DataError, DataFault, DataTable
from router.jurisdiction import is_ambiguous
from router.rank import Seats
from router.register import Register, Tier

SURE = 0.97
"""How sure it is, once the place is known, that the supervising body must act."""
_ANY = "regency/inspektorat"
"""Who looks into somebody whose office is not known to be overseen by anybody else."""
_LOOKS_INTO = frozenset({"national/kpk", "national/ombudsman", "national/kompolnas"})
"""Bodies that complaints about others go to: of those they are not the accused office."""


class Overseer(NamedTuple):
    """Who a report about misconduct goes to; no agency where that is not known (yet)."""

    agency: Share | None
    lacks_place: bool
    """The place would tell."""


class AccusationReading(NamedTuple):
    """What the text of a report says of its agencies."""

    recusals: tuple[Recusal, ...]
    suspected: Recusal | None
    """Whom it may accuse, if it is an accusation at all: an operator reads it first."""


class Recuser:
    """Applies the table of overseers."""

    def __init__(self, detector: Detector, register: Register) -> None:
        self._detector = detector
        self._register = register
        self._rows = detector.rules.offices
        self._overseers = _LOOKS_INTO | {
            one for row in self._rows.values() for one in row.supervisors
        }

    @classmethod
    def check(cls, table: DataTable, register: Register) -> tuple["Recuser", list[DataFault]]:
        """Build it from what can be read, and list everything that is wrong."""
        try:
            detector = Detector.build(table)
        except ValueError as error:
            text = str(error).splitlines()[0]
            raise DataError([DataFault(table.path, (), text)]) from None
        faults = [
            DataFault(table.path, ("offices", id), f"no agency {one!r} in the register")
            for id, row in detector.rules.offices.items()
            for one in (*row.agencies, *row.supervisors)
            if not _is_known(one, register)
        ]
        return cls(detector, register), faults

    def read(
        self, report: Report, text: str, ranked: Sequence[Share], at: Seats
    ) -> AccusationReading:
        """Find whom a report accuses: what it was known to do before, and what its text says.

        Of somebody without an office, the office is that of the likeliest agency in ``ranked``.
        What a reply repeats may be of somebody else: it is never more than a suspicion.
        """
        found = {each.office: each for each in report.recusals}
        accused = self._detector.accused(text)
        named = [(each, self._recusal(each, ranked, at)) for each in accused]
        for each, one in named:
            if one and each.is_sure:
                found.setdefault(one.office, one)
        folded = filter(None, (without_ours(said.whole) for said in report.messages))
        repeated = map(self._detector.accused, folded)
        hinted = [(each, self._recusal(each, ranked, at)) for some in repeated for each in some]
        doubted = [one for each, one in named if one and not each.is_sure]
        doubted += [one for _, one in hinted if one]
        return AccusationReading(
            tuple(found.values()), None if found else next(iter(doubted), None)
        )

    def _recusal(
        self, accused: AccusedOffice, ranked: Sequence[Share], at: Seats
    ) -> Recusal | None:
        office = accused.office
        row = self._rows.get(office)
        own: tuple[str, ...] = ()
        if office == UNKNOWN:
            best = ranked[0].agency.id if ranked else ""
            office, row, own = self._office_of(best)
        if row is None:
            name, agencies = explain.say("recusal_nameless"), own
        else:
            here = (self._found(one, at) for one in row.agencies)
            name = row.name
            agencies = (*row.agencies, *own, *(each.agency.id for each in here if each))
        return Recusal(
            office=office,
            name=name,
            agencies=tuple(dict.fromkeys(agencies)),
            words=tuple(filter(None, accused.words)),
        )

    def _office_of(self, agency: str) -> tuple[str, OfficeRow | None, tuple[str, ...]]:
        """Return the row of an agency that may be the accused one, and its id."""
        known = self._register.agency(agency) if agency else None
        if known is None or self.oversees(known):
            return UNKNOWN, None, ()
        for id, row in self._rows.items():
            if Recusal(office=id, name="", agencies=row.agencies).covers(agency):
                return id, row, (agency,)
        return UNKNOWN, None, (agency,)

    def oversees(self, agency: Agency) -> bool:
        """Tell whether a body is there for accusations, so that they may go there unread."""
        return Recusal(office="", name="", agencies=tuple(self._overseers)).covers(agency.id)

    def looks_into(self, agency: Agency) -> bool:
        """Tell whether a body that is there for complaints about others is the right one anyway."""
        return f"national/{agency.id}" in _LOOKS_INTO

    def overseer(self, recusals: Iterable[Recusal], at: Seats) -> Overseer | None:
        """Return who the report goes to; None where that is not for this table to say."""
        known = list(recusals)
        lacks = False
        says = False
        for recusal in known:
            row = self._rows.get(recusal.office)
            wanted = row.supervisors if row else (_ANY,) if recusal.agencies else ()
            says = says or bool(recusal.agencies or wanted)
            for nth, one in enumerate(wanted):
                found = self._found(one, at)
                if found and not any(each.covers(found.agency.id) for each in known):
                    return Overseer(found, lacks_place=lacks)
                lacks = lacks or (nth == 0 and found is None)
        return Overseer(None, lacks_place=lacks) if says else None

    def _found(self, label: str, at: Seats) -> Share | None:
        """Find the agency that ``tier/kind`` means at the places of a report."""
        tier, kind = _split(label)
        if tier == "national":
            body = self._register.find("national", kind)
            return Share(body, SURE) if body else None
        seats = at[tier]
        if not seats or is_ambiguous(seats):
            return None
        agency = self._register.find(tier, kind, seats[0].code)
        return Share(agency, SURE * seats[0].confidence) if agency else None


def without_accused(agencies: Sequence[Share], recusals: Sequence[Recusal]) -> Sequence[Share]:
    """Return the agencies that are not accused, in their order."""
    if not recusals:
        return agencies
    return [each for each in agencies if not is_accused(each.agency, recusals)]


def is_accused(agency: Agency, recusals: Iterable[Recusal]) -> bool:
    """Tell whether an agency is accused."""
    return any(each.covers(agency.id) for each in recusals)


def _split(label: str) -> tuple[Tier, str]:
    tiers: dict[str, Tier] = {
        "national": "national",
        "province": "province",
        "regency": "regency",
        "district": "district",
        "village": "village",
    }
    tier, _, kind = label.partition("/")
    return tiers[tier], kind


def _is_known(label: str, register: Register) -> bool:
    """Tell whether there can be such an agency; a province may answer for its regencies."""
    try:
        tier, kind = _split(label)
    except KeyError:
        return False
    return register.has(tier, kind) or (tier == "province" and register.has("regency", kind))
