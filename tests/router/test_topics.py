import csv
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.phrases import Book, PhraseIndex, Rivals
from router.topics import Topics, TopicsFile
from router.words import Lexicon, stem
from tests.router.making import router, shipped

topics = router().topics
FILE = TopicsFile.model_validate(dict(shipped().topics.values))


def test_digits_for_letters_are_quoted_as_they_were_written() -> None:
    reading = topics.lexicon.read("di gang 3, j4l4n rus4k rt03")
    assert reading.words == topics.lexicon.read("di gang 3, jalan rusak rt03").words
    assert reading.quote(3, 4) == "j4l4n rus4k"


def test_the_words_of_phrases_that_have_digits_are_read_as_they_are() -> None:
    said = [word for word in topics.lexicon._said if any(map(str.isdigit, word))]
    assert len(said) > 20
    assert [w for w in said if topics.lexicon.read(w).words != [w]] == []


COMPLAINTS = Path(__file__).parents[3] / "shared/data/surabaya_complaints_dev.csv"


def ranked(text: str) -> list[str]:
    return [match.topic.id for match in topics.rank(topics.lexicon.read(text))]


@pytest.mark.parametrize(
    ("text", "best"),
    [
        ("bpjs ketenagakerjaan", "bpjs-ketenagakerjaan"),
        ("bpjs", "bpjs-kesehatan"),
        ("mati lampu", "listrik"),
        ("lampu di jalan itu mati", "lampu-jalan"),
        ("JALANNYA RUSAAAAAK", "jalan-rusak"),
        ("jalan2 rusak", "jalan-rusak"),
        ("j4l4n rus4k", "jalan-rusak"),
        ("J4LAN RU5AK", "jalan-rusak"),
        ("l4mpu j4l4n m4ti", "lampu-jalan"),
        ("s4mp4h menumpuk", "sampah"),
        ("jalan\nyang\tsangat   rusak", "jalan-rusak"),
        # one affair, many tongues
        ("dalan bolong peteng pisan", "jalan-rusak"),
        ("banyu pdam ora mili", "air-minum"),
        ("cai leding teu ngocor", "air-minum"),
        ("aia pdam indak iduik", "air-minum"),
        ("runtah numpuk di gang, bau", "sampah"),
        ("lampu jalang su mati", "lampu-jalan"),
        ("got mampet, comberan meluap", "drainase-banjir"),
        ("omah kobong", "kebakaran"),
        ("pupuk larang tur langka", "pupuk"),
        ("listrik pajah tarus", "listrik"),
        ("torang pe kampung nyanda ada sinyal", "sinyal-internet"),
        ("wali nagari indak transparan soal dana nagari", "dana-desa"),
        ("keuchik kamoe korupsi dana gampong", "dana-desa"),
        ("matilampu lagi", "listrik"),
        ("urus ektp ditunda terus", "administrasi-kependudukan"),
        ("@pdamtirtasari kumaha ieu teu ngocor", "air-minum"),
        ("potholes everywhere on the main road", "jalan-rusak"),
        # what stands beside it is not what it is about
        ("sampah menumpuk di depan puskesmas", "sampah"),
        ("jalan berlubang dekat pasar", "jalan-rusak"),
        ("lampu jalan padam di samping polsek", "lampu-jalan"),
        ("pohon tumbang di jalan kasuari", "taman-pohon"),
        ("pipa bocor di depan sekolah, air terbuang", "air-minum"),
        ("saya guru, mbg di sekolah kami basi", "makan-bergizi"),
        # thanks and pleas say nothing
        ("mohon bantuannya, selokan mampet", "drainase-banjir"),
        ("bukan masalah sampah, tapi selokan mampet", "drainase-banjir"),
        # an address is no matter
        ("pju mati di jl kenanga gang 3 rt 02 rw 05", "lampu-jalan"),
        ("sampah di blok c gang 3 belum diangkut seminggu", "sampah"),
        ("lampu merah dekat gerbang tol tidak nyala", "lalu-lintas"),
        # nor is a neighbour, a village, or the office that sent them away
        ("tetangga saya dihajar suaminya tiap malam", "perempuan-anak"),
        ("kerja bakti sudah, tapi sungai tetap dangkal minta dikeruk", "sungai"),
        ("jalan desa sudah tiga tahun berlubang, kepala desa diam", "jalan-rusak"),
        ("pbb desa kami naik dua kali lipat", "pajak-daerah"),
        ("keuchik hana di kantor, awak butuh tanda tangan", "pelayanan-kelurahan"),
        ("sudah ke kantor camat tiga kali, kk baru belum jadi", "administrasi-kependudukan"),
        ("sekolah minta akta lahir, bagaimana cara buatnya", "akta-catatan-sipil"),
        # the damage, not its cause; the thing, not what it is like
        ("aspal hancur karena tiap hari dilalui truk tronton", "jalan-rusak"),
        ("longsor kemarin memutus jalan kabupaten", "jalan-rusak"),
        ("jalan seperti sawah, tiap hujan motor jatuh", "jalan-rusak"),
        ("jalanan kami mirip kolam ikan, kapan diaspal", "jalan-rusak"),
        # pollution is more than "limbah"
        ("kali di samping rumah berbusa putih", "pencemaran"),
        ("tukang rongsok bakar kabel, asap hitam", "pencemaran"),
        # what a person in office does wrong, before which office it is
        ("oknum kelurahan minta uang untuk surat tanah", "korupsi-pungli"),
        ("bayar bphtb ditolak terus, jual beli tanah tertunda", "pajak-daerah"),
        # the street without its usual words
        ("pasar tumpah tiap subuh bikin jalan macet", "ketertiban"),
        ("gerobak bakso mangkal di trotoar depan stasiun", "ketertiban"),
        ("kena tipu online dua juta", "penipuan-online"),
    ],
)
def test_the_longer_phrase_and_the_plain_word_are_told_apart(text: str, best: str) -> None:
    assert ranked(text)[0] == best


@pytest.mark.parametrize("text", ["", "   ", "🙏🙏", "?!", "terima kasih banyak", "a" * 50_000])
def test_nothing_known_claims_nothing(text: str) -> None:
    assert ranked(text) == []


@pytest.mark.parametrize(
    ("text", "level", "agency"),
    [
        ("pungutan di SD kami", "regency", "dinas-pendidikan"),
        ("pungutan uang komite SMA", "province", "dinas-pendidikan"),
        ("jalan kabupaten rusak", "regency", "dinas-pu"),
        ("jalan provinsi rusak", "province", "dinas-pu"),
        ("jalan nasional rusak", "national", "kementerian-pu"),
        ("gerbang tol antri, tarif tol naik", "national", "bpjt"),
        ("dana desa dikorupsi kades", "regency", "inspektorat"),
        ("kapan dana desa dibahas", "regency", "dpmd"),
        ("kebakaran lahan di belakang kampung", "regency", "bpbd"),
        ("kebakaran hutan lindung", "province", "dinas-kehutanan"),
        ("rumah terbakar", "regency", "damkar"),
        ("tambang pasir merusak sungai", "province", "dinas-esdm"),
        ("izin tambang batu bara bermasalah", "national", "kementerian-esdm"),
        ("kantor kelurahan tutup jam 10", "village", "kelurahan-desa"),
        ("ketua RT pungut iuran", "village", "kelurahan-desa"),
        ("pegawai kecamatan tidak ramah", "district", "kecamatan"),
        ("upah di bawah umk", "province", "dinas-tenaga-kerja"),
        ("cari lowongan kerja, kartu kuning", "regency", "dinas-tenaga-kerja"),
        ("pajak motor di samsat", "province", "bapenda"),
        ("SPPT PBB salah luas", "regency", "bapenda"),
        ("pemilu: politik uang", "national", "bawaslu"),
        ("nama hilang dari daftar pemilih", "national", "kpu"),
        ("perundungan di pesantren", "national", "kementerian-agama"),
        ("nelayan resah kapal pukat", "province", "dinas-kelautan-perikanan"),
        ("bantuan banjir, butuh perahu dan evakuasi", "regency", "bpbd"),
        ("banjir tiap tahun, sampai naik perahu, minta pompa", "regency", "dinas-pu"),
        (
            "anjing liar gigit anak, sudah ke puskesmas, tolong ditangkap",
            "regency",
            "dinas-pertanian",
        ),
        ("penipuan online, uang saya sudah ditransfer", "national", "polri"),
    ],
)
def test_the_level_and_agency_follow_the_words(text: str, level: str, agency: str) -> None:
    reading = topics.lexicon.read(text)
    row, _ = topics.competence(topics.rank(reading)[0].topic.id, reading)
    assert (row.level, row.agency) == (level, agency)


def test_a_body_that_may_also_act_is_neither_the_rule_nor_chosen_by_words() -> None:
    for id, topic in topics.rows.items():
        also = [row for row in topic.competence if row.also]
        assert all(not row.when for row in also)
        assert topics.competence(id, topics.lexicon.read(""))[0] not in also


def test_the_taxonomy_hangs_in_lapors_tree() -> None:
    assert len(FILE.groups) == 25
    assert 100 <= len(topics.rows) <= 200
    assert {row.group for row in topics.rows.values()} == set(FILE.groups)


def test_every_competence_row_names_its_law() -> None:
    rows = [row for topic in topics.rows.values() for row in topic.competence]
    assert all(row.basis for row in rows)
    assert any(row.verified for row in rows)


@pytest.mark.parametrize("table", ["slang", "groups", "scope", "urgency", "topics"])
def test_the_tables_are_sorted(table: str) -> None:
    assert list(getattr(FILE, table)) == sorted(getattr(FILE, table))


def test_the_phrases_are_sorted() -> None:
    for row in topics.rows.values():
        lists = [row.phrases.sure, row.phrases.likely, row.phrases.hint]
        assert all(list(each) == sorted(each) for each in lists + [c.when for c in row.competence])


def test_what_is_said_late_counts_less() -> None:
    late = topics.rank(topics.lexicon.read("begini ceritanya " * 20 + "sampah"))[0]
    assert late.topic.id == "sampah"
    assert late.topic.confidence < topics.rank(topics.lexicon.read("sampah"))[0].topic.confidence


def test_a_wrong_file_names_every_fault() -> None:
    values = {
        "slang": {},
        "groups": {"a": {"name": "A"}},
        "scope": {"s": {"name": "S", "phrases": {"sure": ["dua kata .. tiga"]}}},
        "urgency": {"u": {"name": "U", "phrases": ["?!"]}},
        "topics": {
            "t": {
                "name": "T",
                "group": "b",
                "phrases": {"sure": ["satu dua tiga empat lima enam"]},
                "competence": [{"level": "regency", "agency": "dinas-sihir", "when": ["x"]}],
            }
        },
    }
    files = replace(shipped(), topics=replace(shipped().topics, values=values), overrides={})
    _, faults = Topics.check(files, router().register)
    assert {fault.keys for fault in faults} == {
        ("topics", "t", "group"),
        ("topics", "t", "phrases", "sure"),
        ("topics", "t", "competence"),
        ("topics", "t", "competence", "0", "agency"),
        ("scope", "s", "sure"),
        ("urgency", "u", "phrases"),
    }


def test_words_too_far_apart_are_no_pair() -> None:
    assert "jalan-rusak" in ranked("jalan rusak")[:1]
    far = topics.rank(topics.lexicon.read("jalan a b c d e f g h i j rusak"))
    assert all(match.topic.confidence < 0.5 for match in far)


@pytest.mark.parametrize(
    ("first", "second"), [("imigrasi", "perpustakaan"), ("perpustakaan", "imigrasi")]
)
def test_of_two_matters_the_one_said_first_leads(first: str, second: str) -> None:
    assert ranked(f"{first} dan {second}")[:2] == [first, second]


def test_saying_it_more_makes_it_no_surer_than_the_scale_allows() -> None:
    once = topics.rank(topics.lexicon.read("sampah"))[0].topic.confidence
    often = topics.rank(topics.lexicon.read("sampah " * 50))[0].topic.confidence
    more = topics.rank(topics.lexicon.read("sampah menumpuk tidak diangkut"))[0].topic.confidence
    assert once == often < more < 1


def test_every_topic_is_found_by_each_of_its_sure_phrases() -> None:
    missed = [
        (id, phrase)
        for id, row in topics.rows.items()
        for phrase in row.phrases.sure
        if id not in ranked(phrase.replace("..", " "))
    ]
    assert missed == []


def test_slang_leads_to_words_and_never_in_circles() -> None:
    lexicon = Lexicon({"jln": "jalan", "sy": "saya sendiri"})
    assert lexicon.phrase("jlnnya SY") == "jalan saya sendiri"
    assert lexicon.read("jln sy").quote(1, 2) == "sy"


@pytest.mark.parametrize(
    ("text", "first", "last", "said"),
    [
        ("perkotaan, kota: KOTA!", 1, 2, "kota: KOTA"),
        ("sy-sy, sya sy", 0, 1, "sy"),
        ("sy-sy, sya sy", 4, 4, "sya"),
        ("sy-sy, sya sy", 5, 6, "sy"),
    ],
)
def test_what_is_said_is_found_where_it_stands(text: str, first: int, last: int, said: str) -> None:
    reading = Lexicon({"sy": "saya sendiri"}).read(text)
    assert reading.quote(first, last) == said


@pytest.mark.parametrize(
    ("word", "root"),
    [("jalannya", "jalan"), ("dilaporkan", "lapor"), ("dinas", "dinas"), ("jalan2", "jalan"),
     ("ikan", "ikan"), ("bukankah", "bukan"), ("punya", "punya"), ("22", "22")],
)  # fmt: skip
def test_endings_come_off_only_where_a_word_is_left(word: str, root: str) -> None:
    assert stem(word) == root


@given(st.text(max_size=200))
def test_what_is_said_is_in_the_text(text: str) -> None:
    reading = topics.lexicon.read(text)
    for index in range(len(reading.words)):
        assert reading.quote(index, index) in text


@pytest.mark.skipif(not COMPLAINTS.exists(), reason="the evaluation data is not on this machine")
def test_real_complaints_mostly_say_something_known(capsys: pytest.CaptureFixture[str]) -> None:
    """A floor, not a target: nothing here was fitted to these rows."""
    with COMPLAINTS.open(encoding="utf-8", newline="") as lines:
        texts = [row["text"] for row in csv.DictReader(lines)][-1000:]
    known = sum(
        bool(found) and found[0].topic.confidence >= 0.45
        for found in (topics.rank(topics.lexicon.read(text)) for text in texts)
    )
    with capsys.disabled():
        print(f" topic known in {known / len(texts):.1%} of {len(texts)} ", end="")  # noqa: T201
    assert known / len(texts) > 0.5


def test_a_pair_counts_once_whichever_half_is_written_or_said_first() -> None:
    index = PhraseIndex(Lexicon({}))
    book = Book(index)
    book.add("t", "hutan .. api", 2)
    book.add("t", "api .. hutan", 3)
    for text in ("api di hutan", "hutan penuh api"):
        assert book.tallies(index.lexicon.read(text))["t"].points == 2


def test_slang_that_makes_more_words_than_letters_is_read_to_its_end() -> None:
    index = PhraseIndex(Lexicon({"k": "satu dua tiga empat"}))
    for book in (Book(index), Rivals(index)):
        book.add("t", "sampah", 2)
        book.add("t", "sampah .. bau", 1)
        assert book.tallies(index.lexicon.read("k " * 2_900 + "sampah bau"))["t"].points > 0
