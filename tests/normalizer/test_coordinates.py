"""Coordinates of well-known spots against the government they lie under."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer.coordinates import Point, Points, distance
from normalizer.gazetteer import POINTS, Gazetteer
from tests.normalizer.conftest import REGIONS

KNOWN = Points.load(REGIONS / POINTS)

SPOTS = (
    ("Banda Aceh, the great mosque", 5.5536, 95.3172, "11.71"),
    ("Lhokseumawe", 5.1801, 97.1507, "11.73"),
    ("Langsa", 4.4683, 97.9683, "11.74"),
    ("Medan, Merdeka square", 3.5909, 98.6786, "12.71"),
    ("Kualanamu airport", 3.6422, 98.8853, "12.07"),
    ("Padang", -0.9493, 100.3543, "13.71"),
    ("Bukittinggi, Jam Gadang", -0.3052, 100.3694, "13.75"),
    ("Pekanbaru", 0.5071, 101.4478, "14.71"),
    ("Batam, Nagoya", 1.1456, 104.0117, "21.71"),
    ("Tanjungpinang", 0.9186, 104.4495, "21.72"),
    ("Jambi", -1.6101, 103.6131, "15.71"),
    ("Palembang, Ampera bridge", -2.9918, 104.7634, "16.71"),
    ("Bengkulu", -3.7928, 102.2608, "17.71"),
    ("Bandar Lampung", -5.4292, 105.2610, "18.71"),
    ("Pangkalpinang", -2.1316, 106.1169, "19.71"),
    ("Jakarta, Monas", -6.1754, 106.8272, "31.71"),
    ("Jakarta, Ancol", -6.1256, 106.8330, "31.72"),
    ("Jakarta, old town", -6.1352, 106.8133, "31.73"),
    ("Jakarta, Blok M", -6.2443, 106.7981, "31.74"),
    ("Jakarta, Taman Mini", -6.3025, 106.8951, "31.75"),
    ("Soekarno-Hatta airport", -6.1256, 106.6559, "36.71"),
    ("Serpong", -6.3017, 106.6519, "36.74"),
    ("Serang", -6.1200, 106.1503, "36.73"),
    ("Depok, the university", -6.3628, 106.8270, "32.76"),
    ("Bekasi", -6.2349, 106.9923, "32.75"),
    ("Bogor, the botanical garden", -6.5976, 106.7996, "32.71"),
    ("Cibinong", -6.4817, 106.8540, "32.01"),
    ("Bandung, Gedung Sate", -6.9025, 107.6188, "32.73"),
    ("Cimahi", -6.8722, 107.5425, "32.77"),
    ("Semarang, Simpang Lima", -6.9904, 110.4229, "33.74"),
    ("Solo, the palace", -7.5775, 110.8279, "33.72"),
    ("Borobudur", -7.6079, 110.2038, "33.08"),
    ("Yogyakarta, Malioboro", -7.7926, 110.3658, "34.71"),
    ("Surabaya, ITS", -7.2819, 112.7950, "35.78"),
    ("Juanda airport", -7.3798, 112.7868, "35.15"),
    ("Malang", -7.9827, 112.6308, "35.73"),
    ("Batu", -7.8712, 112.5269, "35.79"),
    ("Denpasar, Renon", -8.6705, 115.2331, "51.71"),
    ("Kuta beach", -8.7180, 115.1690, "51.03"),
    ("Mataram", -8.5833, 116.1167, "52.71"),
    ("Kupang", -10.1772, 123.6070, "53.71"),
    ("Pontianak", -0.0263, 109.3425, "61.71"),
    ("Pangkalan Bun", -2.6833, 111.6167, "62.01"),
    ("Palangka Raya", -2.2088, 113.9166, "62.71"),
    ("Banjarmasin", -3.3199, 114.5908, "63.71"),
    ("Samarinda", -0.5022, 117.1161, "64.72"),
    ("Tenggarong", -0.4140, 116.9860, "64.02"),
    ("Tarakan", 3.3000, 117.6333, "65.71"),
    ("Manado", 1.4748, 124.8421, "71.71"),
    ("Palu", -0.8917, 119.8707, "72.71"),
    ("Makassar, Losari", -5.1436, 119.4073, "73.71"),
    ("Kendari", -3.9985, 122.5129, "74.71"),
    ("Gorontalo", 0.5435, 123.0568, "75.71"),
    ("Mamuju", -2.6748, 118.8885, "76.02"),
    ("Ambon", -3.6954, 128.1814, "81.71"),
    ("Ternate", 0.7893, 127.3775, "82.71"),
    ("Jayapura", -2.5330, 140.7170, "91.71"),
    ("Manokwari", -0.8615, 134.0620, "92.02"),
    ("Merauke", -8.4932, 140.4018, "93.01"),
    ("Timika", -4.5467, 136.8833, "94.04"),
    ("Wamena", -4.0950, 138.9400, "95.01"),
    ("Sorong", -0.8761, 131.2558, "96.71"),
)


@pytest.mark.parametrize(("latitude", "longitude", "code"), [spot[1:] for spot in SPOTS])
def test_a_known_spot(latitude: float, longitude: float, code: str) -> None:
    near = KNOWN.nearest(latitude, longitude)
    assert near
    assert near.code == code


@pytest.mark.parametrize(
    ("latitude", "longitude"), [(-10.5, 95.0), (0.0, 0.0), (52.5, 13.4), (90.0, 180.0), (-90, -180)]
)
def test_far_from_all_there_is_no_government(latitude: float, longitude: float) -> None:
    assert KNOWN.nearest(latitude, longitude) is None


def test_nine_in_ten_known_places_are_found_without_themselves() -> None:
    points = [point for cell in KNOWN.cells.values() for point in cell][::20]
    right = sum(_without(point) == point.code for point in points)
    assert right / len(points) > 0.9


def _without(point: Point) -> str | None:
    cell = next(cell for cell in KNOWN.cells.values() if point in cell)
    cell.remove(point)
    try:
        near = KNOWN.nearest(point.latitude, point.longitude)
        return near.code if near else None
    finally:
        cell.append(point)


def test_between_two_places_neither_is_sure() -> None:
    points = Points.of([Point(-7.0, 112.0, "35.01"), Point(-7.0, 112.2, "35.02")])
    middle, beside = points.nearest(-7.0, 112.1), points.nearest(-7.0, 112.01)
    assert middle
    assert beside
    assert middle.confidence < 0.6 < 0.9 < beside.confidence


def test_a_city_reaches_beyond_its_middle() -> None:
    points = Points.of([Point(-7.0, 112.0, "35.78", 9.0), Point(-7.0, 112.12, "35.15")])
    near = points.nearest(-7.0, 112.07)
    assert near
    assert near.code == "35.78"


def test_distance_in_kilometres() -> None:
    assert distance(-6.1754, 106.8272, -6.2443, 106.7981) == pytest.approx(8.3, abs=0.3)


def test_every_regency_and_city_has_a_point(gazetteer: Gazetteer) -> None:
    known = {point.code for cell in KNOWN.cells.values() for point in cell}
    assert known == {code for code in gazetteer.by_code if len(code) == 5}


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_any_point_is_answered(latitude: float, longitude: float) -> None:
    near = KNOWN.nearest(latitude, longitude)
    assert near is None or 0 < near.confidence <= 0.97
