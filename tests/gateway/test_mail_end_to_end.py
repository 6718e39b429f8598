"""Mail from real SMTP clients through the whole gateway, and what becomes of every 250."""

import asyncio
import json
import shutil
import smtplib
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import ClientSession
from sqlalchemy import func, select

from adapters.contract import Inbound, Malformed
from demo import post
from gateway.store.spool import Spool
from gateway.store.tables import messages, notifications, quarantine
from gateway.store.tables import reports as report_table
from normalizer.report import Report, Status
from tests.adapters.mail.mails import read
from tests.adapters.mail.test_hostile import corpus
from tests.gateway import test_mx
from tests.gateway.citizens import ADDRESS, Citizens, citizens, found, walking
from tests.gateway.ledger import Ledger
from tests.gateway.test_mx import Certificate, run_swaks, tls, trusting
from tests.services import PostgresServer

certificate, swaks = test_mx.certificate, test_mx.swaks
WHO = "w@warga.test"
TEXT = "Lampu jalan di kecamatan Wonocolo Surabaya mati sudah seminggu."
MAIL = (
    f"From: Siti <{WHO}>\r\nTo: {ADDRESS}\r\nSubject: Lampu mati\r\n"
    f"Message-ID: <satu@warga.test>\r\n\r\n{TEXT}\r\n"
)


def by_starttls(people: Citizens, trusted: Certificate, _: Path) -> None:
    """Send by smtplib over an encrypted connection whose certificate is checked."""
    with smtplib.SMTP("localhost", people.mail, timeout=40) as client:
        client.starttls(context=trusting(trusted))
        assert client.sendmail(WHO, [ADDRESS], MAIL) == {}


def by_lmtp(_: Citizens, __: Certificate, lmtp: Path) -> None:
    """Send by smtplib over the Unix socket, as a mail server in front would."""
    with smtplib.LMTP(str(lmtp)) as client:
        assert client.sendmail(WHO, [ADDRESS], MAIL) == {}


@pytest.mark.parametrize("send", [by_starttls, by_lmtp])
async def test_a_mail_is_filed_and_acknowledged(
    tmp_path: Path,
    certificate: Certificate,
    send: Callable[[Citizens, Certificate, Path], None],
) -> None:
    lmtp = tmp_path / "lmtp.sock"
    doors = {"lmtp_socket": str(lmtp), "host": "localhost", **tls(certificate)}
    async with citizens(tmp_path) as people, walking(people.file, mail_server=doors):
        await asyncio.to_thread(send, people, certificate, lmtp)
        await acknowledged(people, tmp_path)


async def acknowledged(people: Citizens, folder: Path) -> None:
    """Wait for the answer in the citizen's mailbox; then look at the report."""
    answer = await people.mails.wait_for(lambda to, _: to == WHO)
    assert "@" in str(answer["In-Reply-To"])
    assert str(answer["In-Reply-To"]) in str(answer["References"])
    assert str(answer["Auto-Submitted"]).startswith("auto-")
    [report] = reports(Ledger(f"sqlite:///{folder}/data/kanal.sqlite3"))
    assert (report.status, report.text) == (Status.FORWARDED, TEXT)
    body = answer.get_body(("plain",))
    assert body
    digits = "".join(c for c in str(body.get_content()) if c.isdigit())
    assert report.tracking in digits


def reports(ledger: Ledger) -> list[Report]:
    """Read every report."""
    return [Report.model_validate_json(row[0]) for row in ledger.all(select(report_table.c.body))]


async def test_swaks_gets_250_for_a_report_and_550_for_a_stranger(
    tmp_path: Path, swaks: str, certificate: Certificate
) -> None:
    async with citizens(tmp_path) as people, walking(people.file, mail_server=tls(certificate)):
        server = ("--server", f"127.0.0.1:{people.mail}", "--tls")
        status, said = await run_swaks(swaks, *server, "--to", ADDRESS, "--body", TEXT)
        assert (status, "250 2.0.0" in said) == (0, True), said
        status, said = await run_swaks(swaks, *server, "--to", "siapa@lapor.localhost")
        assert (status, "550 5.1.1" in said) == (24, True), said
        await acknowledged(people, tmp_path)


async def test_with_database_and_spool_both_gone_everybody_is_asked_to_come_again(
    tmp_path: Path, postgres_server: PostgresServer, postgres_url: str
) -> None:
    ledger, spool = Ledger(postgres_url), tmp_path / "data/spool"
    async with citizens(tmp_path, database=postgres_url) as people, walking(people.file):
        mail = post.written(WHO, ADDRESS, "Lampu mati", TEXT)
        doors = (
            lambda: people.phone.text(f"{people.base}/in/sms", "+628120000001", TEXT, sid="SM1"),
            lambda: asyncio.to_thread(post.send, mail, people.mail),
            lambda: status_of(f"{people.base}/health/ready"),
        )
        await asyncio.to_thread(lambda: postgres_server.stop(immediate=True))
        try:
            assert await answered(doors) == [200, 250, 200], "the spool stands in"
            shutil.rmtree(spool)
            assert await answered(doors[:2]) == [503, 451]
            # Looks of one second share one.
            assert await found(lambda: refused(f"{people.base}/health/ready"), within=10)
        finally:
            await asyncio.to_thread(postgres_server.start)
        Spool(spool)  # the disk is back
        await ready(people)
        assert await answered(doors) == [200, 250, 200]
        await ledger.done(2)
        assert ledger.counts().messages == 2


async def answered(doors: tuple[Callable[[], Awaitable[int]], ...]) -> list[int]:
    """Knock at each door and return what was said."""
    return list(await asyncio.gather(*(door() for door in doors)))


async def status_of(url: str) -> int:
    """Return the HTTP status of a page."""
    async with ClientSession() as http, http.get(url) as answer:
        return answer.status


async def refused(url: str) -> bool | None:
    """Tell whether a page says that it is not well."""
    return True if await status_of(url) == 503 else None


async def ready(people: Citizens) -> None:
    """Wait until the whole gateway is well."""
    async with asyncio.timeout(40):
        while True:
            if await status_of(f"{people.base}/health") == 200:
                return
            await asyncio.sleep(0.05)


async def test_the_mail_corpus_of_cpython_through_the_door_and_none_is_lost(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    files = corpus()
    ledger = Ledger(f"sqlite:///{tmp_path}/data/kanal.sqlite3")
    ends: Counter[str] = Counter()
    taken: set[str] = set()
    async with citizens(tmp_path) as people, walking(people.file):
        for path in files:
            before, mail = filed(ledger), path.read_bytes()
            code = await asyncio.to_thread(deliver, people.mail, mail)
            if code == 250:
                after = filed(ledger)
                end = next((kind for kind, count in after.items() if count > before[kind]), "lost")
                ends["repeat" if end == "lost" and said_in(mail) & taken else end] += 1
                taken |= said_in(mail)
            else:
                ends[str(code)] += 1
        await ledger.done(0)
        heard = len(people.mails.kept)
    record_property("corpus", json.dumps(dict(ends)))
    sys.stdout.write(f"{dict(ends)}\n")
    assert set(ends) <= {"message", "open", "noted", "repeat"}, ends
    assert ends.total() == len(files) >= 40
    assert ledger.counts().messages == ends["message"]
    assert nowhere(ledger) == []
    assert heard <= ends["message"], "an automatic mail was answered"


def nowhere(ledger: Ledger) -> list[str]:
    """Name the messages that are in no report, and were not answered as commands either."""
    answered = select(notifications.c.report_id)
    left = messages.c.report_id.is_(None) & messages.c.id.not_in(answered)
    return [row[0] for row in ledger.all(select(messages.c.external_id).where(left))]


def said_in(mail: bytes) -> set[str]:
    """Return what makes a mail the same as another: who said what under which id."""
    try:
        found = [item for item in read(mail, mail_from=WHO) if isinstance(item, Inbound)]
    except Malformed:
        return set()
    return {f"{i.external_id} {i.sender.address} {i.subject} {i.text}" for i in found}


def deliver(port: int, mail: bytes) -> int:
    """Send bytes as they are; return the last code."""
    with smtplib.SMTP("127.0.0.1", port, timeout=40) as client:
        try:
            client.sendmail(WHO, [ADDRESS], mail, mail_options=["BODY=8BITMIME"])
        except smtplib.SMTPResponseException as error:
            return error.smtp_code
    return 250


def filed(ledger: Ledger) -> dict[str, int]:
    """Count what the door wrote down: messages on their way, and quarantined or noted ones."""
    held = ledger.all(select(quarantine.c.state, func.count()).group_by(quarantine.c.state))
    taken = ledger.one(select(func.count()).select_from(messages))
    return {"message": taken, "open": 0, "noted": 0} | {row.state: row[1] for row in held}
