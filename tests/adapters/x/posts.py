"""Posts as X writes them, and the channel that reads them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from adapters.contract import Inbound
from adapters.x.channel import X
from demo.x_double import Failure, Json
from tests.adapters.examples import build

US, CITIZEN, NEIGHBOUR, AGENCY = "1708001708", "620011", "620012", "620013"
POST = "1990000000000001000"
MONTH = f"{datetime.now(UTC):%Y-%m}"
HTML = Failure(503, b"<html><body>Over capacity</body></html>")


def x(**changes: Any) -> X:
    channel = build("x", **changes)
    assert isinstance(channel, X)
    return channel


def post(text: str = "@lapor_contoh jalan rusak", **more: Any) -> Json:
    """Compose a post as X writes it."""
    return {
        "id": POST,
        "text": text,
        "author_id": CITIZEN,
        "conversation_id": POST,
        "created_at": "2026-11-23T01:00:00.000Z",
        "edit_history_tweet_ids": [POST],
        **more,
    }


def read(
    text: str = "@lapor_contoh jalan rusak", includes: Json | None = None, **more: Any
) -> Inbound:
    raw = json.dumps({"data": post(text, **more), "includes": includes or {}}).encode()
    (said,) = x(officials=["PLN_Contoh"]).reread(raw)
    assert isinstance(said, Inbound)
    return said


def reply_to(author: str, text: str, id: str = "1980") -> Json:
    """Compose what makes a post a reply to another one, and that one among the included."""
    return {
        "in_reply_to_user_id": author,
        "conversation_id": "1980",
        "referenced_tweets": [{"type": "replied_to", "id": id}],
        "includes": {"tweets": [{"id": id, "text": text, "author_id": author}]},
    }


def photo(key: str, ending: str = ".jpg") -> Json:
    return {"media_key": key, "type": "photo", "url": f"https://pbs.example/media/{key}{ending}"}


def film(key: str) -> Json:
    rates = [("application/x-mpegURL", 0), ("video/mp4", 256_000), ("video/mp4", 832_000)]
    variants = [
        {"content_type": kind, "url": f"https://video.example/{key}-{rate}.mp4"}
        | ({"bit_rate": rate} if rate else {})
        for kind, rate in rates
    ]
    preview = f"https://pbs.example/{key}.jpg"
    return {"media_key": key, "type": "video", "variants": variants, "preview_image_url": preview}


SAMARINDA = {"id": "07", "full_name": "Samarinda, Indonesia", "geo": {"bbox": [117, -1, 118, 0]}}


class answering:
    """A host that gives one answer after the other, from ``body``; use as ``async with``."""

    def __init__(self, body: Callable[[], bytes]) -> None:
        self._body = body

    async def __aenter__(self) -> str:
        async def handle(request: web.Request) -> web.Response:
            return web.Response(body=self._body(), content_type="application/json")

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return "http://{}:{}".format(*self._runner.addresses[0][:2])

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
