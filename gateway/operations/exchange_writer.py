"""Writing down the exchanges of channels, beside the work: it never delays or fails a message.

What a process could not write, because the database was away or too much came, is dropped and
counted.
"""

import asyncio
from collections.abc import Mapping

import structlog

from adapters.contract import Channel, Exchange
from gateway.platform import metrics
from gateway.store.engine import Unavailable
from gateway.store.exchanges import ExchangeRepository, ExchangeView

log = structlog.get_logger(__name__)

EVERY = 2.0
"""Seconds between two writes."""


class ExchangeWriter:
    """Moves what the channels of this process remember into the table."""

    def __init__(self, exchanges: ExchangeRepository, channels: Mapping[str, Channel]) -> None:
        self._exchanges = exchanges
        self._channels = channels
        self._is_away = False

    async def run(self) -> None:
        """Write until cancelled, and once more then."""
        try:
            while True:
                await asyncio.sleep(EVERY)
                await self.write()
        finally:
            await self.write()

    async def write(self) -> int:
        """Write what is new; return how many rows. Never raises ``Unavailable``."""
        rows: list[ExchangeView] = []
        for name, channel in self._channels.items():
            taken, lost = channel.exchanges.take()
            rows += [_view(name, exchange) for exchange in taken]
            if lost:
                metrics.EXCHANGES_DROPPED.labels(name).inc(lost)
        if not rows:
            return 0
        try:
            await self._exchanges.put(rows)
        except Unavailable as error:
            for row in rows:
                metrics.EXCHANGES_DROPPED.labels(row.channel).inc()
            if not self._is_away:
                log.warning("exchanges are not written down", count=len(rows), error=str(error))
            self._is_away = True
            return 0
        self._is_away = False
        return len(rows)


def _view(channel: str, exchange: Exchange) -> ExchangeView:
    return ExchangeView(
        channel=channel[:100],
        at=exchange.at,
        direction=exchange.direction,
        method=exchange.method,
        target=exchange.target,
        status=exchange.status,
        seconds=exchange.seconds,
        failed=exchange.has_failed,
        error=exchange.error[:64],
        excerpt=exchange.excerpt,
        correlation=exchange.correlation[:36],
    )
