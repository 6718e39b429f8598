"""A pair of PostgreSQL servers fails over with all that was confirmed."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.conftest import offered
from tests.services import PostgresPair


@pytest.fixture
def pair() -> Iterator[PostgresPair]:
    """A primary and its standby."""
    pair = PostgresPair()
    try:
        with offered("PostgreSQL"):
            pair.start()
        yield pair
    finally:
        pair.close()


def test_the_standby_takes_over_with_what_was_confirmed_and_the_other_rejoins(
    pair: PostgresPair,
) -> None:
    name = pair.primary.create()
    pair.primary.tell("CREATE TABLE kept AS SELECT 1 AS n", database=name)
    before = pair.primary
    pair.fail_over()
    assert not before.running
    assert pair.primary.tell("SELECT n FROM kept", database=name) == [(1,)]
    pair.rejoin()
    pair.primary.tell("INSERT INTO kept VALUES (2)", database=name)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        pair.standby.tell("INSERT INTO kept VALUES (3)", database=name)
    with pair.primary.locked(name, "kept"), pytest.raises(psycopg.errors.LockNotAvailable):
        pair.primary.tell("BEGIN; LOCK TABLE kept NOWAIT", database=name)
    pair.fail_over()
    assert pair.primary.tell("SELECT n FROM kept ORDER BY n", database=name) == [(1,), (2,)]
