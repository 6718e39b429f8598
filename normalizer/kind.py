"""Which of LAPOR!'s four kinds a report is, by the phrases in it."""

import re
from typing import Final

from normalizer.report import Kind

PHRASES: Final[dict[Kind, dict[float, tuple[str, ...]]]] = {
    Kind.SUPERVISED_COMPLAINT: {
        3.0: (
            r"korups\w*", r"dikorups\w*", r"pungli\w*", r"pungutan liar", r"suap\w*", r"disuap",
            r"menyuap", r"gratifikasi", r"nepotisme", r"kolusi", r"kkn",
            r"penyalahgunaan (?:wewenang|kewenangan|jabatan|dana|anggaran|kekuasaan)",
            r"menyalahgunakan (?:wewenang|kewenangan|jabatan|dana|anggaran|kekuasaan)",
            r"penyelewengan\w*", r"diselewengkan", r"menyelewengkan", r"penggelapan", r"digelapkan",
            r"mark ?up", r"proyek fiktif", r"fiktif", r"mal ?administrasi", r"uang pelicin",
            r"jual beli jabatan", r"pemerasan oleh (?:oknum|petugas|pejabat)", r"dana desa dipakai",
            r"(?:bansos|blt|pkh|dana|bantuan) (?:\w+ )?(?:dipotong|disunat|dikorup\w*)",
            r"calo asn",
            r"bribe\w*", r"corrupt\w*", r"extort\w*", r"embezzl\w*",
        ),
    },
    Kind.ASPIRATION: {
        3.0: (
            r"usul(?:an)?", r"mengusulkan", r"saran(?:kan)?", r"menyarankan", r"aspirasi",
            r"alangkah baiknya", r"mohon (?:agar )?dibangun\w*", r"mohon (?:agar )?diadakan",
            r"mohon (?:agar )?dibuatkan", r"mohon pembangunan",
            r"semoga (?:ke ?depan\w*|pemerintah)",
            r"suggest\w*", r"propos(?:e|al)",
            r"mohon (?:di)?pasang(?:kan)? (?:cctv|pju|lampu|polisi)",
        ),
        1.5: (
            r"sebaiknya", r"seharusnya perlu", r"harapan (?:kami|saya|warga)",
            r"kami (?:ber)?harap",
            r"saya (?:ber)?harap", r"bagaimana kalau", r"gimana kalo", r"perlu (?:adanya|dibangun)",
            r"mohon ditambah\w*", r"masukan",
        ),
    },
    Kind.INFORMATION_REQUEST: {
        3.0: (
            r"mau (?:tanya|nanya|bertanya)", r"numpang (?:tanya|nanya)",
            r"ingin (?:tanya|bertanya)",
            r"(?:mohon|minta|butuh) info(?:rmasi|rmasinya|nya)?", r"bagaimana cara\w*",
            r"(?:gimana|gmn|bgmn|bagaimana) (?:cara\w*|prosedur\w*|syarat\w*|proses\w*)",
            r"(?:apa|apa saja|apa aja) (?:syarat|persyaratan|prosedur)\w*", r"syaratnya apa",
            r"tanya (?:dong|donk|pak|bu|min|kak)", r"izin bertanya", r"ijin bertanya",
            r"how (?:do|can|to)", r"where (?:do|can) i", r"what are the requirements",
            r"^\W*info (?!(?:ada|terjadi|telah|jalan|lampu|pohon|banjir|kebakaran)\b)\w+",
        ),
        2.0: (
            r"apakah", r"kapan(?:kah)?", r"di ?mana(?:kah)? (?:saya|kami|bisa|alamat|kantor|loket)",
            r"berapa(?:kah)? (?:biaya|lama|tarif|hari|harga)", r"jam (?:buka|pelayanan|layanan)",
            r"boleh tahu", r"mohon penjelasan", r"siapa yang (?:berhak|harus|bisa)",
        ),
    },
    Kind.COMPLAINT: {
        1.2: (
            r"rusak\w*", r"berlubang", r"lubang", r"mati", r"padam", r"bocor", r"macet", r"mampet",
            r"tersumbat", r"banjir", r"tergenang", r"genangan", r"bau", r"busuk", r"menumpuk",
            r"numpuk", r"tumbang", r"ambrol", r"ambruk", r"longsor", r"retak", r"hilang", r"dicuri",
            r"bising", r"berisik", r"mengganggu", r"keluhan", r"komplain", r"kecewa", r"lambat",
            r"lama sekali", r"(?:belum|blm) (?:juga |pernah )?(?:ada |di)\w*", r"dipersulit",
            r"tidak (?:jalan|jln|mengalir|keluar|menyala|nyala|dilayani|direspon|ditanggapi)",
            r"tdk (?:jalan|mengalir|keluar|menyala|nyala|dilayani)", r"kotor", r"liar", r"parah",
            r"broken", r"leak\w*", r"flood\w*", r"pothole\w*", r"garbage",
        ),
    },
}  # fmt: skip
"""Weight → phrases (regular expressions over lower-case text). The heaviest kind wins."""

_TABLE = tuple(
    (kind, weight, re.compile(r"\b(?:" + "|".join(phrases) + r")\b"))
    for kind, weights in PHRASES.items()
    for weight, phrases in weights.items()
)
_BASE = {Kind.COMPLAINT: 1.0}
"""A message that says nothing of its kind is a complaint: that is what most of them are."""


def kind_of(text: str) -> Kind:
    """Return the kind of report; each phrase counts once, and a question mark a little."""
    lowered = text[:4_000].lower()
    scores = dict.fromkeys(PHRASES, 0.0) | _BASE
    for kind, weight, pattern in _TABLE:
        scores[kind] += weight * min(len({m[0] for m in pattern.finditer(lowered)}), 3)
    if scores[Kind.SUPERVISED_COMPLAINT]:
        return Kind.SUPERVISED_COMPLAINT
    if scores[Kind.INFORMATION_REQUEST] and "?" in lowered:
        scores[Kind.INFORMATION_REQUEST] += 1.0
    return max(scores, key=lambda kind: scores[kind])
