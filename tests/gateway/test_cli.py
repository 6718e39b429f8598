"""The command line, as scripts use it: exit statuses, formats, and faults with file and line."""

import asyncio
import json
import os
import re
import sqlite3
import sys
import tomllib
from asyncio import create_subprocess_exec
from asyncio.subprocess import PIPE
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import config
from config import toml
from gateway.cli import app
from tests.gateway import migrated
from tests.gateway.citizens import citizens, walking
from tests.gateway.ledger import Ledger
from tests.gateway.processes import kanal, surroundings
from tests.services import free_ports

BROKEN = """\
[server]
port = "eighty"
colour = "red"

[routing]
cost_of_wrong = 0.5

[mail_server]
require_tls = true
channel = "surat"

[channels.pager]
type = "pager"

[channels.sms]
type = "twilio"
account_sid = "short"
auth_tokens = []

[channels.email]
type = "mail"
address = "not an address"

[delivery."nobody-at-all"]
method = "queue"

[delivery."pln"]
method = "webhook"
"""
UNFIT = BROKEN[BROKEN.index("[mail_server]") :]
"""The same without the faults of type, which ``kanal up`` finds before it looks any further."""
TYPES = {"server.port", "server.colour", "routing.cost_of_wrong"}
FAULTS = {
    "mail_server.require_tls": "require_tls",
    "mail_server.channel": "channel",
    "channels.pager.type": 'type = "pager"',
    "channels.sms.account_sid": "account_sid",
    "channels.sms.auth_tokens": "auth_tokens",
    "channels.email.address": "address",
    "delivery.nobody-at-all": '[delivery."nobody-at-all"]',
    "delivery.pln.url": '[delivery."pln"]',
    "delivery.pln.secret": '[delivery."pln"]',
}
"""Each fault, and how the line begins that is to be blamed."""
EXPLAINED = {
    "intent", "kind", "topic", "places", "decision", "agency", "confidence", "alternatives", "why",
}  # fmt: skip
"""The keys of DESIGN.md §6; "question" comes with decision "ask"."""
CLEAR = "lampu jalan mati di Kota Medan"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, given: bytes = b"") -> Result:
    """Run a command that comes to its end, in this process."""
    return CliRunner().invoke(app, arguments, input=given)


async def beside(*arguments: str) -> Result:
    """Run a command from within a loop."""
    return await asyncio.to_thread(run, *arguments)


def explained(*arguments: str, given: str = "") -> tuple[list[dict[str, Any]], int]:
    """Run ``explain`` and read its NDJSON."""
    result = run("explain", *arguments, given=given.encode())
    return [json.loads(line) for line in result.stdout.splitlines()], result.exit_code


# --- check --------------------------------------------------------------------------------------


def blamed(written: str, faults: list[dict[str, Any]]) -> dict[str, str]:
    """Return what each fault names, with the line it points at."""
    lines = written.splitlines()
    assert {fault["file"] for fault in faults} == {"kanal.toml"}
    return {fault["message"].partition(":")[0]: lines[fault["line"] - 1] for fault in faults}


@pytest.mark.parametrize("written", [BROKEN, UNFIT], ids=["types too", "types right"])
def test_check_lists_every_fault_with_file_and_line(folder: Path, written: str) -> None:
    (folder / "kanal.toml").write_text(written)
    result = run("check", "--json")
    assert result.exit_code == 1
    found = blamed(written, json.loads(result.stdout))
    expected = FAULTS | {name: name.partition(".")[2] for name in TYPES if written is BROKEN}
    assert found.keys() == expected.keys()
    for name, beginning in expected.items():
        assert found[name].startswith(beginning), name


def test_check_tells_people_the_same(folder: Path) -> None:
    (folder / "kanal.toml").write_text(UNFIT)
    result = run("check")
    assert result.exit_code == 1
    said = result.stderr.splitlines()
    assert len(said) == len(FAULTS)
    assert all(line.startswith("kanal.toml:") for line in said)
    assert "kanal.toml:2: mail_server.require_tls: " in result.stderr


UNTRAINED = "Nothing has been trained yet: the phrases decide.\n"


@pytest.mark.parametrize("written", ["", "[server]\nport = 0\n"], ids=["empty", "one setting"])
def test_check_finds_nothing_where_nothing_is_wrong(folder: Path, written: str) -> None:
    (folder / "kanal.toml").write_text(written)
    plain, as_json = run("check"), run("check", "--json")
    assert (plain.exit_code, plain.stdout) == (0, "Everything is in order.\n" + UNTRAINED)
    assert "WARNING: alerts: NOBODY IS ON DUTY" in plain.stderr
    assert (as_json.exit_code, json.loads(as_json.stdout)) == (0, [])


def test_check_names_queues_that_nothing_reads_and_those_that_settings_forgot(folder: Path) -> None:
    (folder / "kanal.toml").write_text('[delivery.pln]\nmethod = "queue"\n')
    said = run("check").stderr
    assert 'WARNING: delivery.pln: method = "queue" needs RabbitMQ' in said
    assert not (folder / "var").exists(), "a check makes no database"
    database = folder / "var" / "kanal.sqlite3"
    database.parent.mkdir(mode=0o700)
    migrated.sqlite(f"{migrated.SQLITE}{database}")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("INSERT INTO agency_queues VALUES ('bmkg', 'read', NULL, NULL, 0)")
        connection.execute("INSERT INTO agency_queues VALUES ('pln', 'read', NULL, NULL, 0)")
        connection.commit()
    said = run("check").stderr
    assert "WARNING: agency.bmkg is read" in said
    assert "agency.pln is read" not in said


def test_check_names_the_variable_that_is_wrong(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KANAL_SERVER__PORT", "eighty")
    result = run("check")
    assert result.exit_code == 1
    assert "KANAL_SERVER__PORT" in result.stderr


def test_check_names_the_line_that_is_no_toml(folder: Path) -> None:
    (folder / "kanal.toml").write_text("[server]\nport = 1\nport = = 2\n")
    result = run("check")
    assert result.exit_code == 1
    assert result.stderr.startswith("kanal.toml:3: ")


async def test_up_refuses_to_start_and_leaves_nothing_behind(folder: Path) -> None:
    (folder / "kanal.toml").write_text(UNFIT)
    ended = await kanal("up", folder=folder)
    assert ended.status == 1
    assert ended.out == ""
    assert ended.err.count("kanal.toml:") == len(FAULTS)
    assert "Nothing was started" in ended.err
    assert os.listdir(folder) == ["kanal.toml"]


@pytest.mark.parametrize("command", [("audit", "verify"), ("trace", "1234-5678-9018")])
def test_before_the_first_start_a_command_says_what_is_missing(
    folder: Path, command: tuple[str, ...]
) -> None:
    result = run(*command)
    assert result.exit_code == 1
    assert "has no tables yet: run kanal up or kanal migrate" in result.stderr
    assert "does not answer" not in result.stderr


def _wrong_blocks(count: int) -> str:
    """Write settings with as many faults of each of five kinds."""
    return "\n".join(
        f'[delivery.nobody-{n}]\nmethod = "inbox"\ntoken = "{n:040}"\n'
        f'[delivery.0{n}-x]\nmethod = "inbox"\ntokn = "x"\n'
        f'[channels.c{n}]\ntype = "fax"\n[channels.d{n}]\ntype = "web"\nodd = 1'
        for n in range(count)
    )


@pytest.mark.parametrize("known", [True, False], ids=["blocks", "sections"])
def test_the_work_of_a_check_does_not_grow_with_each_fault(
    folder: Path, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    read: list[str] = []

    def counted(reading: Callable[[str], Any]) -> Callable[[str], Any]:
        def read_and_count(text: str) -> Any:
            read.append(text)
            return reading(text)

        return read_and_count

    monkeypatch.setattr(toml, "_lines_outside_strings", counted(toml._lines_outside_strings))
    monkeypatch.setattr(tomllib, "loads", counted(tomllib.loads))
    counts = []
    run("check")  # what the tests of this process share is read by now
    for faults in (2, 40):
        unknown = "\n".join(f"[section{n}]\nx = 1" for n in range(faults))
        (folder / "kanal.toml").write_text(_wrong_blocks(faults) if known else unknown)
        read.clear()
        result = run("check")
        assert result.stderr.count("kanal.toml:") == (5 if known else 1) * faults
        counts.append(len(read))
    assert counts[0] == counts[1]


NOBODY = {
    "database": ("KANAL_DATABASE__URL", "postgresql+psycopg://nobody@127.0.0.1:{port}/none"),
    "broker": ("KANAL_BROKER__URL", "amqp://guest:guest@127.0.0.1:{port}/"),
}


@pytest.mark.parametrize("service", NOBODY)
def test_up_says_which_service_does_not_answer(
    folder: Path, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, url = NOBODY[service]
    (port,) = free_ports(1)
    monkeypatch.setenv(name, url.format(port=port))
    ended = run("up")
    assert (ended.exit_code, type(ended.exception)) == (1, SystemExit)
    assert f"The {service} does not answer" in ended.stderr
    assert f"[{service}] url" in ended.stderr
    assert "Traceback" not in ended.stderr


# --- explain ------------------------------------------------------------------------------------


def test_explain_for_people_says_what_and_why(folder: Path) -> None:
    result = run("explain", CLEAR)
    assert result.exit_code == 0
    said = [line.split(None, 1) for line in result.stdout.splitlines()]
    assert {"decision", "agency", "topic", "places", "why"} <= {name for name, _ in said}
    assert ["agency", "Dinas Perhubungan Kota Medan"] in said
    assert ["places", "Kota Medan (12.71)"] in said


def test_explain_json_has_the_documented_keys(folder: Path) -> None:
    [found], status = explained("--json", CLEAR)
    assert status == 0
    assert found.keys() == EXPLAINED
    assert (found["intent"], found["kind"], found["decision"]) == ("report", "complaint", "assign")
    assert found["places"] == [{"code": "12.71", "name": "Kota Medan", "level": "city"}]
    assert found["agency"] == {
        "id": "1271-dinas-perhubungan",
        "name": "Dinas Perhubungan Kota Medan",
    }
    assert 0 < found["confidence"] <= 1
    assert found["why"]
    assert all(isinstance(why, str) for why in found["why"])
    for other in found["alternatives"]:
        assert other.keys() == {"id", "name", "confidence"}


def test_explain_asks_where_the_place_is_missing(folder: Path) -> None:
    [found], _ = explained("--json", "jalan berlubang dan sangat berbahaya")
    assert found.keys() == EXPLAINED | {"question"}
    assert (found["decision"], found["agency"], found["places"]) == ("ask", None, [])
    assert "kabupaten/kota" in found["question"]


def test_explain_takes_the_region_of_the_door(folder: Path) -> None:
    [found], _ = explained("--json", "--region", "35.78", "jalan berlubang")
    assert [place["code"] for place in found["places"]] == ["35.78"]
    assert found["agency"]["id"].startswith("3578-")


def test_explain_answers_each_line_and_the_bad_ones_with_an_error(folder: Path) -> None:
    lines = [
        {"text": CLEAR},
        "nonsense",
        {"text": 5},
        {"text": "jalan berlubang", "region": "35.78", "channel": "sms"},
        [],
        {"region": "35.78"},
        {"text": CLEAR, "region": "nowhere"},
        {"text": "STATUS 482109375514"},
    ]
    given = "\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines)
    answers, status = explained("-", given=given)
    assert status == 1
    assert len(answers) == len(lines)
    wrong = [n for n, answer in enumerate(answers, 1) if "error" in answer]
    assert wrong == [2, 3, 5, 6, 7]
    assert [answers[n - 1]["line"] for n in wrong] == wrong
    assert answers[0]["agency"]["id"] == "1271-dinas-perhubungan"
    assert answers[3]["agency"]["id"].startswith("3578-")
    assert (answers[7]["intent"], answers[7]["decision"]) == ("status", None)
    assert all(answer.keys() >= EXPLAINED for answer in answers if "error" not in answer)


def test_explain_of_good_lines_ends_well_and_a_line_wins_over_the_option(folder: Path) -> None:
    given = '{"text": "jalan berlubang", "region": "12.71"}\n\n{"text": "jalan berlubang"}\n'
    answers, status = explained("--region", "35.78", "-", given=given)
    assert status == 0
    assert [a["places"][0]["code"] for a in answers] == ["12.71", "35.78"]


def test_explain_survives_bytes_that_are_no_text(folder: Path) -> None:
    given = b'{"text": "\xff\xfe"}\n\x00\n{"text": "jalan rusak"}\n'
    result = run("explain", given=given)
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 1
    assert ["error" in answer for answer in answers] == [True, True, False]


def test_explain_refuses_a_region_there_is_not(folder: Path) -> None:
    result = run("explain", "--region", "nowhere", CLEAR)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "nowhere" in result.stderr


async def test_explain_answers_line_by_line_without_waiting_for_the_end(folder: Path) -> None:
    process = await create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "explain", "-"),
        cwd=folder, env=surroundings(None), stdin=PIPE, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    assert process.stdin
    assert process.stdout
    try:
        async with asyncio.timeout(60):
            for text in (CLEAR, "jalan berlubang"):
                process.stdin.write(json.dumps({"text": text}).encode() + b"\n")
                await process.stdin.drain()
                assert json.loads(await process.stdout.readline())["intent"] == "report"
    finally:
        process.stdin.close()
        await process.communicate()
    assert process.returncode == 0


# --- roles and help -----------------------------------------------------------------------------


def test_an_unknown_role_is_told_which_there_are() -> None:
    result = run("run", "postman")
    assert result.exit_code == 2
    assert "'postman'" in result.stderr
    assert all(role in result.stderr for role in ("web", "mail", "worker", "poller"))


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((Path(config.__file__).parents[1] / "pyproject.toml").read_text())
    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"kanal {project['project']['version']}\n")


async def test_help_names_every_command_and_imports_little(folder: Path) -> None:
    code = (
        "import sys\nfrom gateway.cli import app\n"
        "app(['--help'], standalone_mode=False)\n"
        "heavy = {'sqlalchemy', 'aio_pika', 'fastapi', 'twilio', 'pydantic', 'rich'}\n"
        "print(sorted(heavy & {*sys.modules}))"
    )
    process = await create_subprocess_exec(
        sys.executable, "-c", code, cwd=folder, env=surroundings(None), stdout=PIPE
    )
    out, _ = await process.communicate()
    said = out.decode()
    assert process.returncode == 0
    for command in ("up", "run", "demo", "explain", "check", "migrate", "replay", "operator"):
        assert f" {command} " in said
    assert said.splitlines()[-1] == "[]"


# --- what works on the database -----------------------------------------------------------------


def test_migrate_then_replay_the_dead(folder: Path) -> None:
    assert run("migrate").stdout == "The database is up to date.\n"
    database = folder / "var/kanal.sqlite3"
    bury(database, "letter-1", "letter-2")

    refused = run("replay", given=b"n\n")
    assert refused.exit_code == 1
    assert refused.stdout.count("deliveries") == 2
    assert "Unreachable: nobody answered" in refused.stdout
    assert queue_rows(database) == [("dead", 6), ("dead", 6)]

    done = run("replay", "--json")
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"replayed": 2, "spooled": 0})
    assert queue_rows(database) == [("ready", 0), ("ready", 0)]


def bury(database: Path, *ids: str) -> None:
    """Put dead letters into the queue table."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executemany(
            "INSERT INTO queue (queue, message_id, body, headers, attempts, state, visible_at,"
            " error, at) VALUES ('deliveries', ?, '{}', '{}', 6, 'dead', 0,"
            " 'Unreachable: nobody answered', '2026-01-01 00:00:00.000000')",
            [(id,) for id in ids],
        )


def queue_rows(database: Path) -> list[tuple[str, int]]:
    """Read state and attempts of all queue rows."""
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute("SELECT state, attempts FROM queue ORDER BY id").fetchall()


async def test_an_operator_made_by_a_script_can_log_in(folder: Path) -> None:
    first = await kanal(
        "operator", "siti", "--password-stdin", folder=folder, given="rahasia 1 kucing oranye\n"
    )
    assert first.status == 0
    assert "siti" in first.out
    assert "/console" in first.out
    assert "rahasia" not in first.out + first.err
    second = await beside("operator", "siti")
    password = second.stdout.splitlines()[-1].removeprefix("Password: ")
    file = folder / "kanal.toml"
    file.write_text(f'[server]\nport = 0\ndata_dir = "{folder}/var"\n')
    async with walking(file) as (running, _):
        assert await running.services.accounts.log_in("siti", password)
        assert await running.services.accounts.log_in("siti", "rahasia 1 kucing oranye") is None


def test_operators_are_listed_kept_out_let_in_and_removed(folder: Path) -> None:
    made = run("operator", "siti")
    assert made.exit_code == 0
    assert "did=set_password" in made.stderr
    weak = run("operator", "budi", "--password-stdin", given=b"pendek\n")
    assert weak.exit_code == 2
    assert "12 characters" in weak.stderr
    for command, state in (("disable", "disabled"), ("enable", "active")):
        done = run("operator", command, "siti")
        assert done.exit_code == 0
        noted = re.search(rf"operator .*by=cli:\w+ did={command} .*name=siti", done.stderr)
        assert noted, done.stderr
        listed = run("operator", "list")
        assert [line.split()[:2] for line in listed.stdout.splitlines()] == [["siti", state]]
    removed = run("operator", "remove", "siti")
    assert (removed.exit_code, "did=remove" in removed.stderr) == (0, True)
    assert run("operator", "list").stdout == ""
    again = run("operator", "remove", "siti")
    assert (again.exit_code, "did=remove" in again.stderr) == (1, False)


def test_links_are_printed_for_a_first_administrator_and_a_new_password(folder: Path) -> None:
    first = run("link", "first")
    assert first.exit_code == 0
    assert re.search(r"/console/begin#[\w-]{43}$", first.stdout.strip())
    assert run("operator", "siti").exit_code == 0
    reset = run("link", "password", "siti", "--codes-off")
    assert "/console/begin#" in reset.stdout
    assert run("link", "password", "budi").exit_code == 1
    with closing(sqlite3.connect(folder / "var" / "kanal.sqlite3")) as database:
        rows = database.execute("SELECT act, target FROM access_log ORDER BY id").fetchall()
        database.execute(
            "INSERT INTO grants (account, role, scope, identity) "
            "VALUES ('siti', 'administrator', 'ID', 0)"
        )
        database.commit()
    assert rows == [
        ("first_link", ""),
        ("set_password", "siti"),
        ("reset_password", "siti"),
        ("take_codes", "siti"),
    ]
    assert run("link", "first").exit_code == 1
    last = run("operator", "disable", "siti")
    assert last.exit_code == 1
    assert "last administrator" in last.stderr


TAMPERING = (
    "UPDATE events SET data = '{\"agency\": \"pln\"}' WHERE kind = 'forwarded' AND report_id = ?",
    "DELETE FROM events WHERE kind = 'forwarded' AND report_id = ?",
    "UPDATE events SET at = '2020-01-01 00:00:00.000000' WHERE seq = 1 AND report_id = ?",
)


async def test_audit_verify_finds_every_chain_that_was_touched(folder: Path) -> None:
    async with citizens(folder) as people:
        ledger = Ledger(f"sqlite:///{folder}/data/kanal.sqlite3")
        async with walking(people.file):
            await people.texts(len(TAMPERING) + 1)
            await ledger.done(len(TAMPERING) + 1)
        clean = await beside("audit", "verify", "--json")
        assert (clean.exit_code, json.loads(clean.stdout)) == (0, {"checked": 4, "faults": []})

        touched = tamper(folder / "data/kanal.sqlite3")
        found = await beside("audit", "verify")
    assert found.exit_code == 1
    *faults, summary = found.stdout.splitlines()
    assert {fault.partition(":")[0] for fault in faults} == touched
    assert summary == f"4 reports checked, {len(faults)} faults."


async def test_trace_prints_a_reports_whole_way_and_nobodys_words(folder: Path) -> None:
    async with citizens(folder) as people:
        ledger = Ledger(f"sqlite:///{folder}/data/kanal.sqlite3")
        async with walking(people.file):
            await people.texts(1)
            await ledger.done(1)
        with closing(sqlite3.connect(folder / "data/kanal.sqlite3")) as connection:
            ((number, body),) = connection.execute("SELECT tracking, body FROM reports").fetchall()
        told = await beside("trace", number)
        lines = await beside("trace", "--json", number)
        wrong = await beside("trace", "123")
        nobody = await beside("trace", "482109375514")
    assert told.exit_code == 0, told.stderr
    met = [json.loads(line) for line in lines.stdout.splitlines()]
    assert [line["at"] for line in met] == sorted(line["at"] for line in met)
    for step in ("stored, from", "routed", "received by", "forwarded by", "placed by", "written"):
        assert any(step in line["what"] for line in met), step
    assert {"message", "report", "delivery", "notification"} <= {line["where"] for line in met}
    text = json.loads(body)["messages"][0]["text"]
    assert text
    assert text not in told.stdout
    assert wrong.exit_code == 2
    assert (nobody.exit_code, nobody.stdout) == (1, "")


def tamper(database: Path) -> set[str]:
    """Change the log of one report in each way; return the tracking numbers of those."""
    with closing(sqlite3.connect(database)) as connection, connection:
        rows = connection.execute("SELECT id, tracking FROM reports").fetchall()
        for statement, (id, _) in zip(TAMPERING, rows, strict=False):
            assert connection.execute(statement, (id,)).rowcount == 1
    return {tracking for _, (_, tracking) in zip(TAMPERING, rows, strict=False)}
