"""Scopes: which reports somebody may see, as a value and as a condition of every query.

A scope is of regions (where a report is), of governments and agencies (with whom it is), or of the
whole country. Whom a report accuses is never in it: an agency does not see it, nor does anybody
whose scope is the accused office's own government.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, and_, exists, false, not_, or_, true
from sqlalchemy.sql import expression

from gateway.store.tables import report_agencies, reports
from normalizer.report import Outcome, Report

NATIONAL = "ID"
"""The government of the whole country, where others have the code of their region."""
_TIERS = {2: ("province",), 5: ("regency", "district", "village")}
"""Characters of a government's region → tiers of its offices."""


@dataclass(frozen=True, slots=True)
class AccessScope:
    """What somebody may see. Empty: nothing.

    ``regions`` and ``governments`` are codes of regions with dots; a region holds what is within
    it, a government only its own agencies, and what was escalated to it.
    """

    everywhere: bool = False
    regions: frozenset[str] = field(default_factory=frozenset)
    governments: frozenset[str] = field(default_factory=frozenset)
    agencies: frozenset[str] = field(default_factory=frozenset)

    def covers(self, report: Report) -> bool:
        """Tell whether a report is in the scope."""
        if self.everywhere:
            return True
        return self._touches(report) and not self._is_accused(report)

    def holds(self, agency: str) -> bool:
        """Tell whether an agency is in the scope: of itself, of its government, or its region."""
        government = government_of(agency)
        in_region = any(_within(government, code) for code in self.regions)
        return (
            self.everywhere
            or agency in self.agencies
            or government in self.governments
            or in_region
        )

    def _touches(self, report: Report) -> bool:
        region = report.places[0].code if report.places else ""
        if any(_within(region, code) for code in self.regions):
            return True
        made = report.assignment
        mine = {made.agency.id} if made and made.agency else set()
        with_it = mine | {copy.id for copy in (made.copies if made else ())}
        if with_it & self.agencies:
            return True
        return bool(self.governments & {*map(government_of, mine), report.escalated_to})

    def _is_accused(self, report: Report) -> bool:
        if any(report.recuses(agency) for agency in self.agencies):
            return True
        offices = [office for each in report.recusals for office in each.agencies]
        return any(_is_of(office, code) for office in offices for code in self._own())

    def _own(self) -> Iterable[str]:
        return sorted(self.governments | {code[:5] for code in self.regions})


EVERYWHERE = AccessScope(everywhere=True)


def visible(scope: AccessScope) -> ColumnElement[bool]:
    """Return the condition that a row of ``reports`` is in a scope."""
    if scope.everywhere:
        return true()
    touched = [_in_region(code) for code in sorted(scope.regions)]
    if scope.governments:
        governments = sorted(scope.governments)
        touched += [
            reports.c.government.in_(governments),
            reports.c.escalated_to.in_(governments),
        ]
    if scope.agencies:
        agencies = sorted(scope.agencies)
        copied = _part("copy", report_agencies.c.agency_id.in_(agencies))
        touched += [reports.c.agency_id.in_(agencies), and_(reports.c.copied, copied)]
    if not touched:
        return false()
    accused = and_(reports.c.accuses, _part("accused", _accused(scope)))
    return and_(or_(*touched), not_(accused))


def government_of(agency: str) -> str:
    """Return whose agency it is: the code of a province or a regency, or ``NATIONAL``."""
    digits = agency.partition("-")[0]
    if not digits.isdigit():
        return NATIONAL
    return digits[:2] if len(digits) == 2 else f"{digits[:2]}.{digits[2:4]}"


def regency_of(region: str | None) -> str | None:
    """Return the regency or city that a region is in; the province where that is open."""
    return region[:5] if region else None


def _in_region(code: str) -> ColumnElement[bool]:
    if len(code) == 5:
        return reports.c.regency == code
    inside = or_(reports.c.region == code, reports.c.region.startswith(f"{code}.", autoescape=True))
    return and_(reports.c.regency == code[:5], inside) if len(code) > 5 else inside


def _part(part: str, which: ColumnElement[bool]) -> ColumnElement[bool]:
    row = report_agencies.c
    return exists(expression.literal(1)).where(
        row.report_id == reports.c.id, row.part == part, which
    )


def _accused(scope: AccessScope) -> ColumnElement[bool]:
    """Return the condition that a row names an accused office of the scope."""
    office = report_agencies.c.agency_id
    named = {name for agency in scope.agencies for name in _names(agency)}
    found: list[ColumnElement[bool]] = [office.in_(sorted(named))] if named else []
    for code in scope._own():
        found += [office.startswith(f"{tier}/", autoescape=True) for tier in _tiers(code)]
        if code == NATIONAL:
            found.append(and_(not_(office.contains("/")), not_(_begins_with_digit(office))))
        elif len(code) == 2:
            found.append(office.startswith(f"{code}-", autoescape=True))
        else:
            found.append(office.startswith(code.replace(".", ""), autoescape=True))
    return or_(false(), *found)


def _begins_with_digit(office: ColumnElement[str]) -> ColumnElement[bool]:
    return or_(*(office.startswith(str(digit)) for digit in range(10)))


def _names(agency: str) -> tuple[str, ...]:
    """Return what stands for an agency in a recusal: its id, and its kind at its tier."""
    digits, _, kind = agency.partition("-")
    tier = {2: "province", 4: "regency", 6: "district", 10: "village"}.get(len(digits))
    return (agency, f"{tier}/{kind}" if tier and digits.isdigit() else f"national/{agency}")


def _tiers(code: str) -> tuple[str, ...]:
    return ("national",) if code == NATIONAL else _TIERS.get(len(code), ())


def _is_of(office: str, code: str) -> bool:
    """Tell whether an office, as a recusal names it, is or may be one of a government's."""
    tier, slash, _ = office.partition("/")
    return tier in _tiers(code) if slash else government_of(office) == code


def _within(region: str, code: str) -> bool:
    return region == code or region.startswith(f"{code}.")


def parts_of(report: Report) -> set[tuple[str, str]]:
    """Return which agencies have a part in a report beside its own: ``copy`` or ``accused``."""
    made = report.assignment
    given = made and made.decision is Outcome.ASSIGN
    copies = {("copy", each.id) for each in (made.copies if made and given else ())}
    return copies | {("accused", name) for each in report.recusals for name in each.agencies}
