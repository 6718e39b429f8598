"""What the channel's cursor says: how far the mentions were read, and what that has cost."""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from adapters.contract import Unreachable
from adapters.x.budget import month_of
from adapters.x.page import PostPage
from adapters.x.payloads import is_id

BEFORE = timedelta(minutes=15)
"""How far the first look of all goes back: what is older was not written to us."""

_MOMENT = "%Y-%m-%dT%H:%M:%SZ"
_MARK = re.compile(
    r"since=([0-9]{1,19}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)"
    r"(?: newest=([0-9]{1,19}) until=([0-9]{1,19}))? month=([0-9]{4}-[0-9]{2}) reads=([0-9]{1,9})"
)


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the mentions were read.

    All up to ``since`` (a post, or a moment while there was none) is filed. While a backlog is
    being read, all from ``until`` to ``newest`` is filed too, and what lies between is not yet.
    """

    since: str
    newest: str
    until: str
    month: str
    reads: int
    """Posts fetched in ``month``."""

    @classmethod
    def read(cls, cursor: str, now: datetime) -> "Mark":
        """Read a cursor; one that is none begins a little before ``now``."""
        month = month_of(now)
        found = _MARK.fullmatch(cursor)
        if found is None:
            return cls(f"{now - BEFORE:{_MOMENT}}", "", "", month, 0)
        since, newest, until, counted, reads = found.groups(default="")
        return cls(since, newest, until, month, int(reads) if counted == month else 0)

    def query(self) -> dict[str, str]:
        """Return what to ask X for."""
        beginning = {"since_id" if is_id(self.since) else "start_time": self.since}
        return beginning | ({"until_id": self.until} if self.until else {})

    def after(self, listed: PostPage) -> "Mark":
        """Return the mark that stands behind a page. Raises ``Unreachable``."""
        ids, reads = listed.ids, self.reads + listed.cost
        if self.until and any(each >= int(self.until) for each in ids):
            raise Unreachable("X's list goes round in circles")
        newest = self.newest or (str(max(ids)) if ids else "")
        if listed.goes_on:
            return replace(self, newest=newest, until=str(min(ids)), reads=reads)
        return replace(self, since=newest or self.since, newest="", until="", reads=reads)

    def __str__(self) -> str:
        backlog = f" newest={self.newest} until={self.until}" if self.until else ""
        return f"since={self.since}{backlog} month={self.month} reads={self.reads}"
