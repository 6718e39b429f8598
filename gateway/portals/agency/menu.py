"""The menu of an agency's people: what each of them may open."""

from markupsafe import Markup

from gateway.access.roles import Right
from gateway.portals.console.pages import ConsolePages
from gateway.portals.console.sections import Visitor

PLACES = (
    ("inbox", Right.ANSWER),
    ("government", Right.COORDINATE),
    ("figures", Right.FIGURES),
)
"""Pages by name, and the right that each needs."""


def draw_menu(pages: ConsolePages, visitor: Visitor, current: str) -> Markup:
    """Draw the menu; ``current`` is the page that is open."""
    places = [name for name, right in PLACES if visitor.actor.may(right)]
    return Markup(pages.draw("parts/agency_menu.html", places=places, current=current))
