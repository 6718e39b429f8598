"""Which of LAPOR!'s four kinds a report is, by the phrases in it."""

import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from normalizer.message import Kind

PHRASES: Final[dict[Kind, dict[float, tuple[str, ...]]]] = {
    Kind.SUPERVISED_COMPLAINT: {
        4.0: (
            r"(?:di|ter)?korups\w*", r"koruptor\w*", r"korup", r"pungli\w*", r"pungutan liar",
            r"(?:di|me)?suap\w*", r"menyuap", r"gratifikasi", r"nepotisme", r"kolusi", r"kkn",
            r"(?:penyalahgunaan|menyalahgunakan|disalahgunakan|salah gunakan|menyalah gunakan)"
            r" (?:\w+ )?(?:wewenang|kewenangan|jabatan|dana|anggaran|kekuasaan|bantuan|bansos)",
            r"penyelewengan\w*", r"diselewengkan", r"menyelewengkan",
            r"(?:di|meng)?gelapkan (?:dana|uang|bantuan|aset|anggaran|bansos|iuran|kas)\w*",
            r"penggelapan (?:dana|uang|bantuan|aset|anggaran|pajak)",
            r"(?:di)?mark ?up", r"(?:proyek|laporan|nota|kegiatan|perjalanan dinas|gaji) fiktif",
            r"fiktif", r"mal ?administrasi", r"uang (?:pelicin|sogok|tutup mulut|setoran)",
            r"(?:jual beli|beli) jabatan", r"(?:di)?sogok\w*", r"memperkaya diri",
            r"pemerasan oleh (?:oknum|petugas|pejabat)", r"dana desa (?:di|ter)\w*pakai\w*",
            r"calo (?:asn|cpns|pppk|p3k|sim|paspor|tni|polri)", r"(?:di)?tilep\w*",
            r"(?:bansos|blt|pkh|bpnt|dana|bantuan|insentif|honor|pip) (?:\w+ ){0,2}"
            r"(?:di)?(?:potong|sunat|tilep|gelapkan|korup\w*)",
            r"bribe\w*", r"corrupt\w*", r"extort\w*", r"embezzl\w*",
        ),
    },
    Kind.ASPIRATION: {
        3.0: (
            r"(?:meng)?usul(?:an|kan)?", r"(?:menyaran|saran)(?:kan)?", r"aspirasi",
            r"alangkah (?:baik|bagus|indah)\w*", r"bagaimana (?:kalau|jika|kalo) (?!tidak)",
            r"gimana (?:kalau|jika|kalo) (?!tidak)", r"semoga (?:ke ?depan\w*|pemerintah)",
            r"(?:mohon|tolong|minta|kalau bisa|harap|dimohon|mhn|tlg) (?:\w+ ){0,2}"
            r"(?:dibangun|diadakan|dibuat|ditambah|disediakan|dibuka|didirikan)(?:kan)?"
            r"(?! (?:susah|sulit))",
            r"(?:mohon|tolong|minta|kalau bisa|dimohon|mhn|tlg) (?:\w+ )?(?:di)?pasang(?:kan)?"
            r" (?:\w+ )?(?:cctv|pju|lampu|polisi tidur|rambu|wifi|portal|cermin|zebra)",
            r"mohon pembangunan", r"permohonan (?:pembangunan|pengadaan|pemasangan|penambahan)",
            r"ide saya", r"gagasan", r"masukan (?:untuk|buat|saya|dari)", r"sekadar masukan",
            r"(?:lebih|ada) baik(?:nya)? (?:kalau|jika|bila|kalo)", r"sekedar masukan",
            r"suggest\w*", r"propos(?:e|al)", r"it would be (?:nice|good|great)",
        ),
        1.5: (
            r"sebaiknya", r"seharusnya perlu", r"harapan (?:kami|saya|warga)", r"mending(?:an)?",
            r"(?:kami|saya|warga) (?:ber|meng)?harap\w*", r"perlu (?:adanya|dibangun|ditambah)",
            r"mohon (?:\w+ )?ditambah\w*", r"masukan", r"ingin (?:ada|memiliki|punya)",
            r"butuh (?:taman|lapangan|halte|jembatan|sekolah|puskesmas)",
        ),
    },
    Kind.INFORMATION_REQUEST: {
        3.0: (
            r"(?:mau|ingin|pengen|hendak|boleh|numpang|nompang|ijin|izin) (?:ber|n|me)?tanya\w*",
            r"(?:mau|ingin) (?:nanya|menanyakan|tau|tahu)", r"numpang nanya",
            r"(?:mohon|minta|butuh|perlu|tolong) (?:\w+ )?info(?:rmasi|rmasinya|nya)?",
            r"(?:gimana|gmn|bgmn|bagaimana|piye|kumaha) (?:cara\w*|prosedur\w*|syarat\w*"
            r"|proses\w*|alur\w*|mekanisme\w*|langkah\w*)",
            r"(?:apa|apa saja|apa aja|apa sih) (?:syarat|persyaratan|prosedur|dokumen|berkas)\w*",
            r"syarat(?:nya|-syaratnya)? (?:apa|gimana|bagaimana)", r"caranya (?:gimana|bagaimana)",
            r"tanya (?:dong|donk|pak|bu|min|kak|soal|tentang)",
            r"(?:dokumen|berkas|syarat) (?:apa|apa saja|apa aja) (?:yang|yg)",
            r"how (?:do|can|to|much|long)", r"where (?:do|can|is) ",
            r"what are the requirements", r"^info (?!(?:ada|terjadi|telah|jalan|lampu|pohon"
            r"|banjir|kebakaran|kecelakaan|sampah|air|listrik)\b)\w+",
        ),
        2.0: (
            r"apakah", r"kapan(?:kah)?(?= (?:\w+ ){0,4}(?:di)?(?:buka|mulai|tutup|cair|jadwal))",
            r"(?:dimana|di mana)(?:kah)? (?:saya|kami|bisa|alamat|kantor|loket|tempat)",
            r"apa benar", r"(?:kemana|ke mana) (?:saya|kami|harus|bisa|melapor|lapor)",
            r"jadwal \w+ (?:kapan|jam)",
            r"berapa(?:kah)? (?:biaya|lama|tarif|hari|harga|usia|umur|persen|denda|kuota)",
            r"(?:biaya|tarif|denda)(?:nya)? berapa", r"jam (?:buka|pelayanan|layanan|operasional)",
            r"boleh(?:kah)? (?:tahu|tau|saya|kami)", r"mohon (?:penjelasan|pencerahan)\w*",
            r"siapa (?:yang|yg) (?:berhak|harus|bisa)", r"bisa(?:kah)? (?:\w+ ){0,3}online",
            r"nomor (?:telepon|telp|wa|kontak|hp) (?:\w+ )?(?:berapa|kantor|dinas)",
        ),
        1.0: (r"kapan(?:kah)?", r"bagaimana", r"gimana", r"berapa"),
    },
    Kind.COMPLAINT: {
        2.5: (
            r"kapan(?:kah)? (?:\w+ ){0,6}(?:di)?(?:perbaiki|benerin|betulkan|angkut|aspal|cor"
            r"|tindak|tanggapi|bersihkan|selesai|tangani|keruk|nyala|hidup|ganti|realisasi)\w*",
            r"(?:kenapa|mengapa|knp|ngapa|kok) (?:\w+ ){0,5}(?:belum|blm|tidak|tdk|gak|ga|nggak"
            r"|mati|rusak|lama|lambat)",
            r"sampai (?:sekarang|saat ini|detik ini|hari ini) (?:\w+ )?(?:belum|blm|tidak|tdk|gak)",
        ),
        1.2: (
            r"rusak\w*", r"(?:ber)?lubang\w*", r"mati", r"padam", r"bocor", r"macet", r"mampet",
            r"tersumbat", r"banjir", r"tergenang", r"genangan", r"bau", r"busuk", r"menumpuk",
            r"numpuk", r"tumbang", r"ambrol", r"ambruk", r"longsor", r"retak", r"hilang", r"dicuri",
            r"bising", r"berisik", r"mengganggu", r"keluhan", r"komplain", r"kecewa", r"lambat",
            r"lama sekali", r"(?:di)?persulit", r"kotor", r"liar", r"parah",
            r"(?:belum|blm) (?:juga |pernah |kunjung )?(?:ada|di|jadi|cair|selesai)\w*",
            r"sudah (?:\w+ ){0,2}(?:bulan|minggu|tahun)",
            r"(?:tidak|tdk|gak|ga|nggak|ndak|kada|ora) (?:jalan|jln|mengalir|ngalir|keluar|menyala"
            r"|nyala|dilayani|direspon|ditanggapi|ditindak\w*|diangkut|masuk|bisa|dapat|dpt|aktif)",
            r"keracunan", r"kehabisan", r"langka", r"ditahan", r"diserobot", r"meresahkan",
            r"broken", r"leak\w*", r"flood\w*", r"pothole\w*", r"garbage",
        ),
    },
}  # fmt: skip
"""Weight → phrases (regular expressions over lower-case text, each beginning with a word that is
spelled out or one of a few). The heaviest kind wins."""

_BASE = {Kind.COMPLAINT: 1.0}
"""A message that says nothing of its kind is a complaint: that is what most of them are."""
_MOST = 3
"""Phrases of one weight that count."""
_READ = 4_000
_WORDS = re.compile(r"(\w+)")
_HEAD = 9
"""First letters of a word by which the phrases that may begin there are found."""
_REMEMBERED = 20_000
"""Words whose phrases are remembered; the everyday ones are soon all there."""
_LONGEST = 30
"""Letters of the longest word that is remembered."""

_Row = tuple[Kind, float]
_Begun = tuple[tuple[_Row, re.Pattern[str]], ...]


def _heads(phrase: str) -> Iterator[str]:
    """List what a phrase may begin with: up to ``_HEAD`` letters, fewer where a choice follows.

    A space at the end says that the word ends there.
    """
    phrase = phrase.removeprefix("^")
    if not phrase.startswith("(?:"):
        literal = re.match(r"[a-z]* ?(?![?*])", f"{phrase} ")
        yield literal[0][:_HEAD] if literal else ""
        return
    choices, rest = phrase[3:].split(")", 1)
    for choice in choices.split("|"):
        yield from _heads(choice + rest.removeprefix("?") if len(choice) < _HEAD else choice)
    if rest.startswith("?"):
        yield from _heads(rest[1:])


def _index() -> dict[str, _Begun]:
    index: dict[str, _Begun] = {}
    for kind, weights in PHRASES.items():
        for weight, phrases in weights.items():
            for phrase in phrases:
                pattern = re.compile(rf"{phrase}\b")
                for head in dict.fromkeys(_heads(phrase)):
                    index[head] = (*index.get(head, ()), ((kind, weight), pattern))
    return index


_BY_HEAD = _index()
_begun: dict[str, _Begun] = {}
"""Words of earlier texts → the phrases that may begin with them."""


def kind_of(text: str) -> Kind:
    """Return the kind of report; each phrase counts once, and a question mark a little."""
    lowered = text[:_READ].lower().lstrip(" \t\n.,:;!?\"'*#-–—")
    said: dict[_Row, set[str]] = {}
    parts = _WORDS.split(lowered)  # what is between words, a word, what is between, ...
    ends = [*accumulate(map(len, parts))]
    for word, start in zip(parts[1::2], ends[:-1:2], strict=True):
        begun = _begun.get(word)
        for row, pattern in _beginning(word) if begun is None else begun:
            if match := pattern.match(lowered, start):
                said.setdefault(row, set()).add(match[0])
    if not said:
        return Kind.COMPLAINT
    scores = dict.fromkeys(PHRASES, 0.0) | _BASE
    for (kind, weight), phrases in said.items():
        scores[kind] += weight * min(len(phrases), _MOST)
    if scores[Kind.SUPERVISED_COMPLAINT]:
        return Kind.SUPERVISED_COMPLAINT
    if scores[Kind.INFORMATION_REQUEST] and "?" in lowered:
        scores[Kind.INFORMATION_REQUEST] += 1.0
    return max(scores, key=lambda kind: scores[kind])


def _beginning(word: str) -> _Begun:
    """Return the phrases that may begin with a word."""
    whole = f"{word} "
    sizes = range(1, min(len(whole), _HEAD) + 1)
    found = tuple(one for size in sizes for one in _BY_HEAD.get(whole[:size], ()))
    if len(_begun) < _REMEMBERED and len(word) <= _LONGEST:
        _begun[word] = found
    return found
