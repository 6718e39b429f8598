"""Accounts of people: the first one, invitations, passwords, sessions, and the log of it all."""

import hashlib
import re
from collections.abc import AsyncIterator, Awaitable
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pyotp
import pytest

from gateway.access.accounts import actor_of
from gateway.access.breaches import BreachList
from gateway.access.people import AccountError, AccountFault, first_link, may_see
from gateway.access.roles import Actor, Grant, Role, system
from gateway.portals.console.devices import device_words
from gateway.store.access_log import AccessFilter
from gateway.store.engine import Unavailable
from gateway.store.views import GrantRow, NewAccount
from tests.gateway.making import House
from tests.gateway.office import AGENCIES, NAME, PASSWORD, Clock, Office, console, office, report
from tests.gateway.test_console import Visitor

GOOD = "kucing oranye 7 tangga"
BODY = {"name": "rini", "password": GOOD, "again": GOOD, "full_name": "Rini", "language": "en"}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as desk:
        yield desk


@pytest.fixture
async def guest(desk: Office) -> AsyncIterator[Visitor]:
    clock = Clock(still=datetime.now(UTC))
    jar = aiohttp.CookieJar(unsafe=True)
    async with console(desk, clock) as url, aiohttp.ClientSession(cookie_jar=jar) as http:
        yield Visitor(url, http)


async def person(
    house: House, name: str, role: Role, scope: str = "ID", *, identity: bool = False
) -> Actor:
    """Make an account and return what it may do."""
    given = (GrantRow(role, scope, identity),)
    assert await house.store.accounts.create(NewAccount(name, "hash", given, "cli"))
    account = await house.store.accounts.get(name)
    assert account
    return actor_of(account)


async def log_in(desk: Office, guest: Visitor, name: str) -> None:
    """Let a browser be logged in as somebody who has no password."""
    token = await desk.house.services.accounts.enter(name)
    assert token
    session = await desk.house.services.accounts.session(token)
    assert session
    guest.http.cookie_jar.update_cookies({"kanal_session": token})
    guest.csrf = session.csrf


async def send(guest: Visitor, path: str, **fields: str) -> tuple[aiohttp.ClientResponse, str]:
    """Send a form of the page."""
    return await guest.post(path, None, csrf=guest.csrf, **fields)


async def test_a_session_of_the_providers_is_no_proof(desk: Office, guest: Visitor) -> None:
    """Who came by a log-in elsewhere that lay open is asked again before an identity."""
    accounts = desk.house.services.accounts
    await desk.put(report(1))
    for is_confirmed, status in ((False, 401), (True, 200)):
        token = await accounts.enter(NAME, is_confirmed=is_confirmed)
        assert token
        session = await accounts.session(token)
        assert session
        guest.http.cookie_jar.update_cookies({"kanal_session": token})
        guest.csrf = session.csrf
        answer, _ = await send(guest, f"/reports/{report(1).id}/unseal", reason="diminta polisi")
        assert answer.status == status
    now = desk.house.store.wall().timestamp()
    assert [accounts.is_recent(now - ago) for ago in (0, 500, 700, -300)] == [
        True,
        True,
        False,
        False,
    ]


async def test_the_old_password_is_not_guessed_from_inside(guest: Visitor) -> None:
    await guest.log_in()
    new = {"password": "kucing oranye 7 tangga", "again": "kucing oranye 7 tangga"}
    guesses = [await send(guest, "/me/password", old=f"salah {n}", **new) for n in range(22)]
    assert [answer.status for answer, _ in guesses] == [422] * 20 + [429] * 2, (
        "as a known device, and as a stranger"
    )


def link_in(page: str) -> str:
    """Return what a link on a page says."""
    found = re.search(r"console/begin#([\w-]+)", page)
    assert found, page
    return found[1]


# The first administrator


async def test_the_first_administrator_comes_in_by_a_link(desk: Office, guest: Visitor) -> None:
    code = await first_link(desk.house.store)
    assert code
    page, text = await guest.get("/begin")
    assert page.status == 200
    assert "begin.js" in text
    _, form = await guest.post("/begin", code=f"https://kanal.localhost/console/begin#{code}")
    assert 'name="operator" value="1" checked' in form
    body = BODY | {"code": code, "email": "rini@kota.example", "operator": "1"}
    made, _ = await guest.post("/begin/accept", **body)
    assert (made.status, made.headers["Location"]) == (303, "/console/me?lang=en")
    own, _ = await guest.get("/me")
    assert own.status == 200
    account = await desk.house.store.accounts.get("rini")
    assert account
    assert {(g.role, g.scope, g.identity) for g in account.grants} == {
        ("administrator", "ID", False),
        ("operator", "ID", True),
    }
    again, text = await guest.post("/begin/accept", **body | {"name": "budi"})
    assert again.status == 404
    assert "code" in text
    assert await first_link(desk.house.store) is None


async def test_a_new_link_ends_the_one_before_and_both_run_out(house: House) -> None:
    people = house.services.access.people
    old, new = await people.first_link(), await people.first_link()
    assert old
    assert new
    with pytest.raises(AccountError):
        await people.link(old)
    assert (await people.link(new)).purpose == "first"
    house.clock.pass_(minutes=31)
    with pytest.raises(AccountError):
        await people.link(new)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"again": "lain sekali 12345"}, "Kedua kata sandi"),
        ({"password": "pendek", "again": "pendek"}, "paling sedikit 12"),
        ({"password": "rini kucing 77", "again": "rini kucing 77"}, "memuat nama"),
        ({"name": "Ri"}, "huruf kecil"),
        ({"name": NAME}, "sudah dipakai"),
        ({"email": "rini"}, "e-mail"),
    ],
)
async def test_what_is_wrong_is_said_and_the_link_stays(
    desk: Office, guest: Visitor, changes: dict[str, str], fault: str
) -> None:
    code = await first_link(desk.house.store)
    assert code
    body = BODY | {"code": code, "email": "rini@kota.example"} | changes
    answer, text = await guest.post("/begin/accept", **body)
    assert answer.status == 422
    assert fault in text
    assert GOOD not in text
    assert (await desk.house.services.access.people.link(code)).purpose == "first"


# Invitations


async def test_an_invitation_is_shown_once_accepted_once_and_listed(
    desk: Office, guest: Visitor
) -> None:
    await person(desk.house, "adi", Role.ADMINISTRATOR)
    await log_in(desk, guest, "adi")
    asked = {"email": "rini@dishub.example", "role": "officer", "scope": AGENCIES[0].id}
    _, page = await send(guest, "/accounts/invite", **asked)
    code = link_in(page)
    _, listed = await guest.get("/accounts")
    assert "rini@dishub.example" in listed
    assert code not in listed
    guest.http.cookie_jar.clear()
    made, _ = await guest.post("/begin/accept", **BODY | {"code": code, "email": "x@y.example"})
    assert made.status == 303
    account = await desk.house.store.accounts.get("rini")
    assert account
    assert account.grants == (GrantRow("officer", AGENCIES[0].id),)
    assert (account.email, account.created_by) == ("rini@dishub.example", "adi")
    assert await desk.house.services.access.people.invitations(system("x")) == []


async def test_an_invitation_can_be_withdrawn(desk: Office, guest: Visitor) -> None:
    adi = await person(desk.house, "adi", Role.ADMINISTRATOR)
    people = desk.house.services.access.people
    code = await people.invite(adi, "rini@x.example", Grant(Role.AUDITOR, "62"))
    (link,) = await people.invitations(adi)
    await log_in(desk, guest, "adi")
    await send(guest, "/accounts/withdraw", token=link.token)
    with pytest.raises(AccountError):
        await people.link(code)


@pytest.mark.parametrize(
    ("role", "scope", "identity", "fault"),
    [
        (Role.OFFICER, AGENCIES[0].id, False, None),
        (Role.LEADER, AGENCIES[1].id, False, None),
        (Role.LEADER, "62.01", False, AccountFault.NOT_YOURS),
        (Role.OFFICER, AGENCIES[2].id, False, AccountFault.NOT_YOURS),
        (Role.OFFICER, "pln", False, AccountFault.NOT_YOURS),
        (Role.OFFICER, AGENCIES[0].id, True, AccountFault.NO_IDENTITY),
        (Role.OPERATOR, "62.01", False, AccountFault.NOT_YOURS),
        (Role.COORDINATOR, "62.01", False, AccountFault.NOT_YOURS),
        (Role.ADMINISTRATOR, "ID", False, AccountFault.NOT_YOURS),
        (Role.AUDITOR, "62.01", False, AccountFault.NOT_YOURS),
        (Role.OFFICER, "62.01", False, AccountFault.SCOPE_OF_ROLE),
        (Role.OFFICER, "6201-dinas-khayalan", False, AccountFault.NO_SCOPE),
    ],
)
async def test_a_coordinator_gives_officers_and_leaders_of_the_government_only(
    desk: Office, role: Role, scope: str, identity: bool, fault: AccountFault | None
) -> None:
    people = desk.house.services.access.people
    koko = await person(desk.house, "koko", Role.COORDINATOR, "62.01")
    sari = await person(desk.house, "sari", Role.OFFICER, AGENCIES[0].id)
    grant = Grant(role, scope, identity)
    attempts: list[Awaitable[object]] = [people.invite(koko, "a@b.example", grant)]
    if grant not in sari.grants:
        attempts.append(people.grant(koko, "sari", grant))
    for attempt in attempts:
        if fault is None:
            await attempt
            continue
        with pytest.raises(AccountError) as refused:
            await attempt
        assert refused.value.fault is fault


async def test_nobody_but_an_administrator_or_coordinator_invites(desk: Office) -> None:
    people = desk.house.services.access.people
    for name, role, scope in (
        ("ofi", Role.OFFICER, AGENCIES[0].id),
        ("ope", Role.OPERATOR, "ID"),
        ("lea", Role.LEADER, "62.01"),
        ("aud", Role.AUDITOR, "ID"),
    ):
        actor = await person(desk.house, name, role, scope)
        with pytest.raises(AccountError):
            await people.invite(actor, "a@b.example", Grant(Role.OFFICER, AGENCIES[0].id))


# What may be changed


async def test_a_coordinator_changes_only_the_own_officers(desk: Office) -> None:
    people = desk.house.services.access.people
    koko = await person(desk.house, "koko", Role.COORDINATOR, "62.01")
    await person(desk.house, "sari", Role.OFFICER, AGENCIES[0].id)
    await person(desk.house, "eko", Role.OFFICER, AGENCIES[2].id)
    adi = await person(desk.house, "adi", Role.ADMINISTRATOR)
    await people.grant(adi, "sari", Grant(Role.OFFICER, AGENCIES[2].id))
    assert [a.name for a in (await people.accounts(koko)).accounts] == ["sari"]
    for refused in (
        people.enable(koko, "sari", may=False),  # the other grant is another government's
        people.enable(koko, "eko", may=False),
        people.remove(koko, "adi"),
        people.reset_link(koko, "adi"),
        people.end_sessions(koko, NAME),
        people.revoke(koko, "sari", "officer", AGENCIES[2].id),
        people.grant(koko, "koko", Grant(Role.OFFICER, AGENCIES[0].id)),
    ):
        with pytest.raises(AccountError):
            await refused
    await people.revoke(adi, "sari", "officer", AGENCIES[2].id)
    await people.enable(koko, "sari", may=False)
    account = await desk.house.store.accounts.get("sari")
    assert account
    assert account.disabled_at


@pytest.mark.parametrize("government", ["62.01", "62", "ID"])
async def test_the_list_shows_whom_the_rule_lets_see(house: House, government: str) -> None:
    scopes = ("6201-dinas-pu", "620101-kecamatan", "62-dinas-pu", "6202-dinas-pu", "pln")
    grants = [(role, scope) for role in (Role.OFFICER, Role.LEADER) for scope in scopes]
    grants += [(Role.LEADER, "62"), (Role.LEADER, "62.01"), (Role.LEADER, "ID")]
    grants += [(Role.COORDINATOR, government), (Role.OPERATOR, "62.01")]
    for number, (role, scope) in enumerate(grants):
        await person(house, f"orang{number:02}", role, scope)
    koko = Actor("koko", (Grant(Role.COORDINATOR, government),))
    listed = await house.services.access.people.accounts(koko)
    allowed = [each for each in await house.store.accounts.all() if may_see(koko, each)]
    assert [each.name for each in listed.accounts] == [each.name for each in allowed]
    assert listed.total == len(allowed) > 0
    sought = await house.services.access.people.accounts(koko, "OFFICER -dinas")
    assert sought.total == (0 if government == "ID" else 1)


async def test_the_last_administrator_stays_and_no_one_raises_themselves(house: House) -> None:
    people = house.services.access.people
    adi = await person(house, "adi", Role.ADMINISTRATOR)
    for refused in (
        people.remove(adi, "adi"),
        people.enable(adi, "adi", may=False),
        people.grant(adi, "adi", Grant(Role.OPERATOR, "ID", identity=True)),
    ):
        with pytest.raises(AccountError) as error:
            await refused
        assert error.value.fault is AccountFault.YOURSELF
    budi = await person(house, "budi", Role.ADMINISTRATOR)
    await people.grant(adi, "budi", Grant(Role.AUDITOR, "ID"))
    await people.revoke(adi, "budi", "administrator", "ID")
    await house.store.accounts.enable("budi", may=False)
    stale = budi  # as if the request had begun before
    for refused in (
        people.remove(stale, "adi"),
        people.enable(stale, "adi", may=False),
    ):
        with pytest.raises(AccountError) as error:
            await refused
        assert error.value.fault is AccountFault.LAST_ADMINISTRATOR


async def test_a_reset_link_changes_the_password_once_and_ends_sessions(
    desk: Office, guest: Visitor
) -> None:
    adi = await person(desk.house, "adi", Role.ADMINISTRATOR)
    accounts = desk.house.services.accounts
    token = await accounts.log_in(NAME, PASSWORD)
    assert token
    code = await desk.house.services.access.people.reset_link(adi, NAME)
    body = {"code": code, "password": GOOD, "again": GOOD}
    first, _ = await guest.post("/begin/password", **body)
    second, _ = await guest.post("/begin/password", **body)
    assert (first.status, second.status) == (303, 404)
    assert await accounts.session(token) is None
    assert await accounts.log_in(NAME, PASSWORD) is None
    assert await accounts.log_in(NAME, GOOD)


async def test_accounts_are_changed_in_the_browser(desk: Office, guest: Visitor) -> None:
    await person(desk.house, "adi", Role.ADMINISTRATOR)
    await log_in(desk, guest, "adi")
    _, page = await guest.get("/accounts?q=petugas")
    assert f"/console/accounts/{NAME}" in page
    assert "/console/accounts/adi" not in page
    added, _ = await send(guest, "/accounts/grant", account=NAME, role="coordinator", scope="62.01")
    assert added.status == 303
    _, page = await guest.get(f"/accounts/{NAME}?done=granted")
    assert "Kabupaten Kotawaringin Barat" in page
    assert "Peran ditambahkan" in page
    await send(guest, "/accounts/disable", account=NAME)
    _, page = await guest.get(f"/accounts/{NAME}")
    assert "dinonaktifkan" in page
    await send(guest, "/accounts/enable", account=NAME)
    last, text = await send(guest, "/accounts/remove", account="adi")
    assert last.status == 409
    assert "Akun sendiri" in text
    await send(guest, "/accounts/remove", account=NAME)
    gone, _ = await guest.get(f"/accounts/{NAME}")
    assert gone.status == 404


async def test_scopes_are_offered_within_the_own_government(desk: Office, guest: Visitor) -> None:
    await person(desk.house, "koko", Role.COORDINATOR, "62.01")
    await log_in(desk, guest, "koko")
    _, offered = await guest.get("/parts/scopes?scope=dinas perhubungan")
    assert AGENCIES[0].id in offered
    assert re.findall(r'value="(?!6201)', offered) == []


# Sessions


async def test_a_session_ends_when_it_is_idle_and_polls_are_no_use(
    desk: Office, guest: Visitor
) -> None:
    house = desk.house
    await guest.log_in()
    for _ in range(3):
        house.clock.pass_(minutes=20)
        page, _ = await guest.get("/triage")
        assert page.status == 200
    house.clock.pass_(minutes=20)
    poll, _ = await guest.get("/parts/menu")
    assert poll.status == 200
    house.clock.pass_(minutes=11)
    page, _ = await guest.get("/triage")
    assert page.status == 303


async def test_own_sessions_are_listed_and_ended(desk: Office, guest: Visitor) -> None:
    accounts = desk.house.services.accounts
    await guest.log_in()
    phone = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36"
    other = await accounts.log_in(NAME, PASSWORD, device_words(phone))
    third = await accounts.log_in(NAME, PASSWORD)
    assert other
    assert third
    _, page = await guest.get("/me")
    assert "Chrome · Android" in page
    session = await accounts.session(other)
    assert session
    await send(guest, "/me/end", token=session.token)
    assert await accounts.session(other) is None
    assert await accounts.session(third)
    await send(guest, "/me/end-others")
    assert await accounts.session(third) is None
    page_, _ = await guest.get("/me")
    assert page_.status == 200


async def test_the_own_password_is_changed_with_the_old_one(desk: Office, guest: Visitor) -> None:
    accounts = desk.house.services.accounts
    await guest.log_in()
    other = await accounts.log_in(NAME, PASSWORD)
    assert other
    new = {"password": GOOD, "again": GOOD}
    wrong, text = await send(guest, "/me/password", old="salah sekali 99", **new)
    assert wrong.status == 422
    assert "lama salah" in text
    changed, _ = await send(guest, "/me/password", old=PASSWORD, **new)
    assert changed.status == 303
    assert await accounts.session(other) is None
    page, _ = await guest.get("/me")
    assert page.status == 200, "the session in which it was changed goes on"
    assert await accounts.log_in(NAME, GOOD)


async def test_an_identity_needs_a_password_of_the_last_minutes(
    desk: Office, guest: Visitor
) -> None:
    await desk.put(report(1))
    await guest.log_in()
    desk.house.clock.pass_(minutes=11)
    path = f"/reports/{report(1).id}/unseal"
    asked, form = await send(guest, path, reason="diminta polisi")
    assert asked.status == 401
    assert 'name="reason" value="diminta polisi"' in form
    assert await desk.acts("unsealed") == []
    wrong, _ = await send(guest, path, reason="diminta polisi", confirm_password="salah")
    assert wrong.status == 401
    done, page = await send(guest, path, reason="diminta polisi", confirm_password=PASSWORD)
    assert done.status == 200
    assert "Ibu Sri" in page
    again, _ = await send(guest, path, reason="sekali lagi")
    assert again.status == 200


# Two-step codes


def app_code(desk: Office, secret: str, *, ahead: int = 0) -> str:
    """Return what an app shows now."""
    return pyotp.TOTP(secret).at(desk.house.clock(), counter_offset=ahead)


async def codes_on(desk: Office, guest: Visitor) -> tuple[str, list[str]]:
    """Set two-step codes up in the browser; return the secret and the recovery codes."""
    _, page = await guest.get("/me/codes")
    assert "<svg" in page
    assert "style=" not in page
    (setup,) = re.findall(r'name="setup" value="([^"]+)"', page)
    (secret,) = re.findall(r"<code>([A-Z2-7]{32})</code>", page)
    wrong, _ = await send(guest, "/me/codes", setup=setup, code="000000")
    assert wrong.status == 422
    done, page = await send(guest, "/me/codes", setup=setup, code=app_code(desk, secret))
    assert done.status == 200
    return secret, re.findall(r"<code>([0-9a-f]{5}-[0-9a-f]{5})</code>", page)


async def password_then(guest: Visitor) -> None:
    """Log in up to the page that asks for a code."""
    guest.http.cookie_jar.clear()
    response, _ = await guest.post("/login", name=NAME, password=PASSWORD)
    assert response.headers["Location"].startswith("/console/login/code")
    closed, _ = await guest.get("/triage")
    assert closed.status == 303, "a password alone opens nothing"
    _, page = await guest.get("/login/code")
    (guest.csrf,) = re.findall(r'name="csrf" value="([^"]+)"', page)


async def test_a_log_in_has_two_steps_and_a_code_works_once(desk: Office, guest: Visitor) -> None:
    await guest.log_in()
    secret, recovery = await codes_on(desk, guest)
    assert len(set(recovery)) == 10
    await password_then(guest)
    replayed, _ = await send(guest, "/login/code", code=app_code(desk, secret))
    assert replayed.status == 401, "the code that turned it on was used"
    desk.house.clock.pass_(seconds=30)
    opened, _ = await send(
        guest, "/login/code", code=app_code(desk, secret), next="/console/public"
    )
    assert (opened.status, opened.headers["Location"]) == (303, "/console/public")
    page, _ = await guest.get("/triage")
    assert page.status == 200
    for status in (303, 401):
        await password_then(guest)
        answer, _ = await send(guest, "/login/code", code=recovery[3].upper())
        assert answer.status == status
    assert secret not in str(await desk.house.rows("SELECT totp, recovery FROM accounts"))
    assert await _log(desk) != []


async def test_codes_are_guessed_no_oftener_than_passwords(desk: Office, guest: Visitor) -> None:
    await guest.log_in()
    secret, _ = await codes_on(desk, guest)
    await password_then(guest)
    guesses = [await send(guest, "/login/code", code=f"{n:06}") for n in range(12)]
    assert [answer.status for answer, _ in guesses] == [401] * 10 + [429] * 2
    desk.house.clock.pass_(seconds=30)
    late, _ = await send(guest, "/login/code", code=app_code(desk, secret))
    assert late.status == 429


async def test_an_identity_asks_for_the_code_too(desk: Office, guest: Visitor) -> None:
    await desk.put(report(1))
    await guest.log_in()
    secret, _ = await codes_on(desk, guest)
    desk.house.clock.pass_(minutes=11)
    path = f"/reports/{report(1).id}/unseal"
    _, form = await send(guest, path, reason="diminta polisi")
    assert "confirm_code" in form
    given = {"reason": "diminta polisi", "confirm_password": PASSWORD}
    refused, _ = await send(guest, path, **given)
    assert refused.status == 401
    opened, _ = await send(guest, path, **given, confirm_code=app_code(desk, secret))
    assert opened.status == 200


async def test_an_administrator_helps_who_lost_the_phone(desk: Office, guest: Visitor) -> None:
    await guest.log_in()
    await codes_on(desk, guest)
    await person(desk.house, "adi", Role.ADMINISTRATOR)
    guest.http.cookie_jar.clear()
    await log_in(desk, guest, "adi")
    done, _ = await send(guest, "/accounts/codes-off", account=NAME)
    assert done.status == 303
    assert await desk.house.services.accounts.log_in(NAME, PASSWORD)
    assert not await desk.house.services.access.codes.is_on(NAME)


async def test_codes_may_be_required_of_people_with_power(
    desk: Office, guest: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk.house.services.accounts, "_codes_required", True)
    response, _ = await guest.post("/login", name=NAME, password=PASSWORD)
    assert response.status == 303
    for path in ("/", "/triage", "/me"):
        sent_on, _ = await guest.get(path)
        assert sent_on.headers["Location"] == "/console/me/codes"
    _, page = await guest.get("/me/codes")
    (guest.csrf,) = set(re.findall(r'name="csrf" value="([^"]+)"', page))
    kept, _ = await send(guest, "/failed/replay", id="all")
    assert kept.headers["Location"] == "/console/me/codes"
    await codes_on(desk, guest)
    page_, _ = await guest.get("/triage")
    assert page_.status == 200
    await person(desk.house, "ofi", Role.OFFICER, AGENCIES[0].id)
    guest.http.cookie_jar.clear()
    await log_in(desk, guest, "ofi")
    own, _ = await guest.get("/me")
    assert own.status == 200


# The log


async def _log(desk: Office) -> list[tuple[str, str, int]]:
    listed = await desk.house.store.access_log.page(AccessFilter(), after=0, most=50)
    return [(entry.account, entry.act, entry.status) for entry in reversed(listed)]


async def test_log_ins_looks_and_acts_are_in_the_log(desk: Office, guest: Visitor) -> None:
    await desk.put(report(1))
    await guest.post("/login", name="kata sandi saya", password="x")
    await guest.post("/login", name=NAME, password="salah")
    await guest.log_in()
    await guest.get(f"/reports/{report(1).id}")
    await guest.act(f"/reports/{report(1).id}/unseal", reason="diminta polisi")
    assert await _log(desk) == [
        ("", "log_in", 401),
        (NAME, "log_in", 401),
        (NAME, "log_in", 303),
        (NAME, "report", 200),
        (NAME, "unseal", 200),
    ]
    (line,) = await desk.house.store.access_log.page(
        AccessFilter(act="unseal", tracking=report(1).tracking), after=0, most=5
    )
    assert (line.reason, line.tracking) == ("diminta polisi", report(1).tracking)


async def test_reading_goes_on_without_the_log_but_no_identity_is_opened(
    desk: Office, guest: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.put(report(1))
    await guest.log_in()

    async def away(_: object) -> None:
        raise Unavailable("the disk is full")

    monkeypatch.setattr(desk.house.store.access_log, "add", away)
    page, _ = await guest.get(f"/reports/{report(1).id}")
    assert page.status == 200
    refused, text = await guest.act(f"/reports/{report(1).id}/unseal", reason="diminta polisi")
    assert refused.status == 503
    assert "Ibu Sri" not in text


async def test_an_administrator_filters_the_log(desk: Office, guest: Visitor) -> None:
    await person(desk.house, "adi", Role.ADMINISTRATOR)
    log = desk.house.services.access.log
    for number in range(60):
        await log.add(NAME, "report", 200, target=f"line-{number}")
    await log.add("adi", "invite", 200, target="rini@x.example")
    await log_in(desk, guest, "adi")
    _, page = await guest.get("/log?act=report")
    assert "60 catatan" in page
    assert "line-59" in page
    assert "line-9<" not in page
    _, second = await guest.get("/log?act=report&page=2")
    assert "line-9<" in second
    _, by = await guest.get("/log?account=adi")
    assert "rini@x.example" in by
    assert "line-" not in by
    _, none = await guest.get("/log?since=2099-01-01&number=4821")
    assert "0 catatan" in none


async def test_an_auditor_of_a_region_sees_its_reports_and_people(house: House) -> None:
    async with house.store.unit() as unit:
        unit.reports.add(report(1), report(1).id, [])
    actor = await person(house, "udin", Role.AUDITOR, "62")
    await person(house, "sari", Role.OFFICER, AGENCIES[0].id)
    await person(house, "eko", Role.OFFICER, AGENCIES[2].id)
    log = house.services.access.log
    await log.add("eko", "report", 404, report_id=report(1).id)
    await log.add("eko", "report", 200, report_id=report(9).id)
    await log.add("eko", "log_in", 303)
    await log.add("sari", "log_in", 303)
    page = await log.page(actor, AccessFilter(), 1)
    assert {(e.account, e.act) for e in page.entries} == {("eko", "report"), ("sari", "log_in")}
    assert page.total == 2


# Passwords and devices


def test_stolen_passwords_are_looked_up_in_a_file(tmp_path: Path) -> None:
    stolen = [f"kata sandi {n}" for n in range(500)]
    lines = sorted(hashlib.sha1(each.encode()).hexdigest().upper() for each in stolen)
    file = tmp_path / "stolen.txt"
    for ending in ("\n", ":17\r\n"):
        file.write_text("".join(f"{line}{ending}" for line in lines), newline="")
        listed = BreachList(file)
        listed.check()
        assert all(listed.holds(each) for each in stolen)
        assert not any(listed.holds(f"lain {n}") for n in range(500))
    file.write_text("bukan sha1\n")
    with pytest.raises(ValueError, match="no sorted"):
        BreachList(file).check()
    assert not BreachList().holds("kata sandi 1")
