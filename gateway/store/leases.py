"""The lease clock: the database's own time, in the statement that takes or looks at a lease.

Machines whose clocks differ never fight over a lease: none of them is asked for the time.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, Float, func, literal_column, type_coerce

from gateway.store.tables import UTCDateTime

_SQLITE_SECONDS = "((julianday('now') - 2440587.5) * 86400.0)"
# Of the statement, not of the transaction; stable, so that PostgreSQL still uses the index.
_POSTGRES_SECONDS = "extract(epoch FROM statement_timestamp())::float8"
_SQLITE_FORMAT = "%Y-%m-%d %H:%M:%f000"
"""As SQLAlchemy writes moments: SQLite knows milliseconds, the column has microseconds."""


class LeaseClock:
    """The time of one kind of database, as SQL."""

    def __init__(self, *, is_sqlite: bool) -> None:
        self._is_sqlite = is_sqlite
        written = _SQLITE_SECONDS if is_sqlite else _POSTGRES_SECONDS
        self._seconds: ColumnElement[float] = literal_column(written, Float)

    def seconds(self) -> ColumnElement[float]:
        """Return the seconds since 1970."""
        return self._seconds

    def moment(self, after: float = 0.0) -> ColumnElement[datetime]:
        """Return the moment in ``after`` seconds."""
        moment: ColumnElement[datetime]
        if self._is_sqlite:
            moment = func.strftime(_SQLITE_FORMAT, "now", f"{after:+.3f} seconds")
        else:
            moment = func.statement_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, after)
        return type_coerce(moment, UTCDateTime())
