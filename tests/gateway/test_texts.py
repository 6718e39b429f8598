"""What citizens are told: every text there is can be filled in, and every fault is found."""

import pytest

from config.settings import read_toml
from gateway.components import REPLIES
from gateway.outbound.texts import KEYS, Texts, choices, faults, match_option

GOOD = {key: "".join(f"{{{name}}}" for name in sorted(names)) for key, names in KEYS.items()}
GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà{}[]~\\|^€"
)
FIELDS = {
    "nomor": "1234-5678-9018",
    "telepon": "119 ext 8 / 112",
    "lama": "4821-0937-5514",
    "instansi": "Dinas Perhubungan Kota Surabaya",
    "status": "Diteruskan",
    "pilihan": "Kota Bandung / Kabupaten Bandung",
    "jenis": "kekerasan dalam rumah tangga",
    "tempat": "Kec. Kuta Alam, Kota Banda Aceh",
    "menit": "59",
    "kode": "4821",
    "jumlah": "12",
    "daftar": "4821, 1708, 9018",
    "alasan": "Bukan laporan.",
    "alamat": "https://lapor.contohkab.go.id/privasi",
    "teks": "Terima kasih, regu kami turun besok.",
}


@pytest.mark.parametrize("language", ["id", "en"])
def test_the_texts_that_are_shipped_have_no_fault(language: str) -> None:
    assert faults(read_toml(REPLIES / f"{language}.toml")) == []


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("key", KEYS)
def test_every_text_fills_in_and_fits_plain_sms_letters(language: str, key: str) -> None:
    texts = Texts({language: read_toml(REPLIES / f"{language}.toml"), "id": GOOD})
    said = texts.say(key, language, **FIELDS)
    assert set(said) <= GSM, set(said) - GSM
    assert "{" not in said
    for name in KEYS[key] & {"nomor"}:
        assert FIELDS[name] in said, f"{key} does not name the report"


@pytest.mark.parametrize("language", ["id", "en"])
def test_an_alert_fits_one_sms(language: str) -> None:
    texts = Texts({language: read_toml(REPLIES / f"{language}.toml"), "id": GOOD})
    for key in ("alert", "alert_many", "alert_taken", "alert_none", "alert_not_filed"):
        assert len(texts.say(key, language, **FIELDS)) <= 160, key


def test_a_language_without_texts_gets_indonesian() -> None:
    texts = Texts({"id": {"help": "Tulis"}, "en": {"help": "Write"}})
    assert [texts.say("help", language) for language in ("id", "en", "und", "jv")] == [
        "Tulis",
        "Write",
        "Tulis",
        "Tulis",
    ]


def test_a_citizens_braces_stay_as_they_are() -> None:
    texts = Texts({"id": {"answer": "{teks}"}})
    assert texts.say("answer", "id", teks="{nomor} {0} {") == "{nomor} {0} {"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"help": None}, ("help", "missing")),
        ({"halp": "x"}, ("halp", "no such text")),
        ({"help": "{nomor}"}, ("help", "{nomor}")),
        ({"status": "{teks}"}, ("status", "{teks}")),
        ({"help": "{"}, ("help", "brace")),
        ({"help": "x}"}, ("help", "brace")),
        ({"help": "{0}"}, ("help", "{0}")),
        ({"help": "{}"}, ("help", "{}")),
        ({"help": 7}, ("help", "quotes")),
    ],
)
def test_every_fault_is_named_with_its_text(
    changes: dict[str, object], fault: tuple[str, str]
) -> None:
    texts = {key: text for key, text in (GOOD | changes).items() if text is not None}
    ((key, said),) = faults(texts)
    assert key == fault[0]
    assert fault[1] in said


def test_all_faults_are_found_at_once() -> None:
    assert {key for key, _ in faults({})} == set(KEYS)


@pytest.mark.parametrize(
    ("options", "reply", "picked"),
    [
        (("Kota Bandung", "Kabupaten Bandung"), "2", "Kabupaten Bandung"),
        (("Kota Bandung", "Kabupaten Bandung"), "nomor 1 pak", "Kota Bandung"),
        (("Kota Bandung", "Kabupaten Bandung"), "(2)", "Kabupaten Bandung"),
        (("Kota Bandung", "Kabupaten Bandung"), "3", None),
        (("Kota Bandung", "Kabupaten Bandung"), "ya", None),
        (("Kota Bandung", "Kabupaten Bandung"), "di rt 2 rw 1 desa cibiru", None),
        (("Kota Samarinda",), "ya", "Kota Samarinda"),
        (("Kota Samarinda",), "Iya betul", "Kota Samarinda"),
        (("Kota Samarinda",), "bukan, di bontang", None),
        (("Kota Batu", "Kota Malang"), "kota malang", "Kota Malang"),
        ((), "1", None),
    ],
)
def test_a_short_reply_picks_one_of_the_answers_offered(
    options: tuple[str, ...], reply: str, picked: str | None
) -> None:
    assert match_option(options, reply) == picked


def test_one_answer_is_offered_as_it_is_and_several_numbered() -> None:
    assert choices(("Kota Samarinda",)) == "Kota Samarinda"
    assert choices(("Kota Batu", "Kota Malang")) == "(1) Kota Batu (2) Kota Malang"
