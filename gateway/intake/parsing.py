"""Parsing what a channel brought: when it comes, and again from what was kept of it."""

from collections.abc import Awaitable, Callable, Sequence

from adapters.contract import (
    Channel,
    ConnectionChannel,
    Fetcher,
    Inbound,
    Malformed,
    Receipt,
    Receiver,
    UnreadableItem,
    WebhookRequest,
)
from gateway.intake.envelope import PAGE, unpack
from gateway.intake.heavy import as_segment
from gateway.intake.sealing import MessageSealer, aside
from gateway.intake.segments import SEGMENTS_URL, SegmentBundle
from gateway.platform import names
from gateway.platform.sandbox import ReadingError, Sandbox

Items = Sequence[Inbound | Receipt | UnreadableItem]
Parse = Callable[[Receiver, WebhookRequest], Awaitable[Items]]
"""Reads a hook; the shell does it in a worker process for channels whose messages may hang."""


async def parse_here(channel: Receiver, hook: WebhookRequest) -> Items:
    """Read a hook on the spot, or beside the loop."""
    return await aside(hook, lambda: channel.parse(hook))


def parse_in(sandbox: Sandbox) -> Parse:
    """Return a reader of hooks; what may hang is read in the sandbox."""

    async def parse(channel: Receiver, hook: WebhookRequest) -> Items:
        if not channel.parse_may_hang:
            return await parse_here(channel, hook)
        try:
            return await sandbox.read(channel.parse, hook)
        except ReadingError as error:
            raise Malformed(f"could not be read safely: {type(error).__name__}") from error

    return parse


class Rereader:
    """Reads again what was kept raw: calls, pages, and bundles of segments."""

    def __init__(self, parse: Parse, sealer: MessageSealer) -> None:
        self._parse = parse
        self._sealer = sealer

    async def reread(self, channel: Channel, hook: WebhookRequest) -> list[Inbound]:
        """Read again what a channel once brought. Raises ``Malformed``."""
        if hook.url != SEGMENTS_URL:
            messages = (_message(item) for item in await self.read(channel, hook))
            return [message for message in messages if message is not None]
        bundle = SegmentBundle.unpacked(hook)
        segments: list[Inbound] = []
        for name, packed in bundle.hooks:
            found = await self.reread(channel, unpack(packed))
            known_as = names.hash_name(self._sealer.seal, channel.name, name)
            mine = [item for item in found if self._sealer.identity(item)[1] == known_as]
            segments += [i if i.part or bundle.total > 1 else as_segment(i, known_as) for i in mine]
        segments = [item for item in segments if item.part]
        if not segments:
            raise Malformed("there is no part in it any more")
        return [bundle.message_of(segments, channel.join_texts)]

    async def read(self, channel: Channel, hook: WebhookRequest) -> Items:
        """Read again one call or page, with the receipts in it. Raises ``Malformed``."""
        if hook.url == PAGE and isinstance(channel, Fetcher):
            return channel.reread(hook.body)
        if isinstance(channel, Receiver):
            return await self._parse(channel, hook)
        if isinstance(channel, ConnectionChannel):
            return channel.parse(hook)
        raise Malformed("this channel reads only what it fetches itself")


def _message(item: Inbound | Receipt | UnreadableItem) -> Inbound | None:
    """Return the message that something is, or may be."""
    if isinstance(item, Receipt):
        return item.otherwise
    return item if isinstance(item, Inbound) else None
