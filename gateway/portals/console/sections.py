"""What a portal of people is made of: pages and posts, each with the right that it needs.

A room (the operators' console, an agency's inbox, the accounts) lists its own; the guard in
``routes`` lets through who is logged in and has the right. To others a page is not there.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from gateway.access.roles import Actor, Right
from gateway.portals.console.pages import ConsolePages
from gateway.portals.console.sessions import Form
from gateway.store.views import Session


@dataclass(frozen=True, slots=True)
class Visitor:
    """A call by somebody who is logged in."""

    session: Session
    actor: Actor

    @property
    def name(self) -> str:
        """Who it is."""
        return self.actor.name

    @property
    def csrf(self) -> str:
        """What a form of theirs must carry."""
        return self.session.csrf


Screen = Callable[[Request, Visitor], Awaitable[Response]]
Action = Callable[[Request, Visitor, Form], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class PageRoute:
    """Something to look at. ``name`` is what the log calls it; no ``right`` is for all."""

    path: str
    name: str
    right: Right | None
    screen: Screen


@dataclass(frozen=True, slots=True)
class PostRoute:
    """Something to do. ``name`` is what the log calls it; no ``right`` is for all.

    ``confirm`` asks for the password again where none was given in the last minutes.
    """

    path: str
    name: str
    right: Right | None
    action: Action
    confirm: bool = False
    uploads: bool = False
    """Files may come with its form: they are in ``request.state.uploads``."""


@dataclass(frozen=True, slots=True)
class PortalSection:
    """Pages and posts that belong together."""

    pages: tuple[PageRoute, ...] = ()
    posts: tuple[PostRoute, ...] = ()


DrawMenu = Callable[[Visitor, str], Awaitable[Markup]]
"""Draws the menu of a visitor on the page of a name."""
SectionMaker = Callable[[ConsolePages, DrawMenu], PortalSection]
"""Makes a section that is drawn as all pages of people are."""
