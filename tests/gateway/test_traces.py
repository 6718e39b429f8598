"""One report's whole way is printed from every table, and says nobody's words."""

from adapters.contract import Unreachable
from gateway.operations.exchange_writer import ExchangeWriter
from gateway.platform import correlation
from gateway.store.traces import Trace
from gateway.wire.queues import DELIVERIES, MEDIA, REPORTS
from tests.gateway.making import WHO, House, note

FIRE = "Tolong ada kebakaran sekarang di kecamatan Wonocolo Surabaya, api besar sekali"


async def trace(house: House) -> Trace:
    ((number,),) = await house.rows("SELECT tracking FROM reports")
    return await house.store.traces.of(number)


async def test_every_table_and_queue_has_its_say(house: House) -> None:
    house.paper.fails = [Unreachable("away")] * 3
    half, rest = FIRE[:40], FIRE[40:]
    files = [["surat.txt", "isi surat"]]
    await house.take(note(half, part=["ref", 1, 2], files=files), note(rest, part=["ref", 2, 2]))
    assert await house.join() == 1
    await house.work(REPORTS, house.route)
    waits = await trace(house)
    assert {line.where for line in waits.lines} >= {"notification", "queue media"}
    await house.work(DELIVERIES, house.deliver)
    for _ in range(3):
        assert await house.notify()
        await house.hurry()
    await house.work(MEDIA, house.media)
    (id,) = [row[0] for row in await house.rows("SELECT id FROM messages")]
    with correlation.message(id), house.paper.exchanges.note("POST", "https://api.example/x"):
        pass
    await ExchangeWriter(house.store.exchanges, house.channels).write()
    found = await trace(house)
    assert [line.at for line in found.lines] == sorted(line.at for line in found.lines)
    assert id in found.ids
    said = [f"{line.where}: {line.what}" for line in found.lines]
    for wanted in (
        "segment: ",
        "joined",
        f"message: {id} stored, from paper",
        f"message: {id} routed",
        "received by",
        "files_stored by gateway, file ",
        "delivery: ",
        "notification: ",
        "alert: ",
        "queue agency.",
        "queue notifications: ",
        "dead, attempts 3: Unreachable: away",
        "exchange: paper out POST api.example/x: ended",
    ):
        assert any(wanted in line for line in said), (wanted, said)
    whole = " ".join(said)
    assert not [secret for secret in (WHO, WHO[1:], "kebakaran", "surat") if secret in whole]


async def test_a_number_of_nothing_has_no_way(lite: House) -> None:
    assert await lite.store.traces.of("482109375514") == Trace()
