"""The privacy notice: where it is read, and who answers for the data."""

from dataclasses import dataclass

PAGE = "/privasi"
"""Path of the citizens' page."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What a deployment says of itself; "" where it says nothing."""

    page: str = ""
    """The page's address; "" where there is none that citizens could open."""
    controller: str = ""
    """Who runs the deployment and answers for the data."""
    contact: str = ""
    """Where people write about their data."""

    @property
    def ways_on(self) -> tuple[str, ...]:
        """List where to read or ask more, the best first."""
        return tuple(filter(None, (self.page, self.contact)))
