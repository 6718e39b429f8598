from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer.when import OLDEST, WIB, occurred_on

EARLY = datetime(2020, 1, 1)  # noqa: DTZ001 - hypothesis adds the zone
LATE = datetime(2100, 1, 1)  # noqa: DTZ001
THURSDAY = datetime(2026, 5, 14, 10, 0, tzinfo=WIB)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("lampu mati hari ini", date(2026, 5, 14)),
        ("tadi pagi ada kecelakaan", date(2026, 5, 14)),
        ("banjir sekarang", date(2026, 5, 14)),
        ("barusan pohon tumbang", date(2026, 5, 14)),
        ("tadi malam lampu padam", date(2026, 5, 13)),
        ("semalam lampu padam", date(2026, 5, 13)),
        ("kemarin air mati", date(2026, 5, 13)),
        ("dari kmrn air mati", date(2026, 5, 13)),
        ("sejak kemaren sore", date(2026, 5, 13)),
        ("kemarin lusa air mati", date(2026, 5, 12)),
        ("3 hari yang lalu", date(2026, 5, 11)),
        ("3 hari lalu", date(2026, 5, 11)),
        ("dua hari yg lalu", date(2026, 5, 12)),
        ("sehari lalu", date(2026, 5, 13)),
        ("seminggu yang lalu", date(2026, 5, 7)),
        ("2 mgg yg lalu", date(2026, 4, 30)),
        ("hari senin lalu petugas datang", date(2026, 5, 11)),
        ("senin kemarin", date(2026, 5, 11)),
        ("kamis lalu", date(2026, 5, 7)),
        ("hari minggu lalu", date(2026, 5, 10)),
        ("pada tanggal 12 Mei 2026 jam 10", date(2026, 5, 12)),
        ("tgl 12 mei jalan ditutup", date(2026, 5, 12)),
        ("12 Desember lalu", date(2025, 12, 12)),
        ("1 agustus 2025", date(2025, 8, 1)),
        ("tgl 12 kemarin petugas datang", date(2026, 5, 12)),
        ("tgl 20 petugas datang", date(2026, 4, 20)),
        ("12/05/2026", date(2026, 5, 12)),
        ("12-5-26", date(2026, 5, 12)),
        ("12.05.2026 pukul 08.00", date(2026, 5, 12)),
        ("2026-05-12", date(2026, 5, 12)),
        ("kemarin, 10/05/2026, air mati", date(2026, 5, 10)),
        ("the light went out yesterday", date(2026, 5, 13)),
    ],
)
def test_the_day_is_understood(text: str, day: date) -> None:
    assert occurred_on(text, THURSDAY) == day


@pytest.mark.parametrize(
    "text",
    [
        "", "jalan rusak", "besok ada acara", "12/05/2027", "20 Mei 2026", "31/02/2026",
        "99/99/2026", "32 mei 2026", "12 mei 1998", "lahir 12-05-1971", "RT 05/08 RW 03/02",
        "nomor 12/05/2026", "jl. Pahlawan no. 12/05/26", "081234567890", "ip 10.10.10.10",
        "setiap hari senin macet", "minggu lalu", "900 minggu yang lalu", "tgl 45", "1/2/3/4/2026",
    ],
)  # fmt: skip
def test_no_day_is_invented(text: str) -> None:
    assert occurred_on(text, THURSDAY) is None


def test_the_day_is_jakartas() -> None:
    before_midnight_utc = datetime(2026, 5, 13, 20, 0, tzinfo=UTC)
    assert occurred_on("tadi pagi", before_midnight_utc) == date(2026, 5, 14)
    assert occurred_on("tadi pagi", THURSDAY.astimezone(timezone(timedelta(hours=-8)))) == date(
        2026, 5, 14
    )


def test_late_at_night_the_night_is_this_one() -> None:
    assert occurred_on("tadi malam", THURSDAY.replace(hour=23)) == date(2026, 5, 14)


@given(
    st.text() | st.from_regex(r"(tgl )?\d{1,4}[-/. ]\w{1,9}[-/. ]?\d{0,4}( lalu)?"),
    st.datetimes(EARLY, LATE, timezones=st.just(UTC)),
)
def test_a_day_is_never_in_the_future_nor_absurdly_old(text: str, said_at: datetime) -> None:
    day = occurred_on(text, said_at)
    today = said_at.astimezone(WIB).date()
    assert day is None or today - OLDEST <= day <= today
