"""What is no affair of any agency is recognised, and no real complaint is taken for it."""

import pytest

from tests.router.making import router

topics = router().topics

OUT = [
    # court cases
    ("perkara perdata saya sudah inkracht tapi saya tidak terima", "court"),
    ("saya keberatan dengan putusan hakim, minta putusannya dibatalkan", "court"),
    ("mohon bantuan perkara nomor 45 di PN, saya kalah di pengadilan", "court"),
    ("kami mengajukan kasasi atas sengketa tanah warisan, mohon dimenangkan", "court"),
    ("kakak saya terdakwa dan sudah divonis 3 tahun, mohon dibebaskan", "court"),
    ("sidang gugatan saya melawan PT Maju belum putus, tolong bantu lobi", "court"),
    ("putusan pengadilan soal hak waris tidak adil buat keluarga kami", "court"),
    ("tergugat dan penggugat sudah damai tapi putusan kasasi keluar", "court"),
    # private quarrels
    ("mantan pacar saya tidak mau balikin kado ulang tahun", "quarrel"),
    ("teman saya pinjam uang 2 juta punya utang dan kabur tak mau bayar", "quarrel"),
    ("masalah utang piutang dengan sepupu, dia ingkar terus", "quarrel"),
    ("suami saya selingkuh dengan rekan kerjanya", "quarrel"),
    ("istri saya selingkuh pak hancur hati saya", "quarrel"),
    ("ada pelakor yg merusak rumah tangga saya", "quarrel"),
    ("saya lagi musuhan sama ipar, dia fitnah saya di grup keluarga", "quarrel"),
    ("pacar saya ghosting 2 minggu, tolong carikan", "quarrel"),
    ("harta gono gini belum dibagi mantan suami", "quarrel"),
    ("hutang piutang antar teman kok saya yg disalahkan", "quarrel"),
    # pranks
    ("wkwkwk cuma iseng min", "prank"),
    ("prank yaaa wkwk", "prank"),
    ("gabut nih, boleh kenalan gak kak", "prank"),
    ("maaf salah kirim", "prank"),
    ("kamu cantik deh i love you", "prank"),
    ("bagi pulsa dong kak", "prank"),
    ("abaikan pesan ini ya", "prank"),
    ("wkwkwkwk wkwkwk awokwok", "prank"),
    # adverts and chain letters
    ("Promo spesial akhir tahun! Diskon besar 50% klik link di bio", "spam"),
    ("Butuh dana cepat? Pinjaman dana tunai tanpa jaminan, proses cepat cair", "spam"),
    ("SLOT GACOR maxwin hari ini, bonus new member 100 persen", "spam"),
    ("Anda terpilih sebagai pemenang undian, selamat anda menang 50 juta", "spam"),
    ("Sebarkan pesan ini ke 10 orang atau kirim ke 10 orang temanmu", "spam"),
    ("jasa followers murah garansi, hub wa 08xx", "spam"),
    ("dijual cepat motor bekas mulus harga murah minat hub wa", "spam"),
    ("obat herbal ampuh, testimoni pelanggan banyak, order sekarang", "spam"),
    ("Jasa pembuatan website murah, ready stock template", "spam"),
    ("kerja sampingan dari rumah penghasilan jutaan, gabung bisnis kami", "spam"),
    # praise
    ("Terima kasih pak, lampunya sudah menyala", "praise"),
    ("mantap pemkot, jalannya sudah mulus", "praise"),
    ("Pelayanannya bagus dan petugasnya ramah, salut", "praise"),
    ("Alhamdulillah sudah diperbaiki, terima kasih banyak", "praise"),
    ("keren bapak wali kota, sukses selalu", "praise"),
    ("respon cepat, jempol buat tim lapangan", "praise"),
    ("terima kasih sudah ditindaklanjuti dengan cepat, sangat puas", "praise"),
    ("apresiasi untuk dinas kebersihan, kampung sudah bersih sekali", "praise"),
    # greetings and empty messages
    ("halo", "greeting"),
    ("p", "greeting"),
    ("PING", "greeting"),
    ("Assalamualaikum wr wb", "greeting"),
    ("selamat pagi min", "greeting"),
    ("tes tes 123", "greeting"),
    ("Permisi kak, selamat siang", "greeting"),
    ("om swastiastu", "greeting"),
    ("horas bang", "greeting"),
    ("terima kasih", "greeting"),
    ("ok siap pak terima kasih banyak", "greeting"),
]

IN = [
    # money, gambling, lenders and adverts that are complained about
    "hp saya terus dapat sms judi slot gacor, mohon diblokir",
    "situs slot online makin marak di kampung kami, anak muda kecanduan",
    "diteror pinjol ilegal, data saya disebar",
    "pinjaman online ilegal menawarkan dana cepat cair lalu meneror kami, tolong ditindak",
    "saya jadi korban investasi bodong berkedok bisnis online",
    "anak saya kecanduan slot gacor, tolong situsnya diblokir",
    "dapat pesan anda terpilih pemenang undian, ini penipuan",
    "iklan obat kuat ditempel di pohon sepanjang jalan",
    "toko di depan sekolah jual obat terlarang",
    "tanah fasum dijual oleh oknum pengembang",
    "rusunawa disewakan lagi ke orang lain oleh penghuni",
    "jual beli jabatan di kantor kami",
    # polite complaints
    "jalan depan rumah berlubang, mohon diperbaiki, terima kasih",
    "Selamat pagi pak, sampah belum diangkut seminggu. Terima kasih",
    "Assalamualaikum, lampu jalan mati",
    "lampu jalan mati sejak kemarin, terima kasih banyak sebelumnya",
    "min jalan rusak",
    "halo pdam air mati",
    "terima kasih sudah diperbaiki tapi sekarang rusak lagi",
    "mantap sekali pelayanannya, antri 5 jam belum dilayani",
    "hebat jalan ini, 3 tahun tidak diperbaiki",
    "keren ya banjir tiap tahun",
    "petugasnya ramah tapi ktp saya belum jadi",
    "salut sama pungli yang merajalela",
    "sudah diperbaiki katanya, padahal masih mati",
    "luar biasa antriannya, 4 jam",
    # courts, quarrels and pranks an agency must hear of
    "pungli panitera saat ambil salinan putusan",
    "petugas loket pengadilan kasar dan minta uang",
    "hakim diduga terima suap dalam putusan",
    "suami saya selingkuh dan memukul saya dan anak",
    "tetangga punya utang malah ancam bunuh saya",
    "tetangga memutar musik keras tiap malam",
    "tetangga membuang sampah ke selokan",
    "mantan suami tidak memberi nafkah anak dan sebar foto saya",
    "mantan suami saya PNS menikah lagi tanpa izin",
    "kades selingkuh dengan perangkat desa",
    "bukan iseng, tolong listrik padam dari tadi wkwk",
    "wkwkwk jalan rusak begini dibiarkan",
    "ktp saya tidak jadi jadi dari bulan lalu",
    "orang iseng sering telepon damkar palsu, mohon ditindak",
    "sengketa tanah dengan tetangga, mohon BPN ukur ulang",
    "akta cerai saya belum keluar dari pengadilan agama",
    "sertifikat tanah warisan keluarga belum jadi",
    "utang piutang desa dengan kontraktor tidak dibayar kades",
    "guru selingkuh dengan murid di sekolah",
    "koperasi membawa kabur simpanan kami",
]


@pytest.mark.parametrize(("text", "id"), OUT)
def test_what_is_no_affair_of_any_agency_is_recognised(text: str, id: str) -> None:
    scope = topics.scope(topics.lexicon.read(text))
    assert scope is not None
    assert (scope.id, bool(scope.name), bool(scope.words)) == (id, True, True)
    assert scope.confidence >= 0.8


@pytest.mark.parametrize("text", IN)
def test_a_real_report_stays_in_scope(text: str) -> None:
    assert topics.scope(topics.lexicon.read(text)) is None


@pytest.mark.parametrize("text", ["", "   ", "🙏🙏", "?!", "jalan rusak", "a" * 10_000])
def test_what_says_nothing_known_is_in_scope(text: str) -> None:
    assert topics.scope(topics.lexicon.read(text)) is None
