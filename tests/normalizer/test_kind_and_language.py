import pytest

from config.words import words
from normalizer.kind import kind_of
from normalizer.language import language_of
from normalizer.message import Kind
from normalizer.report import Status

SUPERVISED, COMPLAINT = Kind.SUPERVISED_COMPLAINT, Kind.COMPLAINT
ASPIRATION, INFORMATION = Kind.ASPIRATION, Kind.INFORMATION_REQUEST


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("jalan rusak parah di depan pasar", COMPLAINT),
        ("lampu jln mati udh 2 mgg", COMPLAINT),
        ("air PDAM tidak mengalir sejak kemarin", COMPLAINT),
        ("petugas loket tidak ramah", COMPLAINT),
        ("Info: ada pohon tumbang di jalan Ahmad Yani", COMPLAINT),
        ("kapan jalan rusak dan berlubang ini diperbaiki, sudah lama dan bikin celaka, macet",
         COMPLAINT),
        ("", COMPLAINT),
        ("ada pungli saat urus KTP di kelurahan", SUPERVISED),
        ("kepala desa korupsi dana desa", SUPERVISED),
        ("petugas minta uang pelicin", SUPERVISED),
        ("dugaan penyalahgunaan wewenang oleh camat", SUPERVISED),
        ("bansos dipotong ketua rt", SUPERVISED),
        ("usul agar dibuat taman bermain di kelurahan kami", ASPIRATION),
        ("saran saya parkir ditata lagi", ASPIRATION),
        ("mohon dibangun jembatan di desa kami", ASPIRATION),
        ("alangkah baiknya jika ada halte di sini", ASPIRATION),
        ("bagaimana cara mengurus akta kelahiran?", INFORMATION),
        ("apakah pembuatan KTP dipungut biaya?", INFORMATION),
        ("mau tanya syarat pindah alamat apa saja", INFORMATION),
        ("Info jadwal SIM keliling dong", INFORMATION),
        ("mohon info pendaftaran sekolah", INFORMATION),
        ("kapan vaksin anak dibuka?", INFORMATION),
        ("how do I renew my permit?", INFORMATION),
        # complaints in the dress of a question
        ("kapan jalan ini diperbaiki?", COMPLAINT),
        ("kenapa sampah di gang kami belum diangkut?", COMPLAINT),
        ("kok listrik padam terus min?", COMPLAINT),
        ("sampai sekarang ktp saya belum jadi, kapan selesai?", COMPLAINT),
        ("apa tidak ada petugas? got mampet sudah 2 bulan", COMPLAINT),
        ("bagaimana ini pak, air mati terus", COMPLAINT),
        ("kpn lampu jalan nya nyala lagi, gelap", COMPLAINT),
        # complaints with a wish at the end
        ("jalan berlubang dan banjir, mohon ditambal", COMPLAINT),
        ("tolong pasang kembali tutup got yang hilang dicuri", COMPLAINT),
        ("lampu mati, semoga cepat diperbaiki", COMPLAINT),
        ("parkir liar bikin macet, harap ditindak", COMPLAINT),
        ("pelayanan lambat sekali, saya kecewa", COMPLAINT),
        # supervised complaints
        ("kades menyalahgunakan dana bansos", SUPERVISED),
        ("BLT kami disunat 100 ribu", SUPERVISED),
        ("honor kader dipotong bendahara", SUPERVISED),
        ("proyek fiktif di desa kami", SUPERVISED),
        ("anggaran sekolah di mark up", SUPERVISED),
        ("calo sim di satpas", SUPERVISED),
        ("uang kas digelapkan, dana bantuan diselewengkan pengurus", SUPERVISED),
        ("ada jual beli jabatan di kantor kami", SUPERVISED),
        # questions
        ("syaratnya apa saja buat bikin KIA", INFORMATION),
        ("piye carane ngurus akte, syarate apa? bagaimana prosedurnya", INFORMATION),
        ("berapa biaya balik nama motor", INFORMATION),
        ("kemana saya harus melapor jika kehilangan STNK?", INFORMATION),
        ("jam buka puskesmas hari sabtu?", INFORMATION),
        ("nomor telepon kantor dinas sosial berapa ya", INFORMATION),
        ("apa benar vaksin anak gratis?", INFORMATION),
        ("ijin bertanya, dokumen apa yg harus dibawa untuk pindah domisili", INFORMATION),
        ("kapan pendaftaran sekolah dibuka", INFORMATION),
        ("boleh tau alur pengajuan PBG?", INFORMATION),
        ("bisakah perpanjang KTP online?", INFORMATION),
        ("what are the requirements for a family card", INFORMATION),
        # wishes
        ("mohon dipasang cctv di simpang empat", ASPIRATION),
        ("tolong dibuatkan taman baca di RW kami", ASPIRATION),
        ("bagaimana kalau pasar dibuka sampai malam", ASPIRATION),
        ("lebih baik kalau jam layanan ditambah sampai sore", ASPIRATION),
        ("permohonan pengadaan tempat sampah di lapangan", ASPIRATION),
        ("sekadar masukan untuk dinas, buat jalur sepeda", ASPIRATION),
        ("minta tolong dibangunkan halte dekat sekolah, kalau bisa dibangun tahun ini", ASPIRATION),
        ("ide saya, bus sekolah gratis untuk anak kampung", ASPIRATION),
        ("it would be nice to have more trees here", ASPIRATION),
    ],
)  # fmt: skip
def test_kind(text: str, kind: Kind) -> None:
    assert kind_of(text) is kind


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("jalan rusak di depan rumah saya", "id"),
        ("lampu jalan mati", "id"),
        ("the street light is broken since Monday", "en"),
        ("please fix the road", "en"),
        ("12345", "und"),
        ("status no. 4821/0937/5514", "und"),
        ("no 12 jalan", "id"),
        ("there is no light", "en"),
        ("", "und"),
        ("😡😡", "und"),
    ],
)
def test_language(text: str, language: str) -> None:
    assert language_of(text) == language


def test_everything_shown_has_a_label() -> None:
    labels = words("labels")
    assert set(labels.table("kind")) == set(Kind)
    assert set(labels.table("status")) == set(Status)
