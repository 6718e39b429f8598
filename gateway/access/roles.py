"""Roles: what people may do, and where. One table says which role has which right."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.store.scope import NATIONAL, AccessScope


class Role(StrEnum):
    """What somebody is, in a scope."""

    ADMINISTRATOR = "administrator"
    """Manages accounts of the whole country."""
    OPERATOR = "operator"
    """Decides what the machine was unsure of, in a region."""
    COORDINATOR = "coordinator"
    """Sees and hands over all reports of a government, and invites its officers."""
    OFFICER = "officer"
    """Works on the reports of an agency."""
    LEADER = "leader"
    """Sees figures of a region, a government or an agency; no texts."""
    AUDITOR = "auditor"
    """Sees who did what, and how reports were decided; no texts."""


class Right(StrEnum):
    """What a page or an act needs."""

    READ = "read"
    """Texts and files of all reports of the scope; officers have those of their inbox."""
    DECIDE = "decide"
    """Assign, ask, archive, merge, split, release words."""
    OPERATE = "operate"
    """Queues, dead letters, quarantine, calls to providers: of the whole country only."""
    IDENTITY = "identity"
    """Open who reported; the grant must say so, too."""
    ANSWER = "answer"
    """Act on a report for the agency that has it."""
    COORDINATE = "coordinate"
    """Hand over between agencies of a government, and delegate."""
    INVITE = "invite"
    """Invite people, within one's own scope."""
    FIGURES = "figures"
    HISTORY = "history"
    """The log of a report, without its texts."""
    ACCOUNTS = "accounts"
    """Everybody's accounts."""
    ACCESS_LOG = "access_log"


RIGHTS: Mapping[Role, frozenset[Right]] = {
    Role.ADMINISTRATOR: frozenset({Right.ACCOUNTS, Right.INVITE, Right.ACCESS_LOG, Right.FIGURES}),
    Role.OPERATOR: frozenset(
        {
            Right.READ,
            Right.DECIDE,
            Right.OPERATE,
            Right.IDENTITY,
            Right.FIGURES,
            Right.HISTORY,
        }
    ),
    Role.COORDINATOR: frozenset(
        {Right.READ, Right.COORDINATE, Right.INVITE, Right.FIGURES, Right.HISTORY}
    ),
    Role.OFFICER: frozenset({Right.ANSWER}),
    Role.LEADER: frozenset({Right.FIGURES}),
    Role.AUDITOR: frozenset({Right.HISTORY, Right.ACCESS_LOG}),
}
"""Which role has which right. A right that a role lacks is a page that is not there (404)."""
NATIONAL_ONLY = frozenset({Right.OPERATE, Right.ACCOUNTS})
"""Rights that a grant gives only when its scope is the whole country."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A role in a scope: ``ID``, the code of a region with dots, or the id of an agency."""

    role: Role
    scope: str = NATIONAL
    identity: bool = False

    def gives(self, right: Right) -> bool:
        """Tell whether it gives a right."""
        if right not in RIGHTS[self.role]:
            return False
        if right in NATIONAL_ONLY and self.scope != NATIONAL:
            return False
        return self.identity if right is Right.IDENTITY else True

    @property
    def reach(self) -> AccessScope:
        """Where it gives them."""
        if self.role is Role.OFFICER:
            return AccessScope(agencies=frozenset({self.scope}))
        if self.role is Role.COORDINATOR:
            return AccessScope(governments=frozenset({self.scope}))
        if self.scope == NATIONAL:
            return AccessScope(everywhere=True)
        if is_region(self.scope):
            return AccessScope(regions=frozenset({self.scope}))
        return AccessScope(agencies=frozenset({self.scope}))


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who is logged in, or a program that acts for the operator of this machine."""

    name: str
    grants: tuple[Grant, ...] = ()

    def may(self, right: Right) -> bool:
        """Tell whether some grant gives a right anywhere."""
        return any(grant.gives(right) for grant in self.grants)

    def scope(self, right: Right) -> AccessScope:
        """Return where they have a right; an empty scope for nowhere."""
        return together(grant.reach for grant in self.grants if grant.gives(right))


def system(name: str) -> Actor:
    """Return who acts at the command line of this machine: an operator of the whole country."""
    return Actor(name, (Grant(Role.OPERATOR, NATIONAL, identity=True),))


def together(scopes: Iterable[AccessScope]) -> AccessScope:
    """Return what any of several scopes holds."""
    found = list(scopes)
    return AccessScope(
        everywhere=any(each.everywhere for each in found),
        regions=frozenset().union(*(each.regions for each in found)),
        governments=frozenset().union(*(each.governments for each in found)),
        agencies=frozenset().union(*(each.agencies for each in found)),
    )


def is_region(scope: str) -> bool:
    """Tell whether a scope is the code of a region."""
    return scope.replace(".", "").isdigit()
