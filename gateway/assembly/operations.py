"""What operators watch: health, and the calls to and from providers."""

from collections.abc import Sequence
from typing import Any

from gateway.assembly.ground import Ground
from gateway.operations.exchange_writer import ExchangeWriter
from gateway.operations.health import Health
from gateway.outbound.deliver import Deliver
from gateway.outbound.methods import by_queue
from gateway.queues.lane import Lane
from gateway.queues.leased_task import LeasedTask


def build_exchanges(ground: Ground) -> ExchangeWriter:
    """Return what writes down the calls of channels, agencies' senders and the roster's."""
    own = {id(channel) for channel in ground.channels.values()}
    agencies = {f"agency:{id}": method.sender for id, method in ground.methods.items()}
    posts = {f"duty:{post.name}": post.sender for post in ground.roster.posts}
    others = {
        name: each for name, each in (agencies | posts).items() if each and id(each) not in own
    }
    return ExchangeWriter(ground.store.exchanges, {**ground.channels, **others})


def build_health(
    ground: Ground, deliver: Deliver, duties: list[LeasedTask], lanes: Sequence[Lane[Any]]
) -> Health:
    """Return what tells whether the gateway is well."""
    return Health(
        ground.store,
        ground.broker,
        ground.commits,
        ground.spool,
        {(duty.channel.name, duty.kind): duty.every for duty in duties},
        ground.attachments,
        lanes=lanes,
        on_duty=bool(ground.roster.posts),
        by_queue=by_queue(ground.methods),
        called=deliver.lanes,
        retry_after=ground.settings.work.retry_after,
    )
