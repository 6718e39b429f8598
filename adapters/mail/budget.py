"""What reading one mail may cost in all, with every mail and container inside it."""

from dataclasses import dataclass, field

from adapters.mail import notes

MAX_FIELDS = 2_000
"""Headers of all parts together."""
MAX_PARTS = 100
MAX_DEPTH = 20
MAX_CANDIDATES = 2_000
"""Lines that begin like a boundary and may be none."""
MAX_OPENED = 20_971_520
"""Bytes that come out of everything that is unpacked."""
MAX_MAILS = 10
"""Mails inside the mail that are read."""


@dataclass(slots=True)
class ReadingBudget:
    """Counts what one reading has spent, and keeps what was noted on the way."""

    fields: int = 0
    parts: int = 0
    candidates: int = 0
    opened: int = 0
    mails: int = 0
    noted: dict[str, None] = field(default_factory=dict)

    def note(self, code: str) -> None:
        """Note something, once."""
        self.noted[code] = None

    def note_opened(self, what: str) -> None:
        """Note that something packed was opened, by its name."""
        self.note(f"{notes.OPENED}: {what}")

    def note_damaged(self, what: str) -> None:
        """Note that something packed could not be read wholly, by its name."""
        self.note(f"{notes.DAMAGED}: {what}")

    @property
    def fields_spent(self) -> bool:
        """Tell whether no more headers are read."""
        return self.fields > MAX_FIELDS

    @property
    def room(self) -> int:
        """How many bytes may still be unpacked."""
        return max(MAX_OPENED - self.opened, 0)
