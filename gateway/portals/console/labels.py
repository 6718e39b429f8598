"""What officers read: Indonesian words for codes, moments in WIB, evidence marked in a text.

Codes that a deployment may add to (channels, queues, event kinds) fall back to the code itself.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta, timezone

from markupsafe import Markup, escape

WIB = timezone(timedelta(hours=7), "WIB")
"""Western Indonesian time, which has no summer time: no zone file needed."""

MONTHS = ("Jan", "Feb", "Mar", "Apr", "Mei", "Jun", "Jul", "Agu", "Sep", "Okt", "Nov", "Des")

STATUS: dict[str, str] = {
    "received": "diterima",
    "waiting_for_reporter": "menunggu pelapor",
    "triage": "triase",
    "forwarded": "diteruskan",
    "in_progress": "ditindaklanjuti",
    "answered": "dijawab",
    "closed_by_system": "selesai (sistem)",
    "closed_by_reporter": "selesai (pelapor)",
    "closed_by_admin": "selesai (petugas)",
    "archived_by_system": "diarsipkan (sistem)",
    "archived_by_reporter": "diarsipkan (pelapor)",
    "archived_by_admin": "diarsipkan (petugas)",
}
KIND: dict[str, str] = {
    "supervised_complaint": "pengaduan berkadar pengawasan",
    "complaint": "pengaduan",
    "aspiration": "aspirasi",
    "information_request": "permintaan informasi",
}
LEVEL: dict[str, str] = {
    "province": "provinsi",
    "regency": "kabupaten",
    "city": "kota",
    "district": "kecamatan",
    "village": "desa/kelurahan",
}
FOUND_BY: dict[str, str] = {
    "keyword": "kata kunci",
    "name": "nama",
    "alias": "sebutan",
    "context": "konteks",
    "earlier": "laporan sebelumnya",
    "coordinates": "koordinat",
    "operator": "petugas",
}
DECISION: dict[str, str] = {
    "assign": "diteruskan",
    "ask": "ditanyakan kepada pelapor",
    "triage": "perlu keputusan petugas",
}
DEADLINE: dict[str, str] = {
    "forward": "penerusan",
    "first_response": "tanggapan pertama",
    "resolution": "penyelesaian",
    "close": "penutupan",
}
LINK: dict[str, str] = {
    "follow_up": "lanjutan dari",
    "duplicate": "duplikat dari",
    "joined": "digabung ke",
    "possible": "mungkin lanjutan dari",
}
OUTGOING: dict[str, str] = {
    "waiting": "menunggu",
    "held": "ditahan",
    "sent": "terkirim",
    "delivered": "sampai",
    "failed": "gagal",
    "withdrawn": "ditarik",
}
QUARANTINE: dict[str, str] = {
    "open": "menunggu",
    "noted": "dicatat",
    "released": "dilepas",
    "dismissed": "diabaikan",
}
QUEUE: dict[str, str] = {
    "reports": "Laporan masuk",
    "outbox": "Kotak keluar",
    "deliveries": "Ke instansi",
    "answers": "Jawaban ke pelapor",
    "media": "Lampiran",
    "replies": "Jawaban instansi",
}
CHANNEL: dict[str, str] = {
    "email": "e-mail",
    "mail": "e-mail",
    "mms": "MMS",
    "sms": "SMS",
    "telegram": "Telegram",
    "whatsapp": "WhatsApp",
    "web": "web",
    "x": "X",
    "smpp": "SMPP",
    "rest": "REST",
    "open311": "Open311",
}
EVENT: dict[str, str] = {
    **STATUS,
    "repeated": "dikirim lagi oleh pelapor",
    "followed_up": "dilanjutkan pelapor",
    "hidden": "dianonimkan/dirahasiakan pelapor",
    "joined": "digabung ke laporan lain oleh pelapor",
    "kept_apart": "tetap laporan tersendiri",
    "assigned_by_operator": "diteruskan petugas",
    "unsealed": "identitas dibuka petugas",
    "released": "isinya dibuka untuk umum",
    "kept_private": "isinya tidak dibuka untuk umum",
    "taken_back": "isinya ditarik dari umum",
    "agency_replied": "dijawab instansi",
    "agency_refused": "ditolak instansi",
    "files_stored": "lampiran diproses",
    "not_answered": "tidak dibalas",
    "asked": "ditanyakan pelapor",
    "question_unanswered": "pertanyaan tidak dijawab pelapor",
    "echoed": "pesan kami sendiri kembali",
    "alerted": "piket diberi tahu",
    "alert_failed": "piket tidak terjangkau",
    "alert_unheard": "tidak ada piket yang menjawab",
    "alert_acknowledged": "bahaya ditangani",
}
UNANSWERED: dict[str, str] = {
    "machine": "nomor pendek, nama pengirim, atau alamat kami sendiri",
    "premium_number": "nomor premium atau satelit",
    "foreign_number": "nomor di luar negara yang dibalas",
    "unproven_sender": "pengirim e-mail tidak terbukti",
    "automatic_words": "isinya seperti balasan otomatis",
    "echo": "isinya kiriman ulang pesan kami",
    "foreign_text": "isinya bukan laporan: kode, iklan, atau pemberitahuan yang salah kirim",
}
REASON: dict[str, str] = {
    "forged": "Tanda tangan tidak sah",
    "malformed": "Pesan rusak",
    "unreadable": "Gagal dibaca sistem",
    "same_id_other_content": "Nomor pesan sama, isi berbeda",
    "automatic": "Balasan otomatis",
    "receipt": "Tanda terima tertunda",
    "unstorable": "Tidak dapat disimpan",
}
FILE_STATE: dict[str, str] = {
    "pending": "sedang diambil",
    "stored": "tersimpan",
    "quarantined": "dikarantina, hanya untuk diunduh petugas",
    "refused": "tidak disimpan",
    "gone": "tidak dapat diambil",
}
FILE_NOTE: dict[str, str] = {
    "too_large": "terlalu besar",
    "too_many": "lampiran terlalu banyak",
    "not_public": "alamatnya tidak boleh dibuka",
    "unknown_kind": "jenis berkas ini bisa berbahaya",
    "broken": "berkas rusak atau tidak dapat dibuat aman",
    "missing": "sudah tidak ada di penyedia",
    "unreachable": "penyedia tidak menjawab",
}
_ACTORS = {"router": "sistem", "gateway": "sistem", "reporter": "pelapor"}
TABLES: Mapping[str, Mapping[str, str]] = {
    "status": STATUS,
    "kind": KIND,
    "level": LEVEL,
    "found_by": FOUND_BY,
    "decision": DECISION,
    "deadline": DEADLINE,
    "link": LINK,
    "outgoing": OUTGOING,
    "quarantine": QUARANTINE,
    "queue": QUEUE,
    "event": EVENT,
    "reason": REASON,
    "unanswered": UNANSWERED,
    "channel": CHANNEL,
    "file_state": FILE_STATE,
    "file_note": FILE_NOTE,
}
_ADDRESS = re.compile(r"[^\s@<>\"']+(?=@\w)|(?<!\w)(?:\+\d[\d -]{6,}|0\d{7,}|62\d{7,})\d(?!\w)")
_UNITS = ((86_400, "hari"), (3_600, "jam"), (60, "menit"), (1, "detik"))


def word(code: str, table: str) -> str:
    """Say a code in the officer's language; an unknown code says itself."""
    return TABLES[table].get(code, code)


def actor(code: str) -> str:
    """Say who did something: the system, the reporter, an agency, or an operator by name."""
    role, _, name = code.partition(":")
    if role == "agency":
        return f"instansi {name}"
    if role == "duty":
        return f"piket {name}"
    return name if role == "operator" else _ACTORS.get(code, code)


def age(moment: datetime, now: datetime) -> str:
    """Say how long ago ``moment`` was in its largest whole unit: "3 menit"."""
    seconds = max(0, int((now - moment).total_seconds()))
    size, unit = next((u for u in _UNITS if seconds >= u[0]), _UNITS[-1])
    return f"{seconds // size} {unit}"


def ago(moment: datetime, now: datetime) -> str:
    """Say when ``moment`` was, as people do: "baru saja", "3 menit lalu"."""
    if (now - moment).total_seconds() < 60:
        return "baru saja"
    return f"{age(moment, now)} lalu"


def day(value: date) -> str:
    """Write a date: "21 Nov 2026"."""
    return f"{value.day} {MONTHS[value.month - 1]} {value.year}"


def moment(value: datetime) -> str:
    """Write a moment in WIB: "21 Nov 2026 19.30.05 WIB"."""
    local = value.astimezone(WIB)
    return f"{day(local)} {local:%H.%M.%S} WIB"


def thousands(value: int) -> str:
    """Write a whole number with Indonesian separators: "12.345"."""
    return f"{value:,}".replace(",", ".")


def masked(text: str) -> str:
    """Hide phone numbers and mailboxes: a provider's error often names the citizen."""
    return _ADDRESS.sub("•••", text)


def marked(text: str, words: Iterable[str]) -> Markup:
    """Escape a hostile ``text`` and put ``<mark>`` around each whole word of evidence in it."""
    pattern = _pattern(words)
    if pattern is None:
        return escape(text)
    html, done = Markup(), 0
    for match in pattern.finditer(text):
        html += escape(text[done : match.start()])
        html += Markup("<mark>{}</mark>").format(match[0])
        done = match.end()
    return html + escape(text[done:])


def distinct(words: Iterable[str]) -> list[str]:
    """List evidence once: "lampu jalan" stands for "lampu" too, "lampu … mati" adds "mati"."""
    parts = {part.casefold(): part for part in _parts(words)}
    return [p for low, p in parts.items() if sum(f" {low} " in f" {o} " for o in parts) == 1]


def _parts(words: Iterable[str]) -> list[str]:
    return [p for each in words for part in each.split("…") if (p := " ".join(part.split()))]


def _pattern(words: Iterable[str]) -> re.Pattern[str] | None:
    longest_first = sorted(set(_parts(words)), key=len, reverse=True)
    if not longest_first:
        return None
    either = "|".join(r"\s+".join(map(re.escape, part.split())) for part in longest_first)
    return re.compile(rf"(?<!\w)(?:{either})(?!\w)", re.IGNORECASE)
