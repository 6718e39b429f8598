"""Channels with doors of their own: what is mounted only where a channel of the type is enabled."""

from collections.abc import Callable, Mapping
from datetime import datetime

from starlette.routing import BaseRoute

from adapters.base import Channel
from adapters.open311 import Open311
from adapters.rest import Rest
from gateway.steps.partner import PartnerDesk
from gateway.steps.receive import Door
from gateway.steps.reply import AgencyDesk
from gateway.web import rest
from gateway.web.limits import Limits
from gateway.web.open311 import GeoReport
from gateway.web.partner import Gate
from gateway.web.rates import Rates


def doors(
    channels: Mapping[str, Channel],
    door: Door,
    desk: PartnerDesk,
    agencies: AgencyDesk,
    public_url: str,
    now: Callable[[], datetime],
    client_header: str = "",
) -> dict[str, list[BaseRoute]]:
    """Return the routes of such channels, by the channel's name."""
    rates = Rates()
    limits = Limits(client_header, proxied=public_url.startswith("https:"))
    made: dict[str, list[BaseRoute]] = {}
    for name, channel in channels.items():
        if not channel.block.enabled or not isinstance(channel, Open311 | Rest):
            continue
        gate = Gate(channel, door, rates, public_url, now, limits)
        if isinstance(channel, Rest):
            made[name] = rest.routes(gate, desk)
        else:
            made[name] = GeoReport(gate, desk, agencies, public_url).routes()
    return made
