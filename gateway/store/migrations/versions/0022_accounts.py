"""People have accounts with roles and scopes, and reports say whose part they are.

The operators of before keep their passwords and see the whole country; they log in again.
"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from gateway.store.tables import UTCDateTime

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None
PAGE = 500
_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_NEXT = {"triage": "forward", "forwarded": "first_response", "in_progress": "resolution"}


def upgrade() -> None:
    """Apply: tables of people, columns of reports, filled from their bodies."""
    _people()
    _move_operators()
    _columns()
    _fill()
    _indexes()


def _people() -> None:
    op.create_table(
        "accounts",
        sa.Column("name", sa.String(64), nullable=False, comment="what they log in with"),
        sa.Column("password", sa.String(200), comment="none of who logs in elsewhere"),
        sa.Column("full_name", sa.String(120), nullable=False),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("language", sa.String(2), nullable=False),
        sa.Column("unit", sa.String(120), nullable=False, comment="of the agency"),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("created_by", sa.String(64), nullable=False),
        sa.Column("disabled_at", UTCDateTime()),
        sa.Column("removed_at", UTCDateTime(), comment="its name stays taken: logs name it"),
        sa.Column("seen_at", UTCDateTime()),
        sa.Column("totp", sa.Text(), comment="the secret, sealed"),
        sa.Column(
            "totp_step", sa.BigInteger(), nullable=False, comment="the last time step that was used"
        ),
        sa.Column(
            "recovery", sa.Text(), nullable=False, comment="keyed hashes of codes not used yet"
        ),
        sa.Column("subject", sa.String(400), comment="issuer and subject of a log-in elsewhere"),
        sa.Column("away_until", sa.String(10), comment="the day on which they are back"),
        sa.Column("cover", sa.String(64), comment="the account that stands in meanwhile"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_accounts")),
        sa.UniqueConstraint("subject", name=op.f("uq_accounts_subject")),
        comment="people who may log in",
    )
    op.create_table(
        "grants",
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column(
            "scope",
            sa.String(80),
            nullable=False,
            comment="ID, the code of a region, or the id of an agency",
        ),
        sa.Column("identity", sa.Boolean(), nullable=False, comment="they may open who reported"),
        sa.ForeignKeyConstraint(["account"], ["accounts.name"], name=op.f("fk_grants_account")),
        sa.PrimaryKeyConstraint("account", "role", "scope", name=op.f("pk_grants")),
        comment="what accounts may do, and where",
    )
    op.create_index("ix_grants_scope", "grants", ["role", "scope"])
    op.create_table(
        "one_time_links",
        sa.Column("token", sa.String(64), nullable=False, comment="SHA-256 of what the link says"),
        sa.Column("purpose", sa.String(16), nullable=False, comment="first, invitation, password"),
        sa.Column("account", sa.String(64), nullable=False, comment="whose password; else empty"),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("grants", sa.Text(), nullable=False, comment="what the new account may do"),
        sa.Column("made_by", sa.String(64), nullable=False),
        sa.Column("made_at", UTCDateTime(), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.Column("used_at", UTCDateTime()),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_one_time_links")),
        comment="links that let somebody make an account, or choose a password, once",
    )
    op.drop_table("sessions")
    op.create_table(
        "sessions",
        sa.Column("token", sa.String(64), nullable=False, comment="SHA-256 of the cookie"),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("csrf", sa.String(64), nullable=False),
        sa.Column(
            "stage", sa.String(8), nullable=False, comment="open, or code while one is asked for"
        ),
        sa.Column("begun_at", UTCDateTime(), nullable=False),
        sa.Column("seen_at", UTCDateTime(), nullable=False),
        sa.Column(
            "confirmed_at", UTCDateTime(), nullable=False, comment="when a password was last given"
        ),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.Column(
            "device", sa.String(120), nullable=False, comment="what kind of browser it says it is"
        ),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_sessions")),
        comment="who is logged in",
    )
    op.create_index(op.f("ix_sessions_account"), "sessions", ["account"])
    op.create_table(
        "access_log",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("act", sa.String(48), nullable=False),
        sa.Column("report_id", sa.String(36)),
        sa.Column(
            "target",
            sa.String(120),
            nullable=False,
            comment="account, agency or file it was about",
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False, comment="of HTTP, as it was answered"),
        sa.Column("caller", sa.String(64), nullable=False, comment="network address"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_log")),
        comment="who logged in, did or looked at what; only ever added to",
    )
    op.create_index("ix_access_log_at", "access_log", ["at"])
    op.create_index("ix_access_log_account", "access_log", ["account", "at"])
    op.create_index("ix_access_log_report", "access_log", ["report_id", "at"])


def _move_operators() -> None:
    op.execute(
        "INSERT INTO accounts (name, password, full_name, email, language, unit, created_at, "
        "created_by, disabled_at, totp_step, recovery) "
        "SELECT name, password, name, '', 'id', '', created_at, '', disabled_at, 0, '[]' "
        "FROM operators"
    )
    grant = sa.table(
        "grants", *(sa.column(name) for name in ("account", "role", "scope", "identity"))
    )
    connection = op.get_bind()
    names = connection.execute(sa.text("SELECT name FROM operators")).scalars().all()
    if names:
        rows = [{"account": n, "role": "operator", "scope": "ID", "identity": True} for n in names]
        connection.execute(sa.insert(grant), rows)
    op.drop_table("operators")


def _columns() -> None:
    columns: list[sa.Column[Any]] = [
        sa.Column(
            "copied",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="to some agency",
        ),
        sa.Column("government", sa.String(5), comment="whose agency has it: region code, or ID"),
        sa.Column("regency", sa.String(5), comment="in which it is"),
        sa.Column(
            "escalated_to", sa.String(5), comment="the government to whose coordinator it came"
        ),
        sa.Column("unit", sa.String(120), comment="of its agency, that works on it"),
        sa.Column("officer", sa.String(64), comment="who works on it"),
        sa.Column("refusals", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("due_on", sa.String(10), comment="the day until which the next step is in time"),
        sa.Column("responded_at", UTCDateTime(), comment="when an agency first did something"),
        sa.Column("ended_at", UTCDateTime()),
        sa.Column(
            "changed_at",
            sa.Float(),
            nullable=False,
            server_default="0",
            comment="seconds since 1970 by the database's clock",
        ),
    ]
    for column in columns:
        op.add_column("reports", column)
    op.create_table(
        "report_agencies",
        sa.Column("report_id", sa.String(36), nullable=False),
        sa.Column("part", sa.String(8), nullable=False, comment="copy, accused"),
        sa.Column("agency_id", sa.String(120), nullable=False, comment="or the kind of an office"),
        sa.ForeignKeyConstraint(
            ["report_id"], ["reports.id"], name=op.f("fk_report_agencies_report_id")
        ),
        sa.PrimaryKeyConstraint("report_id", "part", "agency_id", name=op.f("pk_report_agencies")),
        comment="agencies that have a part in a report beside its own",
    )
    op.create_index("ix_report_agencies_agency", "report_agencies", ["part", "agency_id"])


def _fill() -> None:
    """Fill the new columns from the bodies, a page at a time."""
    connection, last = op.get_bind(), ""
    known = ("copied", "government", "regency", "due_on", "responded_at", "ended_at")
    reports = sa.table(
        "reports",
        *(sa.column(name) for name in ("id", "body", "copied", "government", "regency", "due_on")),
        sa.column("responded_at", UTCDateTime()),
        sa.column("ended_at", UTCDateTime()),
    )
    parts = sa.table(
        "report_agencies", *(sa.column(name) for name in ("report_id", "part", "agency_id"))
    )
    change = (
        sa.update(reports)
        .where(reports.c.id == sa.bindparam("key"))
        .values({name: sa.bindparam(f"new_{name}") for name in known})
    )
    while True:
        page = sa.select(reports.c.id, reports.c.body).where(reports.c.id > last)
        rows = connection.execute(page.order_by(reports.c.id).limit(PAGE)).all()
        if not rows:
            return
        read = [(row.id, json.loads(row.body)) for row in rows]
        values = [{"key": id, **_values(report)} for id, report in read]
        connection.execute(change, values)
        if involved := [part for id, report in read for part in _parts(id, report)]:
            connection.execute(sa.insert(parts), involved)
        last = rows[-1].id


def _values(report: dict[str, Any]) -> dict[str, Any]:
    from datetime import datetime

    made = report.get("assignment") or {}
    agency = (made.get("agency") or {}).get("id", "")
    region = report["places"][0]["code"] if report.get("places") else None
    history = report.get("history") or []
    status = report.get("status", "")  # the version before kept bodies without one
    wanted = _NEXT.get(status)
    due = (d["due"] for d in report.get("deadlines") or [] if d["name"] == wanted)
    acted = (c["at"] for c in history if c["status"] in ("in_progress", "answered"))
    first, ended = next(acted, None), status.startswith(("closed_", "archived_"))
    last = history[-1]["at"] if ended and history else None
    return {
        "new_copied": bool(made.get("copies")) and made.get("decision") == "assign",
        "new_government": _government(agency) if agency else None,
        "new_regency": region[:5] if region else None,
        "new_due_on": next(due, None),
        "new_responded_at": datetime.fromisoformat(first) if first else None,
        "new_ended_at": datetime.fromisoformat(last) if last else None,
    }


def _government(agency: str) -> str:
    digits = agency.partition("-")[0]
    if not digits.isdigit():
        return "ID"
    return digits[:2] if len(digits) == 2 else f"{digits[:2]}.{digits[2:4]}"


def _parts(id: str, report: dict[str, Any]) -> list[dict[str, str]]:
    made = report.get("assignment") or {}
    given = made.get("copies") or [] if made.get("decision") == "assign" else []
    found = {("copy", each["id"]) for each in given}
    found |= {("accused", n) for each in report.get("recusals") or [] for n in each["agencies"]}
    return [{"report_id": id, "part": part, "agency_id": name} for part, name in sorted(found)]


def _indexes() -> None:
    op.create_index("ix_reports_government", "reports", ["government", "received_at"])
    op.create_index("ix_reports_regency", "reports", ["regency", "received_at"])
    op.create_index("ix_reports_changed", "reports", ["changed_at"])
