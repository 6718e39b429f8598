"""The tables, for SQLite and PostgreSQL alike. Times are UTC; sealed columns hold ciphertext."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UTCDateTime(TypeDecorator[datetime]):
    """An aware time: SQLite would hand it back without its zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive time, store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Hand back an aware time."""
        if value is None or not isinstance(value, datetime):
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


_Serial = BigInteger().with_variant(Integer, "sqlite")
_READY = text("state = 'ready'")
_UNROUTED = text("routed_at IS NULL")
_HELD = text("state = 'held'")
TO_SEND = text("state IN ('waiting', 'sending')")
URGENT_TO_SEND = text("urgent AND state IN ('waiting', 'sending')")
_PENDING = text("state = 'pending'")
_WAITED_FOR = text("waits_since IS NOT NULL")
_OPEN = text("ended_at IS NULL")
_ESCALATED = text("escalated_to IS NOT NULL")


def _lane_columns(holder: str) -> tuple[Column[Any], ...]:
    """Return the columns of a table whose rows leave by lanes; ``holder`` describes a lease."""
    return (
        Column("send_at", Float, nullable=False, server_default="0", comment="seconds since 1970"),
        Column("lease", String(32), comment=holder),
        Column("attempts", Integer, nullable=False, server_default="0"),
        Column("doubts", Integer, nullable=False, server_default="0", comment="it may have left"),
        Column("correlation", String(36), nullable=False, server_default=""),
    )


_UNJOINED = text("joined_at IS NULL")
_UNACKNOWLEDGED = text("acknowledged_at IS NULL")
_AGREED = text("publicity IS NOT NULL")
_DUE = text("due_on IS NOT NULL")
_REFUSED = text("refusals > 1")
_FILES_WAIT = text("files_since IS NOT NULL")

messages = Table(
    "messages",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("channel", String(64), nullable=False),
    Column("account", String(320), nullable=False),
    Column("external_id", String(300), nullable=False),
    Column("received_at", UTCDateTime, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("body", Text, nullable=False),
    Column("routed_at", UTCDateTime),
    Column("report_id", String(36)),
    Column("tracking", String(12), comment="the number its sender was told"),
    Column(
        "reporter_ref",
        String(64),
        nullable=False,
        server_default="",
        comment="whose it is; only a report of the same person is theirs to see",
    ),
    UniqueConstraint("channel", "account", "external_id"),
    Index("ix_messages_received", "channel", "received_at"),
    Index("ix_messages_routed", "routed_at"),
    Index("ix_messages_tracking", "tracking"),
    Index(
        "ix_messages_unrouted",
        "received_at",
        sqlite_where=_UNROUTED,
        postgresql_where=_UNROUTED,
    ),
    comment="every accepted message: the raw envelope (sealed) and the reading of it",
)

files = Table(
    "files",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("size", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("became", Text, comment="what it was made into; content is empty then"),
    comment="attachments by digest, sealed",
)

reports = Table(
    "reports",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("tracking", String(12), nullable=False, unique=True),
    Column("channel", String(64), nullable=False),
    Column("reporter_ref", String(64), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("status", String(32), nullable=False),
    Column("agency_id", String(80)),
    Column("topic_id", String(64)),
    Column("region", String(13)),
    Column("urgent", Boolean, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("danger", String(64), comment="of now, that its words name"),
    Column("confidential", Boolean, nullable=False),
    Column("accuses", Boolean, nullable=False, comment="somebody who must get nothing of it"),
    Column("copied", Boolean, nullable=False, server_default=false(), comment="to some agency"),
    Column("government", String(5), comment="whose agency has it: region code, or ID"),
    Column("regency", String(5), comment="in which it is"),
    Column("escalated_to", String(5), comment="the government to whose coordinator it came"),
    Column("unit", String(120), comment="of its agency, that works on it"),
    Column("officer", String(64), comment="who works on it"),
    Column("refusals", Integer, nullable=False, server_default="0"),
    Column("due_on", String(10), comment="the day until which the next step is in time"),
    Column("responded_at", UTCDateTime, comment="when an agency first did something"),
    Column("ended_at", UTCDateTime),
    Column(
        "changed_at",
        Float,
        nullable=False,
        server_default="0",
        comment="seconds since 1970 by the database's clock",
    ),
    Column("received_at", UTCDateTime, nullable=False),
    Column("updated_at", UTCDateTime, nullable=False),
    Column("version", Integer, nullable=False),
    Column("head", String(64), nullable=False),
    Column("body", Text, nullable=False),
    Column("publicity", String(8), comment="of reports whose reporter agreed: asked, shown, kept"),
    Column(
        "files_since",
        UTCDateTime,
        comment="when the oldest message came of which a file is still to be fetched",
    ),
    Index("ix_reports_reporter", "reporter_ref", "received_at"),
    Index("ix_reports_status", "status", "received_at"),
    Index("ix_reports_agency", "agency_id", "received_at"),
    Index("ix_reports_received", "received_at"),
    Index("ix_reports_government", "government", "received_at"),
    Index("ix_reports_regency", "regency", "received_at"),
    Index("ix_reports_changed", "changed_at", "id"),
    Index("ix_reports_urgent", "urgent", "received_at"),
    Index("ix_reports_due", "due_on", "id", sqlite_where=_DUE, postgresql_where=_DUE),
    Index("ix_reports_refused", "refusals", sqlite_where=_REFUSED, postgresql_where=_REFUSED),
    Index(
        "ix_reports_open",
        "government",
        "agency_id",
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    ),
    Index(
        "ix_reports_escalated",
        "escalated_to",
        sqlite_where=_ESCALATED,
        postgresql_where=_ESCALATED,
    ),
    Index(
        "ix_reports_inbox",
        *("agency_id", "status", "due_on", "received_at", "id", "accuses", "copied"),
    ),
    Index(
        "ix_reports_publicity",
        "publicity",
        "received_at",
        sqlite_where=_AGREED,
        postgresql_where=_AGREED,
    ),
    Index(
        "ix_reports_files",
        "files_since",
        sqlite_where=_FILES_WAIT,
        postgresql_where=_FILES_WAIT,
    ),
    comment="reports as they stand; version and head tie a row to the end of its event chain",
)

report_agencies = Table(
    "report_agencies",
    metadata,
    Column("report_id", String(36), ForeignKey("reports.id"), primary_key=True),
    Column("part", String(8), primary_key=True, comment="copy, accused"),
    Column("agency_id", String(120), primary_key=True, comment="or the kind of an office"),
    Index("ix_report_agencies_agency", "part", "agency_id"),
    comment="agencies that have a part in a report beside its own",
)

events = Table(
    "events",
    metadata,
    Column("report_id", String(36), ForeignKey("reports.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", UTCDateTime, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("by", String(128), nullable=False),
    Column("note", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("prev", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index(
        "ix_events_files",
        "at",
        sqlite_where=text("kind = 'files_stored'"),
        postgresql_where=text("kind = 'files_stored'"),
    ),
    comment="append-only, each entry carries the hash of the one before",
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(36), primary_key=True, comment="of the event; one per cause and agency"),
    Column("report_id", String(36), nullable=False, index=True),
    Column("agency_id", String(80), nullable=False),
    Column("event", String(64), nullable=False, comment="type of the CloudEvent it goes as"),
    Column(
        "method", String(32), nullable=False, comment="how it is placed; may be empty until then"
    ),
    Column("state", String(16), nullable=False),
    Column("detail", Text, nullable=False, comment="why it failed or was withdrawn"),
    Column("created_at", UTCDateTime, nullable=False),
    Column("placed_at", UTCDateTime),
    Column("fetched_at", UTCDateTime),
    Column("read_at", UTCDateTime),
    Column("ended_at", UTCDateTime, comment="when it failed or was withdrawn"),
    *_lane_columns("who is calling its agency, until send_at"),
    Column("repeats", String(36), comment="id of the same by the agency's first method"),
    Column("fetched_by", String(64), nullable=False, server_default="", comment="none of machines"),
    Column("read_by", String(64), nullable=False, server_default="", comment="none of machines"),
    Column(
        "waits_since",
        UTCDateTime,
        comment="unfetched in the inbox since then, or since a coordinator was told",
    ),
    Index(
        "ix_deliveries_lane",
        "agency_id",
        "send_at",
        sqlite_where=_PENDING,
        postgresql_where=_PENDING,
    ),
    Index("ix_deliveries_agency", "agency_id", "created_at", "id"),
    Index("ix_deliveries_state", "state", "created_at"),
    Index("ix_deliveries_placed", "placed_at"),
    Index(
        "ix_deliveries_waits",
        "waits_since",
        sqlite_where=_WAITED_FOR,
        postgresql_where=_WAITED_FOR,
    ),
    Index(
        "ix_deliveries_waiting",
        "report_id",
        "agency_id",
        sqlite_where=_WAITED_FOR,
        postgresql_where=_WAITED_FOR,
    ),
    comment="reports on their way to agencies; what an agency gets is composed when it gets it",
)

notifications = Table(
    "notifications",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("report_id", String(36), nullable=False, index=True),
    Column("channel", String(64), nullable=False),
    Column("sealed_to", Text, nullable=False),
    Column(
        "message_id",
        String(36),
        nullable=False,
        server_default="",
        comment="whose writer it goes to",
    ),
    Column("tracking", String(12)),
    Column("subject", Text),
    Column("text", Text, nullable=False),
    Column("thread", Text, nullable=False),
    Column("choices", Text, nullable=False),
    Column("reader", String(64), nullable=False),
    Column("urgent", Boolean, nullable=False),
    Column("state", String(16), nullable=False),
    Column("detail", Text, nullable=False),
    Column("provider_id", String(300)),
    Column("created_at", UTCDateTime, nullable=False),
    Column("done_at", UTCDateTime),
    *_lane_columns("who is sending it, until send_at"),
    Index(
        "ix_notifications_lane",
        "channel",
        "send_at",
        sqlite_where=TO_SEND,
        postgresql_where=TO_SEND,
    ),
    Index(
        "ix_notifications_urgent",
        "channel",
        "send_at",
        sqlite_where=URGENT_TO_SEND,
        postgresql_where=URGENT_TO_SEND,
    ),
    Index("ix_notifications_provider", "channel", "provider_id"),
    Index("ix_notifications_state", "state", "created_at"),
    Index("ix_notifications_done", "done_at"),
    Index("ix_notifications_held", "reader", sqlite_where=_HELD, postgresql_where=_HELD),
    comment="what citizens are told, and what became of it",
)

opt_outs = Table(
    "silences",
    metadata,
    Column("reader", String(64), primary_key=True),
    Column("channel", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("until", String(8), nullable=False, comment="the reader writes, or says START"),
    Column("at", UTCDateTime, nullable=False),
    comment="citizens who cannot be written to now; their answers are held",
)

reactions = Table(
    "reactions",
    metadata,
    Column("reader", String(64), primary_key=True),
    Column("state", Text, nullable=False, comment="times, hashes of words; no text"),
    Column("at", UTCDateTime, nullable=False),
    Index("ix_reactions_at", "at"),
    comment="what each reader was answered by ourselves lately, so that it ends",
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("report_id", String(36), nullable=False, comment="one alert per matter"),
    Column("code", String(6), nullable=False, comment="what a post acknowledges it by"),
    Column("opened_at", UTCDateTime, nullable=False),
    Column("step", Integer, nullable=False, comment="posts that were tried in this round"),
    Column("reached", Integer, nullable=False, comment="posts that were told in this round"),
    Column("rounds", Integer, nullable=False, comment="rounds that nobody answered"),
    Column("failures", Integer, nullable=False, comment="tries in a row that reached no post"),
    Column("told", Text, nullable=False, comment="names of the posts that were told"),
    Column("acknowledged_at", UTCDateTime),
    Column("acknowledged_by", String(128)),
    UniqueConstraint("report_id"),
    Index(
        "ix_alerts_open",
        "opened_at",
        sqlite_where=_UNACKNOWLEDGED,
        postgresql_where=_UNACKNOWLEDGED,
    ),
    comment="danger to life that a human is told of, until one says so; names no citizen",
)

due = Table(
    "due",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("key", String(64), primary_key=True, comment="what it is about"),
    Column("due_at", UTCDateTime, nullable=False, comment="by the case clock"),
    Column("data", Text, nullable=False, comment="the kind's own"),
    Column("token", String(16), nullable=False, comment="another one with each writing"),
    Column("failures", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Index("ix_due_kind", "kind", "due_at"),
    comment="moments that wait: questions, missing parts, alerts",
)

queue = Table(
    "queue",
    metadata,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    Column("queue", String(100), nullable=False),
    Column("message_id", String(64), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("headers", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("state", String(8), nullable=False),
    Column("visible_at", Float, nullable=False),
    Column("lease", String(32)),
    Column("error", Text, nullable=False, server_default=""),
    Column("at", UTCDateTime, nullable=False),
    UniqueConstraint("queue", "message_id"),
    Index("ix_queue_ready", "queue", "visible_at", sqlite_where=_READY, postgresql_where=_READY),
    comment="outbox, embedded queue and dead letters in one",
)

agency_queues = Table(
    "agency_queues",
    metadata,
    Column("agency_id", String(80), primary_key=True),
    Column("state", String(8), nullable=False, comment="unseen, read, or left by all"),
    Column("looked_at", UTCDateTime),
    Column(
        "read_at",
        UTCDateTime,
        comment="when somebody was last seen to read it",
    ),
    Column("unknown", Integer, nullable=False, comment="messages in it that are no delivery"),
    comment="queues of agencies that there may be on the broker, which cannot list them",
)

probes = Table(
    "probes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UTCDateTime, nullable=False),
    comment="one row, written to try whether the database takes anything",
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("channel", String(64), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("detail", Text, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("size", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("at", UTCDateTime, nullable=False),
    Column("done_at", UTCDateTime),
    Column("done_by", String(128)),
    Column("done_note", Text),
    Index("ix_quarantine_state", "state", "at"),
    comment="what a door took in and no report was made of; envelope is sealed",
)

not_kept = Table(
    "not_kept",
    metadata,
    Column("channel", String(64), primary_key=True),
    Column("reason", String(64), primary_key=True),
    Column("day", String(10), primary_key=True, comment="of UTC"),
    Column("count", BigInteger, nullable=False),
    comment="what the quarantine had no room for, counted only",
)

exchanges = Table(
    "exchanges",
    metadata,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    Column("channel", String(100), nullable=False),
    Column("at", UTCDateTime, nullable=False),
    Column("direction", String(3), nullable=False),
    Column("method", String(16), nullable=False),
    Column("target", String(300), nullable=False),
    Column("status", Integer),
    Column("seconds", Float, nullable=False),
    Column("failed", Boolean, nullable=False),
    Column("error", String(64), nullable=False),
    Column("excerpt", String(300), nullable=False),
    Column("correlation", String(36), nullable=False),
    Index("ix_exchanges_channel", "channel", "failed", "id"),
    Index("ix_exchanges_at", "at"),
    Index("ix_exchanges_correlation", "correlation"),
    comment="calls to providers and by them: no text, no address, no secret; the newest only",
)

segments = Table(
    "parts",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("channel", String(64), nullable=False),
    Column("account", String(320), nullable=False),
    Column("sender", String(64), nullable=False, comment="a keyed hash"),
    Column("reference", String(200), nullable=False),
    Column("total", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("external_id", String(300), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("received_at", UTCDateTime, nullable=False),
    Column("message", String(300), comment="external id of the message it was joined into"),
    Column("joined_at", UTCDateTime),
    UniqueConstraint("channel", "account", "external_id"),
    Index("ix_parts_key", "channel", "account", "sender", "reference", "total"),
    Index(
        "ix_parts_open",
        "received_at",
        sqlite_where=_UNJOINED,
        postgresql_where=_UNJOINED,
    ),
    comment="parts of longer messages, until all are there; envelope is sealed",
)

cursors = Table(
    "cursors",
    metadata,
    Column("channel", String(64), primary_key=True),
    Column(
        "work", String(16), primary_key=True, comment="poll, bind, reconcile, or due and a kind"
    ),
    Column("cursor", Text, nullable=False, server_default=""),
    Column("holder", String(32), nullable=False, server_default=""),
    Column("held_until", UTCDateTime),
    Column("due_at", UTCDateTime),
    Column("ok_at", UTCDateTime),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("failed_at", UTCDateTime),
    Column("error", Text, nullable=False, server_default=""),
    Column("recovered", Integer, nullable=False, server_default="0"),
    comment="how far each provider has been read, and which process is reading it",
)

accounts = Table(
    "accounts",
    metadata,
    Column("name", String(64), primary_key=True, comment="what they log in with"),
    Column("password", String(200), comment="none of who logs in elsewhere"),
    Column("full_name", String(120), nullable=False),
    Column("email", String(320), nullable=False),
    Column("language", String(2), nullable=False),
    Column("unit", String(120), nullable=False, comment="of the agency"),
    Column("created_at", UTCDateTime, nullable=False),
    Column("created_by", String(64), nullable=False),
    Column("disabled_at", UTCDateTime),
    Column("removed_at", UTCDateTime, comment="its name stays taken: logs name it"),
    Column("seen_at", UTCDateTime),
    Column("totp", Text, comment="the secret, sealed"),
    Column("totp_step", BigInteger, nullable=False, comment="the last time step that was used"),
    Column("recovery", Text, nullable=False, comment="keyed hashes of codes not used yet"),
    Column("subject", String(400), unique=True, comment="issuer and subject of a log-in elsewhere"),
    Column("away_until", String(10), comment="the day on which they are back"),
    Column("cover", String(64), comment="the account that stands in meanwhile"),
    comment="people who may log in",
)

grants = Table(
    "grants",
    metadata,
    Column("account", String(64), ForeignKey("accounts.name"), primary_key=True),
    Column("role", String(16), primary_key=True),
    Column(
        "scope",
        String(80),
        primary_key=True,
        comment="ID, the code of a region, or the id of an agency",
    ),
    Column("identity", Boolean, nullable=False, comment="they may open who reported"),
    Index("ix_grants_scope", "role", "scope"),
    comment="what accounts may do, and where",
)

one_time_links = Table(
    "one_time_links",
    metadata,
    Column("token", String(64), primary_key=True, comment="SHA-256 of what the link says"),
    Column("purpose", String(16), nullable=False, comment="first, invitation, password"),
    Column("account", String(64), nullable=False, comment="whose password; else empty"),
    Column("email", String(320), nullable=False),
    Column("grants", Text, nullable=False, comment="what the new account may do"),
    Column("made_by", String(64), nullable=False),
    Column("made_at", UTCDateTime, nullable=False),
    Column("expires_at", UTCDateTime, nullable=False),
    Column("used_at", UTCDateTime),
    comment="links that let somebody make an account, or choose a password, once",
)

sessions = Table(
    "sessions",
    metadata,
    Column("token", String(64), primary_key=True, comment="SHA-256 of the cookie"),
    Column("account", String(64), nullable=False, index=True),
    Column("csrf", String(64), nullable=False),
    Column("stage", String(8), nullable=False, comment="open, or code while one is asked for"),
    Column("begun_at", UTCDateTime, nullable=False),
    Column("seen_at", UTCDateTime, nullable=False),
    Column("confirmed_at", UTCDateTime, nullable=False, comment="when a password was last given"),
    Column("expires_at", UTCDateTime, nullable=False),
    Column("device", String(120), nullable=False, comment="what kind of browser it says it is"),
    comment="who is logged in",
)

access_log = Table(
    "access_log",
    metadata,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    Column("at", UTCDateTime, nullable=False),
    Column("account", String(64), nullable=False),
    Column("act", String(48), nullable=False),
    Column("report_id", String(36)),
    Column("target", String(120), nullable=False, comment="account, agency or file it was about"),
    Column("reason", Text, nullable=False),
    Column("status", Integer, nullable=False, comment="of HTTP, as it was answered"),
    Column("caller", String(64), nullable=False, comment="network address"),
    Index("ix_access_log_at", "at"),
    Index("ix_access_log_account", "account", "at"),
    Index("ix_access_log_report", "report_id", "at"),
    comment="who logged in, did or looked at what; only ever added to",
)
