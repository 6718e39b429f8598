"""What a provider says became of a notification, by webhook or by a page that we fetched."""

from datetime import timedelta

import structlog

from adapters.contract import Channel, Receipt, Sender
from gateway.platform.names import hash_name
from gateway.platform.seal import Seal
from gateway.store.rows import OptOut
from gateway.store.store import Store

AGAIN = timedelta(seconds=1)
"""After which a message is looked for again that was not there when its receipt came."""

log = structlog.get_logger(__name__)


async def note(store: Store, seal: Seal, channel: Channel, receipt: Receipt) -> bool:
    """Note a receipt and tell whether it is of a notification of ours, news or not.

    One whose reader cannot be written to now is held.

    Where the channel has another way to such a reader it is sent again by that.
    """
    name, detail, until = channel.name, receipt.detail, receipt.until
    known_as = hash_name(seal, name, receipt.provider_id)
    async with store.unit() as unit:
        if until is None:
            found = await unit.notifications.receipt(name, known_as, receipt.state, detail)
            if found is not None:
                log.debug("a receipt", channel=name, status=receipt.state, correlation=found)
            return found is not None
        if not await unit.notifications.knows(name, known_as):
            return False
        again = until == "writes" and isinstance(channel, Sender) and channel.opens
        held = await unit.notifications.hold(name, known_as, detail)
        if held is None:
            return True
        id, reader = held
        if reader:
            await unit.opt_outs.begin(OptOut(reader, name, detail, until))
        if again:
            await unit.notifications.release(id=id)
    return True
