"""The demo's citizens: what they write, and where it must arrive."""

from dataclasses import dataclass

SMS, TELEGRAM, X, MAIL = "sms", "telegram", "x", "email"
WHATSAPP, MMS = "whatsapp", "mms"
SMPP, WEB = "smpp", "web"
OPEN311, REST = "open311", "rest"


@dataclass(frozen=True, slots=True)
class Sample:
    """One message, and the id of the agency it must reach; or "triage", an operator's decision."""

    channel: str
    text: str
    expect: str
    subject: str = ""
    anonymous: bool = False
    then: str = ""
    """What the citizen answers to the question that comes back."""


SAMPLES = (
    Sample(
        SMS,
        "SAMARINDA jalan rusak parah depan pasar segiri, byk lubang tlg diperbaiki",
        "6472-dinas-pu",
    ),
    Sample(
        SMS,
        "Lampu jalan di kecamatan Wonocolo Surabaya mati sudah seminggu, gelap sekali",
        "3578-dinas-perhubungan",
    ),
    Sample(
        SMS,
        "sampah di jalan gatot subroto kota bandung numpuk ga diangkut2 bau",
        "3273-dinas-lingkungan-hidup",
    ),
    Sample(
        SMS,
        "RAHASIA kepala sekolah SMA di Kota Semarang korupsi dana BOS",
        "33-inspektorat",
    ),
    Sample(SMS, "listrik PLN padam terus tiap malam di Kab Kutai Kartanegara", "pln"),
    Sample(
        SMS,
        "jalan berlubang dan sangat berbahaya, tolong diperbaiki",
        "6402-dinas-pu",
        then="di kecamatan Tenggarong, Kutai Kartanegara",
    ),
    Sample(
        SMS,
        "Begini pak, yang kemarin itu di Kota Depok terulang lagi dan tidak ada yang mau "
        "mengurusnya padahal sudah kami sampaikan",
        "triage",
        then="ya pokoknya begitu pak, tolong ditengahi",
    ),
    Sample(
        MAIL,
        "Yth. Bapak/Ibu,\n\nKTP elektronik saya di Kota Makassar sudah enam bulan belum jadi.\n"
        "Mohon kejelasan kapan bisa diambil.\n\nTerima kasih.",
        "7371-dinas-dukcapil",
        subject="e-KTP belum jadi",
    ),
    Sample(
        MAIL,
        "Air PDAM di Kecamatan Banjarmasin Utara, Kota Banjarmasin tidak mengalir tiga hari.",
        "6371-pdam",
        subject="Air tidak mengalir",
    ),
    Sample(
        MAIL,
        "ANONIM\n\nKepala dusun di Kabupaten Bantul memotong uang bantuan PKH 100 ribu per orang.",
        "3402-inspektorat",
        subject="Bansos dipotong",
        anonymous=True,
    ),
    Sample(
        MAIL,
        "Puskesmas di Kota Palembang tutup pada jam kerja, pasien telantar.",
        "1671-dinas-kesehatan",
        subject="Puskesmas tutup",
    ),
    Sample(
        TELEGRAM,
        "/lapor Lampu jalan di kecamatan Wonocolo Surabaya mati sudah seminggu, gelap sekali",
        "3578-dinas-perhubungan",
    ),
    Sample(
        TELEGRAM,
        "Air PDAM di kampung kami tidak mengalir tiga hari",
        "6371-pdam",
        then="di Kecamatan Banjarmasin Utara, Kota Banjarmasin",
    ),
    Sample(
        X,
        "@lapor_contoh #lapor min, sertifikat tanah di Kab Sleman udah setahun blm jadi di BPN",
        "kementerian-atr-bpn",
    ),
    Sample(
        X,
        "@lapor_contoh #lapor sampah numpuk di pinggir jalan, baunya minta ampun",
        "3273-dinas-lingkungan-hidup",
        then="di Kecamatan Coblong, Kota Bandung",
    ),
    Sample(
        WHATSAPP,
        "jalan berlubang parah di malang, tolong ditambal",
        "3573-dinas-pu",
        then="1",
    ),
    Sample(
        WHATSAPP,
        "Parit di Kelurahan Sungai Pinang Dalam, Kota Samarinda mampet, air meluap ke jalan tiap "
        "hujan",
        "6472-dinas-pu",
    ),
    Sample(
        MMS,
        "Tumpukan sampah di pinggir jalan Kecamatan Coblong Kota Bandung, lihat fotonya",
        "3273-dinas-lingkungan-hidup",
    ),
    Sample(
        SMPP,
        "Pak, sampah di pinggir Jalan Gatot Subroto Kota Bandung sudah seminggu menumpuk dan belum "
        "juga diangkut. Sekarang berbau busuk, banyak lalat, dan sampahnya mulai menutupi trotoar. "
        "Mohon truk sampah segera datang mengangkutnya. Terima kasih banyak",
        "3273-dinas-lingkungan-hidup",
    ),
    Sample(
        SMPP,
        "Lampu jalan mati sudah seminggu, gelap sekali",
        "3578-dinas-perhubungan",
        then="di kecamatan Wonocolo Surabaya",
    ),
    Sample(
        WEB,
        "Trotoar dipakai parkir mobil setiap sore, pejalan kaki turun ke jalan raya.\n"
        "Lokasi: Kecamatan Wonocolo, Kota Surabaya",
        "3578-dinas-perhubungan",
        subject="Parkir liar di trotoar",
    ),
    Sample(
        WEB,
        "Posyandu tutup sejak dua bulan lalu, balita tidak ditimbang dan tidak diimunisasi.\n"
        "Lokasi: dekat balai warga",
        "6403-dinas-kesehatan",
        subject="Posyandu tutup",
        then="di Kecamatan Tanjung Redeb, Kabupaten Berau",
    ),
    Sample(
        OPEN311,
        "Lubang besar di depan halte, dua motor sudah jatuh",
        "6472-dinas-pu",
        subject="jalan-rusak",
    ),
    Sample(OPEN311, "Mohon segera diperbaiki", "6472-dinas-perhubungan", subject="lampu-jalan"),
    Sample(
        REST,
        "Selokan mampet, air meluap tiap hujan",
        "3273-dinas-pu",
        then="di Kecamatan Coblong, Kota Bandung",
    ),
    Sample(
        REST,
        "Dokter di Puskesmas Kota Palembang tidak pernah datang",
        "1671-dinas-kesehatan",
        subject="Dokter tidak ada",
    ),
)
