"""What a provider says became of an answer, by webhook or by a page that we fetched."""

from adapters.contract import Channel, Receipt, Sender
from gateway.platform.names import hashed
from gateway.platform.seal import Seal
from gateway.store.rows import Silence
from gateway.store.store import Store
from gateway.wire.letters import queued
from gateway.wire.queues import ANSWERS


async def note(store: Store, seal: Seal, channel: Channel, receipt: Receipt) -> bool:
    """Note a receipt and tell whether it is of a letter that is waited for.

    An answer whose reader cannot be written to now is held.

    Where the channel has another way to such a reader the answer is sent again by that.
    """
    name, detail, until = channel.name, receipt.detail, receipt.until
    known_as = hashed(seal, name, receipt.provider_id)
    async with store.unit() as unit:
        if until is None:
            found = await unit.receipt(name, known_as, receipt.state, detail)
            return found is not None
        again = until == "writes" and isinstance(channel, Sender) and channel.opens
        held = await unit.silences.hold(name, known_as, detail, again=again)
        if held is None:
            return False
        reader, _, released = held
        if reader:
            await unit.silences.begin(Silence(reader, name, detail, until))
        for letter_id in released:
            unit.put(queued(ANSWERS, letter_id, at=store.now()))
    return True
