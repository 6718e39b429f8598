"""Channels with doors of their own: what is mounted only where a channel of the type is enabled."""

from collections.abc import Callable, Mapping
from datetime import datetime

from starlette.routing import BaseRoute

from adapters.contract import Channel
from adapters.open311.channel import Open311
from adapters.rest.channel import Rest
from gateway.casework.agencies import AgencyService
from gateway.casework.partners import PartnerService
from gateway.intake.limits import CallLimits
from gateway.intake.rates import Rates
from gateway.intake.receive import Intake
from gateway.portals.partners import rest
from gateway.portals.partners.access import ApiAccess
from gateway.portals.partners.open311 import GeoReport


def doors(
    channels: Mapping[str, Channel],
    door: Intake,
    desk: PartnerService,
    agencies: AgencyService,
    public_url: str,
    now: Callable[[], datetime],
    client_header: str = "",
) -> dict[str, list[BaseRoute]]:
    """Return the routes of such channels, by the channel's name."""
    rates = Rates()
    limits = CallLimits(client_header, proxied=public_url.startswith("https:"))
    made: dict[str, list[BaseRoute]] = {}
    for name, channel in channels.items():
        if not channel.block.enabled or not isinstance(channel, Open311 | Rest):
            continue
        gate = ApiAccess(channel, door, rates, public_url, now, limits)
        if isinstance(channel, Rest):
            made[name] = rest.routes(gate, desk)
        else:
            made[name] = GeoReport(gate, desk, agencies, public_url).routes()
    return made
