from datetime import UTC, date, datetime

import pytest

from normalizer.message import Kind
from router.deadlines import Calendar, deadlines, official_holidays
from tests.router.making import LIMITS


@pytest.mark.parametrize(
    ("day", "working"),
    [
        (date(2026, 11, 20), True),  # Friday
        (date(2026, 11, 21), False),  # Saturday
        (date(2026, 8, 17), False),  # Independence Day, a Monday
        (date(2025, 4, 2), False),  # cuti bersama Idulfitri, a Wednesday
        (date(2026, 1, 1), False),
    ],
)
def test_offices_are_open_on_working_days_only(day: date, working: bool) -> None:
    assert Calendar().is_working(day) is working


def test_a_deployment_adds_days_off_and_takes_holidays_back() -> None:
    own = Calendar(holidays=[date(2026, 11, 23)], working_days=[date(2026, 8, 17)])
    assert not own.is_working(date(2026, 11, 23))
    assert own.is_working(date(2026, 8, 17))
    assert own.after(date(2026, 11, 20), 1) == date(2026, 11, 24)


@pytest.mark.parametrize(
    ("received", "forward"),
    [
        (datetime(2026, 11, 16, 2, 0, tzinfo=UTC), date(2026, 11, 19)),  # Monday
        (datetime(2026, 11, 20, 3, 0, tzinfo=UTC), date(2026, 11, 25)),  # Friday, over a weekend
        (datetime(2026, 11, 21, 3, 0, tzinfo=UTC), date(2026, 11, 25)),  # Saturday
        (datetime(2026, 11, 19, 16, 59, tzinfo=UTC), date(2026, 11, 24)),  # 23:59 in Jakarta
        (datetime(2026, 11, 19, 17, 0, tzinfo=UTC), date(2026, 11, 25)),  # midnight: Friday there
        (datetime(2025, 12, 30, 3, 0, tzinfo=UTC), date(2026, 1, 5)),  # over new year
    ],
)
def test_forwarding_is_due_within_three_working_days_of_jakarta(
    received: datetime, forward: date
) -> None:
    assert deadlines(Kind.COMPLAINT, received, LIMITS, Calendar())[0].due == forward


@pytest.mark.parametrize("kind", list(Kind))
def test_the_kind_decides_how_long_a_resolution_may_take(kind: Kind) -> None:
    calendar = Calendar()
    received = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
    forward, response, resolution = deadlines(kind, received, LIMITS, calendar)
    assert (forward.name, response.name, resolution.name) == (
        "forward",
        "first_response",
        "resolution",
    )
    assert forward.due < response.due <= resolution.due
    assert resolution.due == calendar.after(date(2026, 11, 20), LIMITS.resolution[kind])


def test_cuti_bersama_is_among_the_holidays_of_every_known_year() -> None:
    for year in (2024, 2025, 2026):
        assert len(official_holidays(year)) >= 20
