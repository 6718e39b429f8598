"""Which reports are delicate: somebody the report is about may hold the reporter's phone.

Of such a report a text names no topic, agency, place or status, a bare STATUS does not show it, and
what an agency wrote is sent only to a reporter who asks for it (BACA). Pages that are opened with
number and code show all of it.
"""

from collections.abc import Set
from dataclasses import dataclass

from config.emergency import emergency
from normalizer.message import Urgency
from normalizer.report import Report


@dataclass(frozen=True, slots=True)
class Delicate:
    """Tells delicate reports: the ids of such topics, and the channels that send nothing.

    On the latter a reader comes and looks, with number and code: nothing lies about on a phone.
    """

    topics: Set[str]
    fetched: Set[str]

    def is_(self, report: Report) -> bool:
        """Tell whether violence at home, a child, a suicide or an anonymous reporter is in it."""
        topic = report.topic is not None and report.topic.id in self.topics
        return report.anonymous or topic or is_grave(report.urgency)

    def is_neutral(self, report: Report, *, channel: str) -> bool:
        """Tell whether what is written about a report on a channel must be neutral."""
        return channel not in self.fetched and self.is_(report)


def is_grave(danger: Urgency | None) -> bool:
    """Tell whether a danger is of a delicate kind."""
    table = emergency()
    return danger is not None and table.kinds[table.kind(danger.id)].delicate


def graver(old: Urgency | None, new: Urgency | None) -> Urgency | None:
    """Return which danger a report is marked with: the newer, unless that would end its being
    delicate or there is none."""
    return old if new is None or (is_grave(old) and not is_grave(new)) else new
