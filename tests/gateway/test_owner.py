"""A reference that finds a report is no proof of whose it is: at every door, for every reader."""

import ast
import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, bindparam, select, text
from starlette.requests import Request

import gateway
from adapters.contract import ReportFilter
from adapters.load import load
from gateway.casework.agencies import Reply
from gateway.intake.limits import LOOKS_AT_ONE, LOOKS_OF_ALL, CallLimits
from gateway.platform.numbers import page_secret
from gateway.store import migrate
from gateway.store.engine import Database
from gateway.store.public import PublicQueries
from gateway.store.rows import AcceptedItem
from gateway.store.spool import Spool
from gateway.store.store import Store
from gateway.store.tables import messages
from normalizer.tracking import format_number
from tests.adapters.examples import PUBLIC_URL
from tests.adapters.web.forms import filled, posted
from tests.gateway.making import LAMP, OTHER, ROAD, WHO, Clock, House, accepted, house
from tests.gateway.partners import API, CITY, KIOSK, O311, WORKS, Town, town

FOLDER = Path(gateway.__file__).parent
MAY_READ = {"store/ownership.py"}
"""Where ``messages.report_id`` is compared with its report's reporter."""
MAY_WRITE = {"store/messages.py"}
"""Where the tie is made, by ``MessageRepository.file``."""
SECRET = "Silakan datang dengan KTP nomor 3578"
STRANGE = [
    "STATUS {number}",
    "status {number} sekarang",
    "ANONIM {number}",
    "RAHASIA {number}",
    "TAMBAHAN {number}: cabut saja laporan ini",
    "{number} ya",
    "1 {number}",
    "{number}",
    "STOP {number}",
]
"""What somebody may write who knows the number of another's report."""
BARE = [
    "STATUS",
    "ANONIM",
    "RAHASIA",
    "Anonim",
    "ya",
    "1",
    "2",
    "baru",
    "Tambahan laporan",
    "di Kecamatan Tenggarong",
    "Saya cabut laporan ini",
]
"""What somebody may write below a letter of another, or a message of another."""


OTHERS = (
    "alerts", "events", "deliveries", "notifications", "report_agencies", "waiting", "_INDEX",
)  # fmt: skip
"""Tables whose rows belong to a report by our own doing, not by what a message named."""


# The sweeps: who reads the tie, and who makes it.


def sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(FOLDER.rglob("*.py")):
        name = str(path.relative_to(FOLDER))
        if "migrations" not in name:
            yield name, ast.parse(path.read_text())


def ties(tree: ast.Module) -> list[ast.AST]:
    """Find what touches ``messages.report_id``: the column, or SQL that names table and column."""
    return [node for node in ast.walk(tree) if _is_column(node) or _is_query(node)]


def _is_column(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Attribute) and node.attr == "report_id"):
        return False
    of = node.value
    if not (isinstance(of, ast.Attribute) and of.attr in ("c", "columns")):
        return False
    return not (isinstance(of.value, ast.Name) and of.value.id in OTHERS)


def _is_query(node: ast.AST) -> bool:
    said = node.value if isinstance(node, ast.Constant) else ""
    return isinstance(said, str) and all(w in said for w in ("messages", "report_id", "SELECT"))


def test_the_tie_of_a_message_is_read_only_where_its_owner_is_compared() -> None:
    readers = {name for name, tree in sources() if ties(tree)}
    assert readers == MAY_READ, "read it by gateway.store.ownership, which compares the reporters"


def test_the_sweep_finds_a_reader_that_does_not_compare() -> None:
    for reader in (
        "select(messages.c.report_id)",
        "query.join(told, told.c.report_id == reports.c.id)",
        "text('SELECT report_id FROM messages')",
    ):
        assert ties(ast.parse(reader)), reader
    assert not ties(ast.parse("select(deliveries.c.report_id)"))


def test_the_tie_is_written_only_by_who_compares_the_reporters() -> None:
    writers = set()
    for name, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg == "report_id":
                call = next(
                    c for c in ast.walk(tree) if isinstance(c, ast.Call) and node in c.keywords
                )
                if isinstance(call.func, ast.Attribute) and call.func.attr == "values":
                    writers.add(name)
    assert writers == MAY_WRITE


def test_every_tie_is_made_of_two_reports() -> None:
    """Two ids say nothing of whose they are: ``messages.file`` takes both, and compares them."""
    calls = [
        node
        for _, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "file"
        and isinstance(node.func.value, ast.Attribute)
        and node.func.value.attr == "messages"
    ]
    assert len(calls) >= 8
    for call in calls:
        assert not any(isinstance(a, ast.Attribute) and a.attr == "id" for a in call.args)


async def test_two_reporters_are_never_tied(lite: House) -> None:
    mine = (await lite.report(ROAD, WHO)).report
    theirs = (await lite.report(LAMP, OTHER)).report
    async with lite.store.unit() as unit:
        unit.messages.file(theirs.first, mine)
    assert await tied(lite, OTHER) == {theirs.id}


# What a stranger writes.


async def tied(house: House, who: str) -> set[str]:
    """Return the reports to which the messages of somebody are tied."""
    ref = house.seal.reference("paper", who.casefold())
    rows = await house.rows(
        f"SELECT report_id FROM messages WHERE reporter_ref = '{ref}' AND report_id IS NOT NULL"
    )
    return {row[0] for row in rows}


async def answered(house: House) -> Any:
    """File a report of somebody, whom its agency answers; return it as it stands then."""
    first = await house.report(ROAD, WHO)
    agency = first.report.assignment
    assert agency
    assert agency.agency
    await house.agencies.reply(
        agency.agency.id, first.report.tracking, Reply(kind="progress", text=SECRET), key="1"
    )
    assert await house.work_all() == {}
    return await house.file(first.report.tracking)


async def unhurt(house: House, before: Any, stranger: str = OTHER) -> None:
    """Check that nothing of a report changed, and that nothing of it came to a stranger."""
    after = await house.file(before.report.tracking)
    assert after.report == before.report
    assert after.events == before.events
    assert before.report.id not in await tied(house, stranger)
    assert all(SECRET not in told for told in house.paper.told(stranger))
    numbers = await house.rows("SELECT tracking, reporter_ref FROM messages")
    for number, ref in numbers:
        if ref != before.report.reporter.ref:
            found = await house.store.reports.file(tracking=number)
            assert found is None or found.report.id != before.report.id
            tracking = house.services.tracking
            seen = await tracking.find(number, page_secret(house.seal, number), channel="paper")
            assert seen is None or seen.report is None or seen.report.id != before.report.id


@pytest.mark.parametrize("said", STRANGE)
@pytest.mark.parametrize("where", ["text", "subject"])
async def test_who_knows_a_number_gets_no_hold_of_the_report(
    lite: House, said: str, where: str
) -> None:
    before = await answered(lite)
    said = said.format(number=format_number(before.report.tracking))
    more = {"subject": said} if where == "subject" else {}
    await lite.take({"id": "x1", "from": OTHER, "text": "a" * 24 if more else said} | more)
    assert await lite.work_all() == {}
    await unhurt(lite, before)


@pytest.mark.parametrize("said", BARE)
@pytest.mark.parametrize("below", ["a letter", "the report", "both"])
async def test_who_answers_in_the_thread_of_another_gets_no_hold_of_the_report(
    lite: House, said: str, below: str
) -> None:
    await lite.take({"id": "m-1", "from": WHO, "text": ROAD, "thread": ["m-0"]})
    assert await lite.work_all() == {}
    before = await lite.newest()
    names = {
        "a letter": [f"paper-{lite.paper.carried[-1][1].id}"],
        "the report": ["m-1"],
        "both": ["m-0", "m-1", f"paper-{lite.paper.carried[-1][1].id}"],
    }
    await lite.take({"id": "x1", "from": OTHER, "text": said, "thread": names[below]})
    assert await lite.work_all() == {}
    await unhurt(lite, before)
    number = format_number(before.report.tracking)
    assert all(number not in told for told in lite.paper.told(OTHER)), "the thread gives no number"


async def test_a_stranger_who_asks_by_number_is_told_how_far_it_is_and_no_more(
    lite: House,
) -> None:
    before = await answered(lite)
    told = await lite.say(f"STATUS {format_number(before.report.tracking)}", OTHER)
    assert format_number(before.report.tracking) in told
    await unhurt(lite, before)
    own = await lite.say(f"STATUS {format_number(before.report.tracking)}", WHO)
    assert SECRET in own
    seen = await lite.services.tracking.find(
        before.report.tracking, page_secret(lite.seal, before.report.tracking), channel="paper"
    )
    assert seen
    assert told not in [each.text for each in seen.texts], "what strangers are told is theirs"


async def test_a_letter_to_a_stranger_is_no_way_into_the_report(lite: House) -> None:
    before = await answered(lite)
    await lite.say(f"STATUS {format_number(before.report.tracking)}", OTHER)
    letter = f"paper-{lite.paper.carried[-1][1].id}"
    for said in BARE:
        await lite.take(
            {"id": f"x-{said}", "from": OTHER, "text": said, "thread": [letter]},
        )
        assert await lite.work_all() == {}
    await unhurt(lite, before)


async def test_a_tie_of_the_version_before_gives_nothing_to_a_stranger(lite: House) -> None:
    before = await answered(lite)
    await lite.take({"id": "x1", "from": OTHER, "text": LAMP})
    assert await lite.work_all() == {}
    ref = lite.seal.reference("paper", OTHER)
    await lite.change(
        f"UPDATE messages SET report_id = '{before.report.id}' WHERE reporter_ref = '{ref}'"
    )
    ((number,),) = await lite.rows(f"SELECT tracking FROM messages WHERE reporter_ref = '{ref}'")
    found = await lite.store.reports.file(tracking=number)
    assert found is None or found.report.id != before.report.id
    async with lite.store.unit() as unit:
        known = await unit.reports.by_tracking([number])
    assert before.report.id not in {each.report.id for each in known.values()}


# The web form, and the doors for programs.


@pytest.fixture
async def form(sqlite_url: str, tmp_path: Path) -> AsyncIterator[House]:
    web = load("web", {"type": "web"}, public_url=PUBLIC_URL)
    async with house(sqlite_url, tmp_path, more=[web]) as built:
        yield built


async def sent(form: House, **changes: str) -> tuple[str, str]:
    """Send the form; return number and secret of its receipt."""
    web = form.door.receiver("web")
    assert web
    answer = await form.door.receive_webhook(web, posted(filled(**changes)))
    assert answer.status == 201, answer.body
    assert await form.work_all() == {}
    number = (await form.rows("SELECT tracking FROM messages ORDER BY received_at DESC"))[0][0]
    return number, page_secret(form.seal, number)


@pytest.mark.parametrize("said", STRANGE)
@pytest.mark.parametrize("field", ["title", "body"])
async def test_nothing_in_the_web_form_is_a_command(form: House, said: str, field: str) -> None:
    victim, _ = await sent(form)
    before = await form.file(victim)
    words = said.format(number=format_number(victim))
    said_in = (
        {"title": words, "body": "a" * 24} if field == "title" else {"body": f"{words} {LAMP}"}
    )
    number, secret = await sent(form, **said_in)
    seen = await form.services.tracking.find(number, secret, channel="web")
    assert seen
    assert seen.report
    assert seen.report.tracking == number
    assert (await form.file(victim)).report == before.report
    assert [each.first.intent for each in await form.store.reports.latest(9)] == [
        "report",
        "report",
    ]


@pytest.fixture
async def here(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    async with town(sqlite_url, tmp_path) as built:
        yield built


@pytest.mark.parametrize("said", STRANGE)
@pytest.mark.parametrize("door", ["rest", "open311"])
@pytest.mark.parametrize("key", [CITY, KIOSK])
async def test_no_partner_reads_or_writes_in_the_report_of_another_person(
    here: Town, said: str, door: str, key: str
) -> None:
    victim = (await here.send({"text": ROAD, "sender": {"id": "siti"}})).json["tracking"]
    await here.routed()
    reply = Reply(kind="progress", text=SECRET)
    await here.house.agencies.reply(WORKS, victim, reply, key="1")
    await here.routed()
    before = (await here.house.file(victim)).report
    words = said.format(number=format_number(victim))
    if door == "rest":
        body = {"text": f"{words} {LAMP}", "title": words, "sender": {"id": "eve"}}
        answer = await here.send(body | {"reply_to": victim}, key)
        number = answer.json["tracking"]
    else:
        fields = {
            "description": f"{words} {LAMP}",
            "attribute[title]": words,
            "email": "e@x.example",
        }
        answer = await here.request(key, lat="-7.3", long="112.7", **fields)
        number = answer.json[0]["service_request_id"]
    await here.routed()
    secret = page_secret(here.house.seal, number)
    looks = [
        (await here.get(f"{API}/reports/{number}", secret=secret)).body,
        (await here.get(f"{O311}/requests/{number}.json", api_key=key)).body,
        (await here.get(f"{O311}/servicerequestupdates.json", api_key=KIOSK)).body,
    ]
    assert all(SECRET.encode() not in seen and ROAD.encode() not in seen for seen in looks)
    assert (await here.house.file(victim)).report == before


@pytest.mark.parametrize("door", ["rest", "open311"])
async def test_a_tie_of_the_version_before_shows_a_partner_nothing(here: Town, door: str) -> None:
    victim = (await here.send({"text": ROAD, "sender": {"id": "siti"}}, KIOSK)).json["tracking"]
    own = (await here.send({"text": LAMP, "sender": {"id": "eve"}})).json["tracking"]
    await here.routed()
    report = (await here.house.file(victim)).report
    await here.house.change(
        f"UPDATE messages SET report_id = '{report.id}' WHERE tracking = '{own}'"
    )
    own_channel = "rest" if door == "rest" else "open311"
    await here.house.change(f"UPDATE messages SET channel = '{own_channel}'")
    desk = PublicQueries(here.house.store, frozenset())
    mine = (own_channel, "kota")
    for found in (
        await desk.by_number([own], mine),
        await desk.newest(ReportFilter(), mine),
        [shown for _, shown in await desk.sent_by(mine)],
    ):
        assert not [shown for shown in found if shown.own and shown.report.id == report.id]
    since, until = report.received_at, here.house.clock() + timedelta(days=1)
    told = await desk.updates(since, until, mine)
    assert report.id not in {each.report.id for each in told}


# Rows of the version before.


async def test_messages_of_the_version_before_say_whose_they_are(empty_url: str) -> None:
    store = Store(Database(empty_url, pool_size=2, timeout=20), Clock())
    async with store.database.write() as connection:
        await connection.run_sync(_upgrade_to, "0005")
        for id, body in (("1", '{"reporter": {"ref": "abc"}}'), ("2", "{}")):
            await connection.execute(
                text(
                    "INSERT INTO messages (id, channel, account, external_id, received_at, digest,"
                    " raw, body) VALUES (:id, 'sms', '1708', :id, :at, 'd', :raw, :body)"
                ).bindparams(bindparam("at", type_=messages.c.received_at.type)),
                {"id": id, "at": store.now(), "raw": b"", "body": body},
            )
    await store.migrate()
    async with store.database.read() as connection:
        query = select(messages.c.id, messages.c.reporter_ref).order_by(messages.c.id)
        rows = (await connection.execute(query)).all()
    assert [tuple(row) for row in rows] == [("1", "abc"), ("2", "")]
    await store.close()


def _upgrade_to(connection: Connection, revision: str) -> None:
    settings = Config()
    settings.set_main_option("script_location", str(migrate.FOLDER))
    settings.attributes["connection"] = connection
    command.upgrade(settings, revision)


def test_a_spooled_batch_of_the_version_before_says_whose_it_is(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.write([accepted(Clock(), body='{"reporter": {"ref": "abc"}}')])
    (path,) = spool.waiting()
    (item,) = json.loads(path.read_bytes())
    del item["reporter_ref"]
    path.write_text(json.dumps([item]))
    (read,) = spool.read(path) or []
    assert isinstance(read, AcceptedItem)
    assert read.reporter_ref == "abc"


# Looks at one number.


async def test_a_stranger_cannot_keep_a_reporter_from_the_page() -> None:
    def request(address: str) -> Request:
        return Request({"type": "http", "client": (address, 5), "headers": []})

    limits = CallLimits("", proxied=False)
    stranger, reporter = request("36.80.1.2"), request("36.80.9.9")
    waits = [await limits.looked("482109375514", stranger) for _ in range(3 * LOOKS_AT_ONE.amount)]
    assert waits.count(0) == LOOKS_AT_ONE.amount
    assert await limits.looked("482109375514", reporter) == 0


async def test_all_together_are_slowed_at_one_number() -> None:
    limits = CallLimits("", proxied=True)
    nobody = Request({"type": "http", "client": None, "headers": []})
    waits = [await limits.looked("482109375514", nobody) for _ in range(LOOKS_OF_ALL.amount + 1)]
    assert waits.count(0) == LOOKS_OF_ALL.amount
