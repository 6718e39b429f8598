"""Search: numbers in any writing, words of texts, and agencies as people call them."""

from config.files import abbreviations
from gateway.access.roles import Actor, Grant, Role
from gateway.casework.directory import Directory
from gateway.queues.due import EVERYWHERE as ALL
from gateway.queues.indexing import ReportIndexer
from gateway.store.listing import ListFilter
from gateway.store.rows import AuditEvent
from gateway.store.scope import AccessScope
from gateway.store.search import IndexPlace, asked_words, changed_behind, plain_words
from normalizer import tracking
from normalizer.report import Report
from tests.gateway.making import ROAD, House
from tests.gateway.office import place, report

EVERYWHERE = Actor("rini", (Grant(Role.OPERATOR),))
ELSEWHERE = Actor("sari", (Grant(Role.OPERATOR, "64.72"),))


def indexer(house: House) -> ReportIndexer:
    cursor = house.store.cursors.of(ALL, "search", holder="test")
    return ReportIndexer(house.store, cursor, settled=-1.0)


async def index(house: House) -> int:
    count, each = 0, indexer(house)
    while done := await each.turn():
        count += done
    return count


async def words(house: House, query: str, actor: Actor = EVERYWHERE) -> list[str]:
    found = await house.services.browser.listing(actor, {"q": query}, after="", before="", number=1)
    return sorted(row.report.id for row in found.rows)


def said(number: int, text: str) -> Report:
    made = report(number)
    message = made.messages[0].model_copy(update={"text": text, "title": "", "original": text})
    return made.model_copy(update={"messages": (message,)})


async def file(house: House, *reports: Report) -> None:
    async with house.store.unit() as unit:
        for each in reports:
            unit.reports.add(each, each.id, [AuditEvent("received", "sms")])


async def test_words_of_a_text_lead_to_its_report(house: House) -> None:
    lamp, road = (
        said(1, "Lampu jalan mati di Pasar Palagan"),
        said(2, "Jalan berlubang, déjà vu 2026"),
    )
    await file(house, lamp, road)
    assert await words(house, "lampu") == []
    assert await index(house) == 2
    assert await index(house) == 0
    for query, found in (
        ("lampu", [lamp]), ("LAMPU  pasar", [lamp]), ("jalan", [lamp, road]), ("palag", [lamp]),
        ("lampu berlubang", []), ("deja vu", [road]), ("2026", []), ("jalan 2026", [road]),
        ("kotawaringin", [lamp, road]), ("jalan AND NOT lampu", []), ("'lampu' | !jalan", [lamp]),
    ):  # fmt: skip
        assert await words(house, query) == [each.id for each in found], query


async def test_changed_words_take_the_place_of_the_old_ones(house: House) -> None:
    await file(house, said(1, "sampah menumpuk"))
    await index(house)
    async with house.store.unit() as unit:
        stored = await unit.reports.by_id(report(1).id)
        assert stored
        unit.reports.change(stored, said(1, "banjir setinggi lutut"), [AuditEvent("moved", "x")])
    assert await index(house) == 1
    assert await words(house, "sampah") == []
    assert await words(house, "banjir") == [report(1).id]


async def test_what_may_not_be_committed_yet_waits_for_the_next_look(house: House) -> None:
    await file(house, said(1, "sampah menumpuk"))
    behind = IndexPlace()
    assert await house.store.search.changed(behind, settled=60, most=9) == []
    ((place, _),) = await house.store.search.changed(behind, settled=-1, most=9)
    assert IndexPlace.read(str(place)) == place
    assert await house.store.search.changed(place, settled=-1, most=9) == []


async def test_words_find_only_what_a_scope_has(house: House) -> None:
    here = said(1, "banjir di sini")
    there = said(2, "banjir di sana").model_copy(
        update={"places": (place().model_copy(update={"code": "64.72"}),)}
    )
    await file(house, here, there)
    await index(house)
    assert await words(house, "banjir") == [here.id, there.id]
    assert await words(house, "banjir", ELSEWHERE) == [there.id]
    assert await words(house, "sini", ELSEWHERE) == []


HOSTILE = (
    "", " ", "'", '"', '"""', "\\", "%", "_", "*", "jalan*", '"jalan', "jalan'--", 
    "(", ")))", "-jalan",
    "NOT", "AND OR NOT", "NEAR(jalan lampu)", "words:jalan", "report_id : x", "^jalan", "{jalan}",
    "jalan & | ! <-> lampu", "a:*", ":*", "\0", "jalan\0lampu", "\ud83d", "👍🏽", "ﷺ", "½ ² ٣ ³",
    "jalan " * 2_000, "x" * 10_000, "'; DROP TABLE reports; --", "\u202e\u200b", "ก็ี", 
    "١٢٣٤", "ⅷ", "\uffff",
)  # fmt: skip


async def test_no_query_fails(house: House) -> None:
    await file(house, said(1, "Jalan rusak"))
    await index(house)
    for query in HOSTILE:
        assert len(asked_words(query)) <= 8
        await words(house, query)
        assert await house.services.browser.locate(EVERYWHERE, query) is None
        for each in (
            {"region": query},
            {"agency": query},
            dict.fromkeys(("topic", "channel", "state", "sort"), query),
        ):
            await house.services.browser.listing(
                EVERYWHERE, each, after=query, before=query, number=1
            )
    await file(
        house,
        *(
            said(n + 10, query or "x")
            for n, query in enumerate(HOSTILE)
            if "\0" not in query and "\ud83d" not in query
        ),
    )
    await index(house)


def test_words_are_letters_and_digits() -> None:
    assert plain_words("Jl. Déjà-vu_2 'x' 3/4") == ["jl", "deja", "vu", "2", "x", "3", "4"]


async def test_a_number_in_any_writing_leads_to_its_report(house: House) -> None:
    first = await house.report(ROAD)
    number = first.report.tracking
    more = (number[:4], number[4:8], number[8:])
    for typed in (
        number, "-".join(more), " ".join(more), f"No. {'.'.join(more)}!", f"lapor {number} ya",
        f"  {number}\n", " - ".join(more),
    ):  # fmt: skip
        assert await house.services.browser.locate(EVERYWHERE, typed) == first.report.id, typed
    assert await house.services.browser.locate(ELSEWHERE, number) is None
    browser = house.services.browser
    last = await browser.listing(EVERYWHERE, {"q": number[8:]}, after="", before="", number=1)
    assert [row.report.id for row in last.rows] == [first.report.id]
    strange = next(t for n in range(99) if (t := tracking.compose(48_210_111_000 + n)))
    for typed, why in (
        (strange, "number"),
        (f"{number[:11]}{(int(number[11]) + 1) % 10}", "digits"),
        ("?!", "words"),
    ):
        found = await browser.listing(EVERYWHERE, {"q": typed}, after="", before="", number=1)
        assert (found.unmet, found.rows) == (why, ())


async def test_a_search_by_words_reads_the_index(house: House) -> None:
    scope = AccessScope(everywhere=True)
    query = house.store.search.ids_with(("jalan", "lampu"))
    async with house.store.database.read() as connection:
        if not house.store.database.is_sqlite:
            await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        explain = "EXPLAIN QUERY PLAN " if house.store.database.is_sqlite else "EXPLAIN "
        for each, index in (
            (query, "VIRTUAL TABLE INDEX|ix_report_search_words"),
            (changed_behind(IndexPlace(1.0, "a")), "ix_reports_changed"),
        ):
            written = each.compile(
                dialect=connection.dialect, compile_kwargs={"literal_binds": True}
            )
            plan = (
                await connection.exec_driver_sql(explain + str(written).replace("%", "%%"))
            ).all()
            assert any(name in str(plan) for name in index.split("|")), plan
    assert await house.store.listing.page(scope, ListFilter(words=("x",)), "", most=1)


# Agencies

MEANT = (
    ("dishub kobar", "6201-dinas-perhubungan"),
    ("dishub", "6201-dinas-perhubungan"),
    ("lurah baru", "6201021009-kelurahan"),
    ("kelurahan kumai hulu kobar", "6201011012-kelurahan"),
    ("camat kumai", "620101-kecamatan"),
    ("dlh", "6201-dinas-lingkungan-hidup"),
    ("dinsos", "6201-dinas-sosial"),
    ("dinsos kalteng", "62-dinas-sosial"),
    ("polres kobar", "polri"),
    ("rumah sakit sultan imanudin", "6201-rsud"),
    ("rs sultan imanuddin", "6201-rsud"),
    ("dinas perhubungn", "6201-dinas-perhubungan"),
    ("dinas pendidikan samarinda", "6472-dinas-pendidikan"),
    ("6472-pdam", "6472-pdam"),
    ("pln", "pln"),
)


def test_agencies_are_found_as_people_call_them(lite: House) -> None:
    directory = Directory(
        lite.services.parts.routing.register, lite.services.parts.gazetteer, abbreviations()
    )
    for query, wanted in MEANT:
        found = directory.search(query, "62.01")
        assert [each.id for each in found][:1] == [wanted], query
    near = directory.search("dinas", "62.01", 12)
    assert len(near) == 12
    assert all(each.id.startswith("6201-") for each in near)
    for query in HOSTILE:
        assert len(directory.search(query)) <= 12
