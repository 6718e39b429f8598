"""The web server with every portal."""

from gateway import components
from gateway.assembly.services import Services
from gateway.portals.agency import figures, government, inbox
from gateway.portals.app import WebServer, application
from gateway.portals.citizen.routes import CitizenServices
from gateway.portals.console import listing
from gateway.portals.console.sections import SectionMaker
from gateway.portals.partners import alerts
from gateway.portals.partners.mounts import mount_channels


def site(services: Services) -> WebServer:
    """Return the web server: the doors of the channels and every portal."""
    server = services.settings.server
    url = str(server.public_url)
    app = application(
        server,
        services.intake,
        services.access,
        services.operators,
        services.triage,
        services.agencies,
        services.health,
        services.files,
        services.now,
        services.store.wall,
        CitizenServices(
            services.tracking,
            components.categories(services.parts),
            services.notice,
            services.files,
        ),
        mount_channels(
            services.channels,
            services.intake,
            services.partners,
            services.agencies,
            url,
            services.now,
            server.client_header,
        ),
        alerts.routes(services.duty, server.client_header, url),
        sections(services),
    )
    return WebServer(app, server, server.port)


def sections(services: Services) -> tuple[SectionMaker, ...]:
    """Return the pages of people beside the operators' own."""
    return (
        lambda pages, menu: inbox.section(services.officers, pages, menu, services.now),
        lambda pages, menu: figures.section(services.figures, pages, menu),
        lambda pages, menu: government.section(services.coordinators, pages, menu),
        lambda pages, menu: listing.section(services.browser, pages, menu),
    )
