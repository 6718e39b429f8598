"""From points to probability: a rising line through measured points."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.calibration import AS_SAID, Curve, wrong_with

MEASURED = ((0.0, 0.0), (0.5, 0.6), (1.0, 0.9))


@pytest.mark.parametrize(
    ("said", "right"),
    [(0.0, 0.0), (0.25, 0.3), (0.5, 0.6), (0.75, 0.75), (1.0, 0.9), (-1.0, 0.0), (7.0, 0.9)],
)
def test_between_two_points_it_runs_straight_and_beyond_them_it_stands(
    said: float, right: float
) -> None:
    assert Curve(MEASURED)(said) == pytest.approx(right)


@given(st.floats(0, 1), st.floats(0, 1))
def test_who_is_surer_is_never_less_probable(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert Curve(MEASURED)(low) <= Curve(MEASURED)(high)
    assert Curve()(low) == pytest.approx(low)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (AS_SAID, ""),
        (MEASURED, ""),
        ((), "from 0 to 1"),
        (((0.0, 0.0),), "from 0 to 1"),
        (((0.1, 0.0), (1.0, 1.0)), "from 0 to 1"),
        (((0.0, 0.0), (1.0, 1.2)), "between 0 and 1"),
        (((0.0, 0.5), (1.0, 0.2)), "rise"),
        (((0.0, 0.0), (0.0, 0.5), (1.0, 1.0)), "rise"),
    ],
)
def test_a_table_that_is_no_curve_is_a_fault(
    points: tuple[tuple[float, float], ...], message: str
) -> None:
    found = wrong_with(points)
    assert message in found
    assert bool(found) == bool(message)
