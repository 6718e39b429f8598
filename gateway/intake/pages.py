"""Step 1, receive, for channels that ask: page → normalize → one transaction with its cursor.

Nothing here waits in the spool: what the provider still holds is safe where it is.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import structlog

from adapters.contract import Fetcher, Inbound, Page, Receipt, UnreadableItem, WebhookRequest
from gateway.intake import receipts
from gateway.intake.envelope import PAGE
from gateway.intake.heavy import as_segment, is_heavy
from gateway.intake.receive import Intake
from gateway.platform import metrics
from gateway.store.cursors import CursorMove, LeaseLost
from gateway.store.engine import Unavailable
from gateway.store.rows import AcceptedItem, IntakeItem, SegmentItem
from gateway.store.store import Store

log = structlog.get_logger(__name__)


class PageIntake:
    """Files what channels fetched. All of it raises ``Unavailable`` and changes nothing then."""

    def __init__(self, intake: Intake, store: Store) -> None:
        self._sealer = intake.sealer
        self._quarantine = intake.quarantine
        self._store = store
        self.seal = intake.sealer.seal

    async def file(self, channel: Fetcher, page: Page, move: CursorMove | None = None) -> int:
        """File a page, and move the cursor behind it; return how many were news.

        An item that cannot be read or stored goes into the quarantine; its neighbours go on.
        """
        items = list[tuple[IntakeItem, bytes]]()
        for each in page.items:
            item = await self._note(channel, each) if isinstance(each, Receipt) else each
            if item is not None:
                items.append((await self._row(channel, item), item.raw))
        return await self._write(channel, items, move)

    async def missing(self, channel: Fetcher, page: Page) -> Page:
        """Return the page without the messages that are here already."""
        identity = self._sealer.identity
        keys = [identity(item) for item in page.items if isinstance(item, Inbound)]
        try:
            here = await self._store.messages.present(channel.name, keys)
        except Unavailable:
            raise
        except Exception as error:  # an id no database takes; filing finds out which
            log.warning("a page was not compared", channel=channel.name, error=type(error).__name__)
            return page
        items = (i for i in page.items if not (isinstance(i, Inbound) and identity(i) in here))
        return replace(page, items=tuple(items))

    async def _note(self, channel: Fetcher, receipt: Receipt) -> Inbound | None:
        """Note a receipt; return the message that it is where it is about none of ours."""
        metrics.INTAKE.labels(channel.name, "receipt").inc()
        known = await receipts.note(self._store, self.seal, channel, receipt)
        return None if known else receipt.otherwise

    async def _row(self, channel: Fetcher, item: Inbound | UnreadableItem) -> IntakeItem:
        await asyncio.sleep(0)  # a page of a thousand must not hold up the doors
        hook = WebhookRequest(PAGE, {}, item.raw)
        if isinstance(item, UnreadableItem):
            return self._quarantine.item(channel.name, hook, "unreadable", item.reason)
        if found := self._sealer.machines.set_aside(channel, item):
            return self._quarantine.item(
                channel.name, hook, found.reason, found.detail, state=found.state
            )
        try:
            if item.part or is_heavy(item):
                whole = item if item.part else as_segment(item, self._sealer.identity(item)[1])
                return self._sealer.seal_segment(channel, whole, hook)
            return await self._sealer.seal_message(channel, item, hook)
        except Exception as error:
            what = type(error).__name__  # its message might quote a citizen
            log.error("a message could not be read", channel=channel.name, error=what)
            return self._quarantine.item(channel.name, hook, "unreadable", what)

    async def _write(
        self, channel: Fetcher, items: Sequence[tuple[IntakeItem, bytes]], move: CursorMove | None
    ) -> int:
        try:
            news = await self._store.take_in([item for item, _ in items], move)
        except (Unavailable, LeaseLost):
            raise
        except Exception as error:
            log.error("a page was refused", channel=channel.name, error=type(error).__name__)
            return await self._one_by_one(channel, items, move)
        for item, _ in items:
            outcome = _outcome(item, news)
            metrics.INTAKE.labels(channel.name, outcome).inc()
            told = {"channel": channel.name, "correlation": item.id}
            log.debug("a message of a page", status=outcome, **told)
        return len(news)

    async def _one_by_one(
        self, channel: Fetcher, items: Sequence[tuple[IntakeItem, bytes]], move: CursorMove | None
    ) -> int:
        """Find what the database refuses; the cursor moves after all that it took."""
        refused: list[IntakeItem] = []
        count = 0
        for item, raw in items:
            try:
                news = await self._store.take_in([item])
            except Unavailable:
                raise
            except Exception as error:
                what = type(error).__name__
                told = {"channel": channel.name, "item": item.id, "correlation": item.id}
                log.error("an item was refused", error=what, **told)
                refused.append(
                    self._quarantine.item(
                        channel.name, WebhookRequest(PAGE, {}, raw), "unstorable", what
                    )
                )
            else:
                metrics.INTAKE.labels(channel.name, _outcome(item, news)).inc()
                count += len(news)
        await self._store.take_in(refused, move)
        return count


def _outcome(item: IntakeItem, news: set[str]) -> str:
    if isinstance(item, AcceptedItem):
        return "accepted" if item.id in news else "repeat"
    if isinstance(item, SegmentItem):
        return "part" if item.id in news else "repeat"
    return item.reason
