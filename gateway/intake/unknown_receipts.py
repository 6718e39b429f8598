"""Receipts of no message that was known when they came: what they are about is looked for again.

A provider may be faster than our own commit. The receipt waits in the quarantine, and its
provider does not wait; found, it is noted and the item is done. One of another program's messages
stays there as a note.
"""

from datetime import datetime, timedelta

from adapters.contract import Malformed, Receipt
from gateway.intake import receipts
from gateway.intake.envelope import unpack
from gateway.intake.receive import Intake
from gateway.platform.seal import ENVELOPE, Seal
from gateway.queues.due import DueHandler
from gateway.store.due import RECEIPT, DueRow
from gateway.store.store import Store

LONGEST = timedelta(minutes=10)
"""How long a message is looked for; the pauses grow fourfold."""
BY = "gateway"


class UnknownReceipts(DueHandler):
    """The receipts of all channels that wait for their messages."""

    kind = RECEIPT

    def __init__(self, intake: Intake, store: Store, seal: Seal) -> None:
        self._intake = intake
        self._store = store
        self._seal = seal

    async def one(self, row: DueRow) -> int:
        """Look for what one receipt is about. Raises ``BadSeal``."""
        noted = await self._note(row.key)
        now = self._store.now()
        waited = now - datetime.fromisoformat(row.data)
        over = noted is None or noted or waited > LONGEST
        async with self._store.unit() as unit:
            if noted:
                note = f"{noted} receipt(s)"
                await unit.quarantine.decide(row.key, "released", by=BY, note=note, at=now)
            await unit.due.settle(row, None if over else now + max(receipts.AGAIN, 3 * waited))
        return noted or 0

    async def _note(self, id: str) -> int | None:
        """Note the receipts of an item and return how many were ours; None where it is decided."""
        found = await self._store.quarantine.envelope(id)
        if found is None:
            return None
        name, _, sealed = found
        channel = self._intake.reader(name)
        if channel is None:
            return 0
        try:
            items = await self._intake.rereader.read(
                channel, unpack(self._seal.open(sealed, ENVELOPE))
            )
        except Malformed:  # the settings changed meanwhile
            return None
        said = [item for item in items if isinstance(item, Receipt)]
        return sum([await receipts.note(self._store, self._seal, channel, each) for each in said])
