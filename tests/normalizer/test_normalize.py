import hashlib
import math
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from normalizer.gazetteer import Gazetteer
from normalizer.inbound import Author, File, Inbound
from normalizer.message import MAX_TEXT, Intent, Kind, Message, Reporter
from normalizer.normalize import NO_DAY, NO_PLACE, SENT_LATER, Normalizer
from normalizer.report import Report, Status
from normalizer.tracking import compose, format_number
from tests.normalizer.conftest import ID, RECEIVED, REGIONS, TRACKING, Normalize

NUMBER = next(made for n in range(48_210_937_551, 48_210_938_551) if (made := compose(n)))


def test_an_sms_becomes_a_report(normalize: Normalize) -> None:
    said = "SAMARINDA jalan\u00a0rusak parah di kec. Sungai Pinang sejak kemarin 😡"
    report = normalize(said)
    assert report.id == ID
    assert report.tracking == TRACKING
    assert report.intent is Intent.REPORT
    assert report.kind is Kind.COMPLAINT
    assert report.language == "id"
    assert report.original == said
    assert report.text == said.replace("\u00a0", " ")
    assert report.title == report.text
    assert report.origin.model_dump() == {
        "channel": "sms", "account": "1708", "external_id": "SM1", "thread": (),
        "in_public": False, "sealed": {},
    }  # fmt: skip
    assert [(p.code, p.found_by) for p in report.places] == [
        ("64.72", "keyword"),
        ("64.72.08", "name"),
    ]
    assert report.occurred_on == date(2026, 5, 13)
    assert report.received_at == RECEIVED
    opened = Report.open(report)
    assert opened.status is Status.RECEIVED
    assert [(c.status, c.by, c.at) for c in opened.history] == [
        (Status.RECEIVED, "gateway", RECEIVED)
    ]


def test_a_mail_becomes_a_report(normalize: Normalize) -> None:
    report = normalize(
        "Yth. Bapak,\n\nair tidak mengalir sejak tiga hari.\n",
        channel="email",
        subject="Re: Air PDAM mati di Balikpapan",
        thread=("<a@example.org>",),
        sent_at=datetime(2026, 5, 13, 1, 0, tzinfo=UTC),
    )
    assert report.title == "Air PDAM mati di Balikpapan"
    assert report.places[0].code == "64.71"
    assert report.origin.thread == ("<a@example.org>",)
    assert report.sent_at == datetime(2026, 5, 13, 1, 0, tzinfo=UTC)


def test_what_is_relative_is_relative_to_when_it_was_sent(normalize: Normalize) -> None:
    report = normalize("kemarin banjir", sent_at=datetime(2026, 5, 1, 3, 0, tzinfo=UTC))
    assert report.occurred_on == date(2026, 4, 30)


@pytest.mark.parametrize("ahead", [timedelta(seconds=1), timedelta(hours=7), timedelta(days=400)])
def test_no_message_was_sent_after_it_came(normalize: Normalize, ahead: timedelta) -> None:
    report = normalize("banjir kemarin", sent_at=RECEIVED + ahead)
    assert report.sent_at == RECEIVED
    assert report.occurred_on == normalize("banjir kemarin", sent_at=RECEIVED).occurred_on
    assert (SENT_LATER in report.notes) == (ahead > timedelta(minutes=10))


def test_commands_marks_and_keywords_combine(normalize: Normalize) -> None:
    report = normalize("#lapor ANONIM RAHASIA ada pungli di kab. Tangerang")
    assert (report.anonymous, report.confidential) == (True, True)
    assert report.text == "ada pungli di kab. Tangerang"
    assert report.kind is Kind.SUPERVISED_COMPLAINT
    assert report.places[0].code == "36.03"


@pytest.mark.parametrize(
    ("said", "chosen", "kind"),
    [
        ("lampu jalan mati di Medan", Kind.ASPIRATION, Kind.ASPIRATION),
        ("mohon informasi syarat membuat KTP?", Kind.COMPLAINT, Kind.COMPLAINT),
        ("ada pungli di kab. Tangerang", Kind.COMPLAINT, Kind.SUPERVISED_COMPLAINT),
        ("ada pungli di kab. Tangerang", Kind.INFORMATION_REQUEST, Kind.INFORMATION_REQUEST),
        ("ada pungli di kab. Tangerang", None, Kind.SUPERVISED_COMPLAINT),
    ],
)
def test_a_chosen_kind_counts_but_only_words_tell_supervision(
    said: str, chosen: Kind | None, kind: Kind, normalize: Normalize
) -> None:
    assert normalize(said, kind=chosen).kind is kind


def test_the_keyword_decides_over_the_context(normalize: Normalize) -> None:
    report = normalize("TANGKAB jalan rusak", context="64.72")
    assert [(p.code, p.found_by) for p in report.places] == [("36.03", "keyword")]


def test_the_doors_region_is_the_context(normalize: Normalize) -> None:
    report = normalize("jalan rusak", context="64.72")
    assert [(p.code, p.found_by) for p in report.places] == [("64.72", "context")]


def test_every_way_to_name_an_earlier_report_is_kept(normalize: Normalize) -> None:
    others = [made for n in range(30_000_000_000, 30_000_000_009) if (made := compose(n))]
    report = normalize(
        f"soal laporan {format_number(NUMBER)} jalan masih rusak parah sekali",
        subject=f"Re: [Kanal {format_number(others[0])}]",
        token=others[1],
    )
    assert report.refers_to == (others[1], others[0], NUMBER)


def test_a_token_that_is_no_tracking_number_is_ignored(normalize: Normalize) -> None:
    assert normalize("jalan rusak", token="halo").refers_to == ()


@pytest.mark.parametrize(
    ("text", "subject", "intent"),
    [
        (f"STATUS {NUMBER}", None, Intent.STATUS),
        ("", f"STATUS {format_number(NUMBER)}", Intent.STATUS),
        ("Terkirim dari iPhone", f"status {format_number(NUMBER)}", Intent.STATUS),
        ("", "bantuan", Intent.HELP),
        ("halo", None, Intent.GREETING),
        ("jalan di depan rumah rusak", "status", Intent.REPORT),
        ("", "", Intent.REPORT),
    ],
)
def test_intent(text: str, subject: str | None, intent: Intent, normalize: Normalize) -> None:
    assert normalize(text, subject=subject).intent is intent


def test_a_photo_without_words_is_a_report(normalize: Normalize) -> None:
    content = b"\xff\xd8\xff\xe0 jpeg"
    report = normalize("", files=(File("../a/foto\n.jpg", "image/JPEG", content=content),))
    assert report.intent is Intent.REPORT
    assert (report.title, report.text) == ("(tanpa teks)", "")
    (file,) = report.attachments
    assert file.name == "foto .jpg"
    assert file.media_type == "image/jpeg"
    assert file.size == len(content)
    assert file.sha256 == hashlib.sha256(content).hexdigest()


def test_a_photo_with_a_greeting_is_a_report(normalize: Normalize) -> None:
    photo = File("a.jpg", "image/jpeg", url="https://media.example/a")
    report = normalize("selamat pagi", files=(photo,))
    assert report.intent is Intent.REPORT
    assert report.attachments[0].url == "https://media.example/a"
    assert report.attachments[0].sha256 is None


@pytest.mark.parametrize(
    "location",
    [
        (91.0, 0.0),
        (0.0, 181.0),
        (math.nan, 0.0),
        (math.inf, 0.0),
        (0.0, 0.0),  # a phone that knows no place
        (117.15, -0.5),  # the wrong way round
        (37.42, -122.08),
        (-33.87, 151.21),
    ],
)
def test_a_point_that_no_report_is_about_is_none_and_noted(
    location: tuple[float, float], normalize: Normalize
) -> None:
    read = normalize("jalan rusak", location=location)
    assert (read.coordinates, read.notes) == (None, (NO_PLACE,))
    assert normalize("jalan rusak", location=None).notes == ()


@pytest.mark.parametrize(
    "location", [(5.9, 95.2), (-11.0, 122.9), (-8.5, 141.0), (5.55, 126.6), (0.0, 110.0)]
)
def test_the_ends_of_the_country_are_in_it(
    location: tuple[float, float], normalize: Normalize
) -> None:
    assert normalize("jalan rusak", location=location).coordinates is not None


def test_a_point_is_kept(normalize: Normalize) -> None:
    point = normalize("jalan rusak", location=(-0.5, 117)).coordinates
    assert point is not None
    assert (point.latitude, point.longitude) == (-0.5, 117.0)


def test_a_chosen_day_that_is_still_to_come_is_none_and_noted(normalize: Normalize) -> None:
    read = normalize("jalan rusak kemarin", occurred_on=date(2999, 1, 1))
    assert read.notes == (NO_DAY,)
    assert read.occurred_on == normalize("jalan rusak kemarin").occurred_on
    past = normalize("jalan rusak kemarin", occurred_on=date(2020, 1, 1))
    assert (past.occurred_on, past.notes) == (date(2020, 1, 1), ())


def test_a_time_without_its_zone_is_not_guessed(normalize: Normalize) -> None:
    naive = datetime(2026, 5, 1)  # noqa: DTZ001
    assert normalize("jalan rusak", sent_at=naive).sent_at is None


def test_a_million_characters_are_cut_quickly(normalize: Normalize) -> None:
    report = normalize("jalan rusak di Samarinda \ud800😀 " * 40_000)
    assert len(report.text) <= MAX_TEXT
    assert len(report.original) == MAX_TEXT
    assert report.places[0].code == "64.72"


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "piece",
    ["anonim....", "anonim.", ".", "1-", "12/05/", "mohon ", "identitas saya ", "kab ", "lapor:",
     "kota administrasi ", "Re: ", "[anonim", "\n.", "laporan ini mohon ", "4821 ", "ð", "<!-- "],
)  # fmt: skip
def test_no_repetition_takes_long_to_read(piece: str, normalize: Normalize) -> None:
    for text in (piece * 20_000, f"anonim{piece * 20_000}x", f"{piece * 20_000}anonim"):
        assert normalize(text, subject=text).text


_text = st.text(st.characters(codec=None, exclude_categories=()), max_size=300) | st.text(
    st.sampled_from("ANONIM RAHASIA LAPOR status kab kota 12/05-26.,#[]()\0\ud800\n\u202e é"),
    max_size=200,
)
_files = st.builds(File, _text, _text, st.none() | st.binary(max_size=20), st.none() | _text)
_inbounds = st.builds(
    Inbound,
    channel=_text,
    account=_text,
    external_id=_text,
    sender=st.builds(Author, _text, st.none() | _text),
    text=_text,
    raw=st.binary(max_size=5),
    subject=st.none() | _text,
    files=st.lists(_files, max_size=3).map(tuple),
    location=st.none() | st.tuples(st.floats(), st.floats()),
    sent_at=st.none() | st.datetimes() | st.datetimes(timezones=st.just(UTC)),
    thread=st.lists(_text, max_size=3).map(tuple),
    token=st.none() | _text,
)
_READER = Normalizer(Gazetteer.load(REGIONS))


@settings(max_examples=300, deadline=None)
@given(_inbounds)
def test_whatever_comes_becomes_a_report_that_survives_the_queue(inbound: Inbound) -> None:
    report = _READER.normalize(
        inbound,
        id=ID,
        tracking=TRACKING,
        received_at=RECEIVED,
        reporter=Reporter(ref="r", sealed="s"),
    )
    assert Message.model_validate_json(report.model_dump_json()) == report
    assert "\\u0000" not in report.model_dump_json()
