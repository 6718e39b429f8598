"""What cannot wait is recognised, and what is feared, over or only talked about is not."""

import pytest

from tests.router.making import router

topics = router().topics

NOW = [
    ("KEBAKARAN di gang 3 pasar lama tolong cepat", "fire"),
    ("rumah tetangga terbakar api besar", "fire"),
    ("lahan gambut terbakar lagi, asap pekat masuk kampung", "fire"),
    ("omah kobong pak, tulung damkar", "fire"),
    ("gudang kayu terbakar, api belum padam", "fire"),
    ("tabung gas meledak di warung", "fire"),
    ("banjir setinggi dada, kami butuh perahu", "rescue"),
    ("banjir bandang menerjang desa kami", "rescue"),
    ("kami terjebak banjir di lantai dua", "rescue"),
    ("dusun kami terisolir banjir sudah dua hari", "flood"),
    ("bnjr sdh sepinggang, lansia belum dievakuasi", "flood"),
    ("anak kecil hanyut di sungai barusan", "rescue"),
    ("ada orang tidak sadarkan diri di halte", "medical"),
    ("pegawai pingsan butuh ambulans segera", "medical"),
    ("puluhan siswa keracunan massal", "medical"),
    ("ada warga mau bunuh diri di jembatan", "suicide"),
    ("perahu terbalik penumpang terseret arus", "rescue"),
    ("kabel listrik putus melintang di jalan masih ada percikan api", "electricity"),
    ("tiang listrik roboh ke jalan, kabelnya nyetrum", "electricity"),
    ("kabel PLN menjuntai sampai tanah", "electricity"),
    ("jembatan ambruk barusan, motor jatuh ke sungai", "rescue"),
    ("longsor menutup rumah, dua orang tertimbun", "rescue"),
    ("tanggul jebol", "collapse"),
    ("atap kelas ambruk menimpa siswa", "rescue"),
    ("pohon tumbang menimpa mobil, ada orang di dalam", "rescue"),
    ("anak saya hilang sejak sore, umur 5 tahun", "child"),
    ("nelayan hilang kontak sejak kemarin", "rescue"),
    ("nenek saya hilang dari rumah", "missing-person"),
    ("ada tawuran di depan terminal bawa celurit", "crime"),
    ("warga bentrok pakai senjata tajam", "violence"),
    ("adik saya dibacok di jalan", "violence"),
    ("istri sedang dipukuli suaminya sekarang", "violence_home"),
]

LATER = [
    "sosialisasi pencegahan kebakaran kapan diadakan",
    "mobil pemadam tidak bisa masuk gang kalau ada kebakaran",
    "bantuan korban kebakaran bulan lalu belum cair",
    "hydrant rusak, takut kebakaran",
    "banjir setiap hujan di gang kami, mohon saluran dikeruk",
    "tahun lalu banjir setinggi lutut",
    "usul pelatihan evakuasi warga",
    "pohon besar rawan tumbang, takut menimpa rumah",
    "jembatan hampir ambruk, mohon diperbaiki",
    "ijazah anak hilang",
    "ktp anak saya hilang",
    "sinyal hilang terus di desa",
    "motor saya hilang dicuri maling",
    "kabel telkom menjuntai di depan rumah",
    "rawan begal, mohon dipasang lampu",
    "pelatihan tanggap darurat dan simulasi gempa",
    "jalan rusak, jangan sampai ada korban jiwa",
    "bagaimana cara membuat akta kematian orang tenggelam",
    "lampu jalan mati",
    "sampah menumpuk",
    "bukan kebakaran, hanya asap fogging",
    "",
]


@pytest.mark.parametrize(("text", "id"), NOW)
def test_what_cannot_wait_is_seen(text: str, id: str) -> None:
    urgency = topics.urgency(topics.lexicon.read(text))
    assert urgency is not None
    assert urgency.id == id
    said = {word.lower() for piece in urgency.words for word in piece.split(" … ")}
    assert said
    assert all(word in text.lower() for word in said)


@pytest.mark.parametrize("text", LATER)
def test_what_can_wait_is_not_called_urgent(text: str) -> None:
    assert topics.urgency(topics.lexicon.read(text)) is None
