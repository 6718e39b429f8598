"""``python -m bench.slices``: how long each door holds up the event loop, under hard messages.

One process holds the doors of every channel, as ``kanal up`` does. A tick every millisecond notes
how much processor time the loop's own thread used since the last one: the longest such slice is
what everybody else had to wait for, whatever else the machine was doing. No message may hold up
anybody for more than 50 ms. Many that come in one turn of the loop are a slice each, and wait for
each other: their line is the whole turn.
"""

import asyncio
import http.client
import smtplib
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from secrets import token_hex

from adapters.contract import Channel, ConnectionChannel, Fetcher, Page, Receiver, WebhookRequest
from adapters.load import channel_class, kinds
from config.settings import load
from gateway.assembly import assemble
from gateway.intake.heavy import BUDGET
from gateway.platform import logs, loop
from gateway.platform.collector import settle
from gateway.process import Kanal
from tests.adapters.examples import EXAMPLES, PUBLIC_URL
from tests.adapters.genuine import GENUINE
from tests.adapters.web.forms import filled, multipart

TICK = 0.001
MOST = 0.050
BURST = 100
AT_ONCE = " in one turn"
MIB = 2**20
SHORTER = {"open311": 3_900, "rest": 4_700, "web": 4_700}
"""Characters where a limit is lower, or a title and an address count too."""
ROAD = "Jalan rusak parah dan berlubang di depan pasar, Kecamatan Wonocolo, Kota Surabaya"
STAGES = (
    "1234-5678-9012 0812 3456 7890 a.b@c.d https://maps.example/?q=-6.1,106.8 -6.123456, 106.12 "
    "kemarin malam 12/12/25 jangan sebut nama saya korupsi lurah dimintai uang mohon info usul "
    "lapor status yg sdh blm jalaaaaan ((([[[ Ã©Ã¢â‚¬â„¢ a\u0301\u0302 𝗝𝗮𝗹𝗮𝗻 😀 kel. smarnda rt 01 "
)
Load = Callable[[], Awaitable[object]]


@dataclass(slots=True)
class Meter:
    """Watches the running loop."""

    worst: float = 0.0
    wall: float = 0.0
    _cpu: float = 0.0
    _at: float = 0.0
    _on: bool = False

    def _tick(self) -> None:
        cpu, at = time.thread_time(), time.perf_counter()
        self.worst = max(self.worst, cpu - self._cpu)
        self.wall = max(self.wall, at - self._at)
        self._begin()

    def _begin(self) -> None:
        self._cpu, self._at = time.thread_time(), time.perf_counter()
        if self._on:
            asyncio.get_running_loop().call_later(TICK, self._tick)

    async def over(self, load: Load) -> None:
        """Watch while a load is carried."""
        self._on = True
        self._begin()
        try:
            await load()
            await asyncio.sleep(10 * TICK)
        finally:
            self._on = False


def texts(kanal: Kanal, most: int) -> dict[str, str]:
    """Return hard texts: as long as one may be that is read at the door, and longer."""
    known = kanal.services.parts.gazetteer
    shared = sorted(known._village_names, key=lambda name: -len(known.villages(name)))[:50]
    names = " ".join(f"kec {name} kel {name}" for name in shared)
    return {
        "ambiguous names": (names * (most // len(names) + 1))[:most],
        "every stage": (STAGES * (most // len(STAGES) + 1))[:most],
        "one word": "a" * most,
        "too long for the door": names * 8,
    }


async def bring(kanal: Kanal, channel: Channel, hook: WebhookRequest) -> None:
    """Bring one message by the channel's own way."""
    if isinstance(channel, Receiver):
        await kanal.services.intake.receive_webhook(channel, hook)
    elif isinstance(channel, Fetcher):
        page = Page(tuple(channel.reread(hook.body)))
        await kanal.services.pages.file(channel, page)
    elif isinstance(channel, ConnectionChannel):
        await kanal.services.intake.receive_message(channel, hook)


def loads(kanal: Kanal) -> dict[str, Load]:
    """Return what every door has to carry."""
    made: dict[str, Load] = {}
    numbers = iter(range(10**6, 10**9))
    for name, channel in kanal.services.channels.items():
        if name not in GENUINE:
            continue

        def hook(text: str, channel: Channel = channel, name: str = name) -> WebhookRequest:
            return GENUINE[name](channel, text, str(next(numbers)))

        for what, text in texts(kanal, SHORTER.get(name, BUDGET - 1)).items():
            made[f"{name}: {what}"] = partial(bring, kanal, channel, hook(text))
        many = [hook(f"{ROAD} nomor {n}") for n in range(BURST)]
        made[f"{name}: {BURST}{AT_ONCE}"] = lambda c=channel, hooks=many: asyncio.gather(  # type: ignore[misc]
            *(bring(kanal, c, each) for each in hooks)
        )
    made["web over HTTP: 14 MB of files"] = lambda: asyncio.to_thread(_form, kanal)
    made["mail over SMTP: 9 MB, 2,000 headers"] = lambda: asyncio.to_thread(_mail, kanal)
    made["health, metrics"] = lambda: asyncio.to_thread(_get, kanal, "/health", "/metrics")
    made["the form's pages"] = lambda: asyncio.to_thread(_get, kanal, "/", "/lacak", "/sw.js")
    return made


def _form(kanal: Kanal) -> None:
    files = [(f"{n}.jpg", b"\xff\xd8\xff" + b"x" * (14 * MIB // 3)) for n in range(3)]
    head = {"Content-Type": "multipart/form-data; boundary=xx", "Origin": PUBLIC_URL}
    _said(kanal, "POST", "/in/web", multipart(filled(), files), head)


def _get(kanal: Kanal, *paths: str) -> None:
    for path in paths:
        _said(kanal, "GET", path, b"", {})


def _said(kanal: Kanal, method: str, path: str, body: bytes, headers: dict[str, str]) -> None:
    assert kanal.web
    line = http.client.HTTPConnection("127.0.0.1", kanal.web.port, timeout=60)
    line.request(method, path, body, headers)
    answer = line.getresponse()
    answer.read()
    assert answer.status < 500 or path == "/health", (path, answer.status)
    line.close()


def _mail(kanal: Kanal) -> None:
    assert kanal.mail
    lines = "".join(f"X-Many-{n}: {token_hex(20)}\r\n" for n in range(2_000))
    body = ("kel sukamaju kec sukamaju " * 2 + "\r\n") * (9 * MIB // 56)
    raw = f"From: a@b.example\r\nSubject: jalan\r\n{lines}\r\n{body}"
    with smtplib.SMTP("127.0.0.1", kanal.mail.port, timeout=60) as door:
        door.sendmail("a@b.example", "lapor@lapor.localhost", raw.encode())


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Kanal]:
    """Open the doors of every channel there is."""
    inward = [
        k for k in kinds() if issubclass(channel_class(k), Receiver | Fetcher | ConnectionChannel)
    ]
    settings = load(
        server={"port": 0, "data_dir": folder / "data", "public_url": PUBLIC_URL},
        mail_server={"port": 0, "channel": "mail"},
        channels={kind: EXAMPLES[kind] for kind in inward},
    )
    kanal = Kanal(assemble(settings))
    await kanal.start(("web", "mail"))
    settle()
    try:
        yield kanal
    finally:
        await kanal.stop()


async def measure() -> dict[str, Meter]:
    """Carry every load twice, first to warm up; return what was seen the second time."""
    found: dict[str, Meter] = {}
    with tempfile.TemporaryDirectory() as folder:
        async with opened(Path(folder)) as kanal:
            for load_of in (loads(kanal), loads(kanal)):
                for name, load in load_of.items():
                    found[name] = Meter()
                    await found[name].over(load)
    return found


def main() -> None:
    """Measure and print."""
    logs.set_up("CRITICAL", "console")
    found = loop.run(measure())
    print(f"{'door: load':<44} {'slice, ms':>9} {'wall, ms':>9}")
    for name, meter in found.items():
        late = "  OVER 50" if meter.worst > MOST and AT_ONCE not in name else ""
        print(f"{name:<44} {meter.worst * 1000:>9.1f} {meter.wall * 1000:>9.1f}{late}")
    single = [name for name in found if AT_ONCE not in name]
    worst = max(single, key=lambda name: found[name].worst)
    print(f"worst: {worst}, {found[worst].worst * 1000:.1f} ms of the loop's processor time")


if __name__ == "__main__":
    main()
