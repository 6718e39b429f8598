"""Mail of unproven senders: filed always, answered only where no stranger can be hit by it."""

import ast
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import gateway
from adapters.contract import Channel, Inbound, Outgoing
from adapters.mail import proof
from adapters.mail.channel import Mail
from adapters.mail.headers import mailbox
from gateway import checks
from gateway.access.roles import system
from gateway.intake.envelope import mail_hook
from normalizer.message import NoAnswerReason
from normalizer.report import Report, Status
from normalizer.tracking import format_number
from tests.adapters.examples import build as example
from tests.adapters.mail.mails import ADDRESS, CITIZEN, mail
from tests.gateway.making import LAMP, ROAD, House, house

SERVER = "mx.lapor.example"
PASSED = f"Authentication-Results: {SERVER}; dmarc=pass header.from=mail.example"
FAILED = (
    f"Authentication-Results: {SERVER}; spf=fail; dkim=none; dmarc=fail header.from=mail.example"
)
CANARY = "kenari9x"


@dataclass
class Post:
    """A house whose mail is real up to the relay."""

    house: House
    channel: Mail
    sent: list[tuple[str, Outgoing]] = field(default_factory=list)
    _count: int = 0

    async def bring(
        self, *fields: str, body: str = ROAD, mail_from: str = CITIZEN
    ) -> list[tuple[str, Outgoing]]:
        """Let a mail come; return what is sent because of it."""
        self._count += 1
        named = any(field.startswith("Message-ID:") for field in fields)
        usual = [] if named else [f"Message-ID: <m{self._count}@mail.example>"]
        raw = mail(body, *usual, *fields)
        before = len(self.sent)
        hook = mail_hook("192.0.2.1", mail_from, [ADDRESS], raw)
        assert (await self.house.door.receive_webhook(self.channel, hook)).status == 200
        assert await self.house.work_all() == {}
        return self.sent[before:]

    async def newest(self) -> Report:
        return (await self.house.newest()).report


@pytest.fixture(params=[None, SERVER], ids=["unasked", "checked"])
async def post(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Post]:
    channel = example("mail", address=ADDRESS, sends_per_second=10_000, authserv_id=request.param)
    assert isinstance(channel, Mail)
    url = f"sqlite+aiosqlite:///{tmp_path}/kanal.sqlite3"
    async with house(url, tmp_path, more=[channel]) as built:
        made = Post(built, channel)

        async def send(to: str, message: Outgoing) -> str:
            made.sent.append((to, message))
            return f"<{message.id}@lapor.localhost>"

        monkeypatch.setattr(channel, "send", send)
        yield made


checked = pytest.mark.parametrize("post", [SERVER], indirect=True, ids=["checked"])
unasked = pytest.mark.parametrize("post", [None], indirect=True, ids=["unasked"])


async def test_the_subject_is_ours_and_the_thread_is_theirs(post: Post) -> None:
    ((to, letter),) = await post.bring("Subject: AKUN DIBLOKIR: buka https://phish.example")
    report = await post.newest()
    assert to == CITIZEN
    assert letter.subject == f"Laporan {format_number(report.tracking)}"
    assert letter.thread == ("<m1@mail.example>",)


async def test_an_english_report_has_an_english_subject(post: Post) -> None:
    body = (
        "The road in front of the market in Wonocolo Surabaya is broken and dangerous, please fix"
    )
    ((_, letter),) = await post.bring(body=body)
    assert (letter.subject or "").startswith("Report ")


@pytest.mark.parametrize("body", [ROAD, "jalan rusak", "STATUS", "bantuan", "halo", "x y z", ""])
async def test_nothing_of_what_a_stranger_wrote_goes_out(post: Post, body: str) -> None:
    """Recipient, subject and text of whatever is sent, against a word that is everywhere."""
    for number in range(3):
        await post.bring(
            f"From: {CANARY} buka {CANARY}.example <{CITIZEN}>",
            f"Subject: {CANARY} https://{CANARY}.example {number}",
            f"Reply-To: {CANARY}@victim.example",
            f"X-{CANARY}: {CANARY}",
            body=f"{body} {CANARY} https://{CANARY}.example/{number}",
        )
    assert post.sent
    for to, letter in post.sent:
        assert to == CITIZEN
        assert CANARY not in f"{letter.subject} {letter.text} {letter.headers} {letter.choices}"
        assert all(name.startswith("<m") for name in letter.thread)


FORGED = [
    ("bounce@spammer.example", "korban@victim.example"),
    ("a@spammer.go.id", "korban@victim.go.id"),
    ("a@evil.co.id", "korban@baik.co.id"),
    ("a@sub.spammer.example", "korban@sub.victim.example"),
    ("a@victim.example.spammer.example", "korban@victim.example"),
    ("a@xvictim.example", "korban@victim.example"),
    ("a@localhost", "korban@victim.example"),
    ("a@go.id", "korban@victim.go.id"),
]


@pytest.mark.parametrize(("mail_from", "sender"), FORGED)
async def test_a_forged_from_is_filed_and_never_answered(
    post: Post, mail_from: str, sender: str
) -> None:
    for number in range(3):
        sent = await post.bring(f"From: {sender}", body=f"{ROAD} {number}", mail_from=mail_from)
        assert sent == []
    report = await post.newest()
    assert report.unanswered is NoAnswerReason.UNPROVEN_SENDER
    assert report.assignment is not None
    assert report.assignment.agency is not None
    assert report.notes
    assert await post.house.counted("messages") == 3


@pytest.mark.parametrize(
    ("mail_from", "sender"),
    [
        ("warga@mail.example", "warga@mail.example"),
        ("bounce@em.mail.example", "warga@mail.example"),
        ("bounces+1=warga@bounce.sub.mail.example", "warga@mail.example"),
        ("warga@mail.example", "warga@staf.mail.example"),
        ("x@mta.kota.go.id", "lurah@kota.go.id"),
    ],
)
@unasked
async def test_the_envelope_of_the_same_organisation_is_answered(
    post: Post, mail_from: str, sender: str
) -> None:
    ((to, _),) = await post.bring(f"From: {sender}", mail_from=mail_from)
    assert to == sender


async def test_the_null_sender_is_never_answered(post: Post) -> None:
    assert await post.bring(PASSED, mail_from="") == []


# what a trusted server found


@checked
@pytest.mark.parametrize(
    "results",
    [
        f"{SERVER}; dmarc=fail",
        f"{SERVER}; spf=fail smtp.mailfrom=mail.example; dkim=fail; dmarc=none",
        f"{SERVER}; spf=softfail; dkim=none",
        f"{SERVER}; dmarc=pass header.from=spammer.example",
        f"{SERVER} 1; DMARC = FAIL (p=none) header.from=mail.example",
        f'{SERVER}; spf=fail smtp.mailfrom="a dmarc=pass"; dmarc=fail',
        f"{SERVER}; spf=fail (dmarc=pass); dkim=none",
    ],
)
async def test_a_failed_check_is_not_answered_and_is_nobody_else(post: Post, results: str) -> None:
    await post.bring(PASSED)
    mine = await post.newest()
    sent = await post.bring(
        f"Authentication-Results: {results}", body=f"{mine.tracking} saya cabut laporan ini"
    )
    assert sent == []
    theirs = await post.newest()
    assert theirs.id != mine.id
    assert theirs.reporter.ref != mine.reporter.ref
    assert theirs.unanswered is NoAnswerReason.UNPROVEN_SENDER
    kept = await post.house.file(mine.tracking)
    assert "cabut" not in kept.report.text


@checked
async def test_a_failed_check_ends_nothing_and_hides_nothing_of_the_victim(post: Post) -> None:
    await post.bring(PASSED)
    mine = await post.newest()
    for body in ("STOP", f"RAHASIA {mine.tracking}", f"STATUS {mine.tracking}", "ANONIM"):
        assert await post.bring(FAILED, body=body) == []
    assert await post.house.counted("silences", f"reader = '{mine.reporter.ref}'") == 0
    kept = (await post.house.file(mine.tracking)).report
    assert not kept.anonymous
    assert not kept.confidential


@checked
async def test_without_any_result_it_is_answered_and_still_not_the_same_person(post: Post) -> None:
    await post.bring(PASSED)
    mine = await post.newest()
    ((to, _),) = await post.bring(body=f"{LAMP} {mine.tracking}")
    assert to == CITIZEN
    assert (await post.newest()).reporter.ref != mine.reporter.ref


@checked
async def test_results_that_the_mail_brought_itself_are_not_believed(post: Post) -> None:
    forged = ("Received: from mx.lapor.example by us", PASSED)
    assert await post.bring(*forged, mail_from="a@spammer.example") == []
    others = (f"Authentication-Results: other.example; {PASSED}",)
    assert await post.bring(*others, body=LAMP, mail_from="a@spammer.example") == []


@checked
async def test_two_senders_in_from_prove_nothing(post: Post) -> None:
    for number, fields in enumerate(
        [
            (PASSED, f"From: <korban@victim.example>, <{CITIZEN}>"),
            (PASSED, f"From: korban@victim.example\r\nFrom: {CITIZEN}"),
        ]
    ):
        assert await post.bring(*fields, body=f"{ROAD} {number}") == []


@unasked
async def test_reply_to_of_the_same_organisation_is_followed(post: Post) -> None:
    ((to, _),) = await post.bring("Reply-To: humas@kantor.mail.example")
    assert to == "humas@kantor.mail.example"
    assert "mail_reply_to" in (await post.newest()).notes
    seen = await post.house.services.operators.unseal(
        (await post.newest()).id, actor=system("sari"), reason="uji"
    )
    assert (seen.address, seen.written_as) == ("humas@kantor.mail.example", CITIZEN)


@pytest.mark.parametrize(
    "forged",
    [
        ("From: jahat@mail.example",),
        ("From: no-reply@mail.example",),
        (f"From: {ADDRESS}",),
    ],
)
async def test_a_forged_reply_to_acts_on_nobodys_report(
    post: Post, forged: tuple[str, ...]
) -> None:
    await post.bring(PASSED)
    mine = await post.newest()
    sender = forged[0].removeprefix("From: ")
    for body in ("STOP", f"ANONIM {mine.tracking}", f"STATUS {mine.tracking}",
                 f"{mine.tracking} saya cabut laporan ini"):  # fmt: skip
        sent = await post.bring(
            PASSED, *forged, f"Reply-To: {CITIZEN}", body=body, mail_from=sender
        )
        assert all(mine.tracking not in letter.text for _, letter in sent)
    kept = (await post.house.file(mine.tracking)).report
    assert (kept.anonymous, len(kept.messages)) == (False, 1)
    assert await post.house.counted("silences", f"reader = '{mine.reporter.ref}'") == 0


async def test_what_two_people_write_into_a_form_are_two_reports_of_two(post: Post) -> None:
    form = (PASSED, "From: no-reply@mail.example", "Message-ID: <form@localhost>")
    first = (*form, "Reply-To: satu@rumah.example")
    second = (*form, "Reply-To: dua@rumah.example")
    for fields, body in ((first, ROAD), (second, LAMP), (form, f"{LAMP} sekali"), (first, ROAD)):
        assert await post.bring(*fields, body=body, mail_from="form@mail.example") == []
    assert await post.house.counted("messages") == 3
    assert await post.house.counted("reports") == 3
    assert await post.house.counted("quarantine") == 0
    refs = await post.house.rows("SELECT DISTINCT reporter_ref FROM messages")
    assert len(refs) == 3


async def test_two_people_may_call_their_mails_by_one_id(post: Post) -> None:
    same = "Message-ID: <form@localhost>"
    await post.bring(same)
    mine = await post.newest()
    await post.bring(same, "From: lain@mail.example", body=LAMP, mail_from="lain@mail.example")
    theirs = await post.newest()
    assert len({mine.id, theirs.id}) == len({mine.tracking, theirs.tracking}) == 2
    await post.bring(same, body=f"{ROAD} lagi")
    assert await post.house.rows("SELECT reason, state FROM quarantine") == [
        ("same_id_other_content", "open")
    ]


PERSONS = [
    ("X-Auto-Response-Suppress: DR, OOF, AutoReply",),
    ("Auto-Submitted: auto-generated",),
    ("List-ID: <rt05.mail.example>", "Precedence: list"),
    ("List-Unsubscribe: <mailto:x@mail.example>",),
    ("Subject: Di luar kantor: sampah menumpuk depan kelurahan",),
]


@pytest.mark.parametrize("fields", PERSONS)
async def test_what_people_send_through_machines_is_routed_and_not_answered(
    post: Post, fields: tuple[str, ...]
) -> None:
    assert await post.bring(PASSED, *fields) == []
    report = await post.newest()
    assert report.assignment is not None
    assert report.assignment.agency is not None
    assert report.unanswered is not None
    assert not report.unanswered.wholly, "what an agency answers reaches them"
    assert len(report.notes) == 1
    await post.bring(PASSED, *fields, body="jalan rusak", mail_from="dua@mail.example")
    assert (await post.newest()).status is Status.TRIAGE, "nobody is asked"


async def test_reply_to_is_read_of_proven_senders_only(post: Post) -> None:
    elsewhere = "Reply-To: Siti <siti@kantor.example>"
    ((to, _),) = await post.bring(PASSED, elsewhere)
    believes = post.channel.block.authserv_id is not None
    assert to == ("siti@kantor.example" if believes else CITIZEN)
    mine = await post.newest()
    ((_, _),) = await post.bring(PASSED, body=f"{mine.tracking} masih rusak parah")
    assert "masih rusak" in (await post.house.file(mine.tracking)).report.text


@checked
@pytest.mark.parametrize(
    "written",
    [ADDRESS, f"lapor+482109375514@{ADDRESS.partition('@')[2]}", "no-reply@kantor.example", "x"],
)
async def test_a_reply_to_that_is_no_persons_is_left_alone(post: Post, written: str) -> None:
    ((to, _),) = await post.bring(PASSED, f"Reply-To: {written}")
    assert to == CITIZEN


# the address in From

TRICKS = [
    "=?utf-8?Q?x:_evil@evil.example?= <real@x.example>",
    "=?utf-8?B?eDogZXZpbEBldmlsLmV4YW1wbGU=?= <real@x.example>",
    "=?utf-8?Q?evil@evil.example,?= <real@x.example>",
    "=?utf-8?Q?=3Cevil@evil.example=3E?= <real@x.example>",
    "=?utf-8?Q?x=3A?= evil@evil.example; <real@x.example>",
    "x: evil@evil.example; <real@x.example>",
    "evil@evil.example <real@x.example>",
    "evil@evil.example, <real@x.example>",
    '"x: <evil@evil.example>" <real@x.example>',
    '"evil@evil.example" <real@x.example>',
    "(<evil@evil.example>) <real@x.example>",
    "<real@x.example> (<evil@evil.example>)",
    "=?utf-8?Q?a?=@evil.example <real@x.example>",
    "\ue0000\ue000 evil@evil.example <real@x.example>",
]


@pytest.mark.parametrize("field", TRICKS)
def test_the_sender_is_who_stands_last_in_angle_brackets(field: str) -> None:
    found, single = mailbox(field)
    assert found is not None
    assert found.address == "real@x.example"
    assert single


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("bounce.sub.example", "example", True),
        ("bounce.sub.example", "sub.example", True),
        ("a.go.id", "b.go.id", False),
        ("go.id", "go.id", True),
        ("mx.dinas.kota.go.id", "kota.go.id", True),
        ("a.desa.id", "b.desa.id", False),
        ("x.com", "y.com", False),
        ("a.com.au", "b.com.au", False),
        ("A.Example.", "a.example", True),
        ("", "", False),
        ("contoh.id", "mail.contoh.id", True),
    ],
)
def test_organisations_by_their_domains(one: str, other: str, same: bool) -> None:
    assert proof.same_organisation(one, other) is same
    assert proof.same_organisation(other, one) is same


# what is loud, and what is swept


def test_unproven_mail_is_said_loudly() -> None:
    channels: dict[str, Channel] = {"email": example("mail"), "sms": example("smpp")}
    (said,) = checks.warnings(channels)
    assert "UNPROVEN" in said
    assert "authserv_id" in said
    assert checks.warnings({"email": example("mail", authserv_id=SERVER)}) == []
    assert checks.warnings({"email": example("mail", enabled=False)}) == []


UNPROVEN_INPUT = {
    "sender",
    "subject",
    "title",
    "original",
    "whole",
    "notes",
    "address",
    "chosen_agency",
}
"""What a stranger fills in."""


WRITTEN_BY_PEOPLE = {
    "agencies.py", "coordinators.py", "corrections.py", "officers.py", "operators.py", "replies.py",
}  # fmt: skip
"""Acts of people: what the citizen is told of them does not count against the budget."""


def notifier_calls(folder: Path) -> Iterator[tuple[Path, ast.Call]]:
    """Yield every call that words or sends a notification to a citizen."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                *_, owner, method = ["", *ast.unparse(node.func).split(".")]
                if owner in ("notifier", "_notifier") and method in ("text", "notify", "warn"):
                    yield path, node


def test_no_notification_is_made_of_what_a_stranger_wrote() -> None:
    """Every call that writes to a citizen: none of its arguments is a stranger's field."""
    calls = list(notifier_calls(Path(gateway.__file__).parent))
    wrong = [
        f"{path.name}:{node.lineno} {node.attr}"
        for path, call in calls
        for node in ast.walk(call)
        if isinstance(node, ast.Attribute) and node.attr in UNPROVEN_INPUT
    ]
    assert len(calls) > 30
    assert wrong == []


def test_every_notification_says_whether_somebody_wrote_it() -> None:
    """What the machine writes counts against the budget: in the steps that react to a message."""
    sent = [
        (f"{path.name}:{call.lineno}", {each.arg for each in call.keywords})
        for path, call in notifier_calls(Path(gateway.__file__).parent / "casework")
        if path.name not in WRITTEN_BY_PEOPLE and ast.unparse(call.func).endswith(".notify")
    ]
    assert len(sent) > 8
    assert [where for where, names in sent if "automatic" not in names] == []


def test_a_mail_without_from_is_its_envelopes() -> None:
    (found,) = example("mail", address=ADDRESS).parse(  # type: ignore[attr-defined]
        mail_hook("192.0.2.1", CITIZEN, [ADDRESS], b"Subject: x\r\n\r\nJalan rusak")
    )
    assert isinstance(found, Inbound)
    assert (found.sender.address, found.unanswered) == (CITIZEN, None)
