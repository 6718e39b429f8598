"""The inbox of an agency's officers.

Nothing here decides anything: ``OfficerService`` says what may be seen, and does what is asked.
Every form works without a script.
"""

from functools import partial

from gateway.access.roles import Right
from gateway.casework.officers import OfficerService
from gateway.platform.clock import Clock
from gateway.portals.agency.acts import ACTS, OfficerActs
from gateway.portals.agency.screens import InboxPages
from gateway.portals.console.pages import ConsolePages
from gateway.portals.console.sections import Action, DrawMenu, PageRoute, PortalSection, PostRoute


def section(
    officers: OfficerService, pages: ConsolePages, draw_menu: DrawMenu, clock: Clock
) -> PortalSection:
    """Return the pages of the inbox, and what can be done there."""
    screens = InboxPages(officers, pages, draw_menu, clock)
    acts = OfficerActs(officers, screens, pages)
    report = "/inbox/{report_id}"
    shown = (
        ("/inbox", "inbox", screens.boxes),
        (report, "inbox_report", screens.report),
        (f"{report}/agencies", "inbox_agencies", screens.agencies),
        (f"{report}/files/{{sha256}}", "inbox_file", screens.file),
        ("/parts/inbox", "inbox_part", screens.boxes_part),
        ("/parts/inbox/{report_id}", "inbox_report_part", screens.report_part),
    )
    done: list[tuple[str, str, Action, bool]] = [
        ("/inbox/cover", "inbox_cover", acts.set_cover, False),
        (f"{report}/preview/{{act}}", "inbox_preview", acts.preview, True),
        (f"{report}/agencies/{{act}}", "inbox_seek", acts.seek, False),
    ]
    for act in ACTS:
        carry_out = partial(acts.carry_out, act)
        done.append((f"{report}/{act.name}", f"officer_{act.name}", carry_out, act.uploads))
    answer = Right.ANSWER
    return PortalSection(
        tuple(PageRoute(path, name, answer, screen) for path, name, screen in shown),
        tuple(
            PostRoute(path, name, answer, action, uploads=files)
            for path, name, action, files in done
        ),
    )
