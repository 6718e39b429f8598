"""The one wiring of the gateway: process, tests and measurements all call ``assemble``."""

from collections.abc import Mapping
from pathlib import Path

from adapters.contract import Channel
from config.settings import Settings
from gateway import components
from gateway.assembly.ground import Sandboxes, build_sandboxes, build_store, lay_ground
from gateway.assembly.services import Services, wire
from gateway.broker.base import Broker
from gateway.components import Components
from gateway.outbound.methods.base import Method
from gateway.platform.clock import CaseClock, Clock, wall
from gateway.store.store import Store

__all__ = ["Sandboxes", "Services", "assemble", "build_store"]


def assemble(
    settings: Settings,
    file: Path | None = None,
    *,
    parts: Components | None = None,
    channels: Mapping[str, Channel] | None = None,
    methods: Mapping[str, Method] | None = None,
    store: Store | None = None,
    broker: Broker | None = None,
    sandboxes: Sandboxes | None = None,
    now: Clock | None = None,
) -> Services:
    """Wire the services; what is not given is made as the settings say.

    ``file`` is named in error messages about settings; ``now`` stands in for every clock of the
    process. Raises ``SettingsError``.
    """
    case, true = now or CaseClock.from_environment(), now or wall
    if channels is None:
        channels = components.channels(settings, file)
    if methods is None:
        methods = components.methods(settings, file)
    ground = lay_ground(
        settings,
        file,
        parts or components.load(settings),
        channels,
        methods,
        store or build_store(settings, case, true, methods),
        broker,
        sandboxes or build_sandboxes(settings, channels),
        case,
    )
    return wire(ground)
