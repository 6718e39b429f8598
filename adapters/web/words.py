"""What the web form's senders are told when something is to be mended."""

from typing import Final

from adapters.contract import Tongue

WORDS: Final[dict[Tongue, dict[str, str]]] = {
    "id": {
        "agency": "Nama instansi terlalu panjang (paling banyak {most} huruf).",
        "anonim": "Pilihan anonim tidak dikenal.",
        "key": "Formulir ini tidak lengkap. Muat ulang halaman, lalu kirim lagi.",
        "kind": "Pilih jenis laporan: pengaduan, aspirasi, atau permintaan informasi.",
        "title": "Tulis judul laporan, 5 sampai {most} huruf.",
        "body": "Ceritakan laporan Anda, paling sedikit 20 dan paling banyak {most} huruf.",
        "more": "Tulis tambahan Anda, paling banyak {most} huruf.",
        "command": "Tulis apa yang terjadi. Untuk melihat status laporan, buka halaman Lacak.",
        "date": "Tanggal tidak dapat dibaca. Contoh: 2026-11-21.",
        "address": "Tulis lokasi kejadian (paling banyak {most} huruf).",
        "place": "Tulis lokasi kejadian, atau pakai tombol lokasi.",
        "location": "Koordinat lokasi tidak dapat dibaca. Hapus lokasi, lalu coba lagi.",
        "topic": "Pilih kategori dari daftar, atau kosongkan.",
        "rahasia": "Pilihan rahasia tidak dikenal.",
        "publik": "Pilihan tampil untuk umum tidak dikenal.",
        "name": "Nama terlalu panjang (paling banyak {most} huruf).",
        "contact": "Tulis nomor telepon atau alamat e-mail yang benar, atau kosongkan.",
        "files": "Paling banyak {most} lampiran.",
        "large": "Lampiran “{name}” terlalu besar: paling banyak 5 MB tiap lampiran.",
        "format": "Lampiran “{name}” bukan foto, video, atau PDF.",
        "unknown": "Formulir ini memuat isian yang tidak dikenal. Muat ulang halaman.",
        "repeated": "Isian ini terkirim lebih dari sekali. Muat ulang halaman.",
        "unreadable": "Kiriman tidak dapat dibaca. Muat ulang halaman, lalu kirim lagi.",
        "invalid": "Ada isian yang perlu diperbaiki.",
        "forged": "Kiriman ini tidak berasal dari halaman kami. Buka halaman ini lagi.",
        "throttled": "Terlalu banyak kiriman dari jaringan ini. Coba lagi dalam {minutes} menit.",
        "held": "Kiriman Anda kami simpan dan diperiksa petugas sebelum diproses.",
    },
    "en": {
        "agency": "The name of the agency is too long (at most {most} characters).",
        "anonim": "The choice for anonymity is not known.",
        "key": "This form is incomplete. Reload the page and send it again.",
        "kind": "Choose a kind of report: complaint, aspiration or request for information.",
        "title": "Write a title of 5 to {most} characters.",
        "body": "Tell us about it in at least 20 and at most {most} characters.",
        "more": "Write your addition in at most {most} characters.",
        "command": "Write what happened. To see where a report stands, open the Track page.",
        "date": "The date cannot be read. Example: 2026-11-21.",
        "address": "Write where it happened (at most {most} characters).",
        "place": "Write where it happened, or use the location button.",
        "location": "The coordinates cannot be read. Remove the location and try again.",
        "topic": "Choose a category from the list, or leave it empty.",
        "rahasia": "The choice for confidentiality is not known.",
        "publik": "The choice for showing it in public is not known.",
        "name": "The name is too long (at most {most} characters).",
        "contact": "Write a valid phone number or e-mail address, or leave it empty.",
        "files": "At most {most} attachments.",
        "large": "The attachment “{name}” is too large: at most 5 MB each.",
        "format": "The attachment “{name}” is neither photo nor video nor PDF.",
        "unknown": "This form has a field that we do not know. Reload the page.",
        "repeated": "This field was sent more than once. Reload the page.",
        "unreadable": "What was sent cannot be read. Reload the page and send it again.",
        "invalid": "Some fields need to be corrected.",
        "forged": "This was not sent from our page. Open the page again.",
        "throttled": "Too many reports from this network. Try again in {minutes} minutes.",
        "held": "We have kept what you sent; an officer looks at it before it is processed.",
    },
}


def tongue_of(accept_language: str) -> Tongue:
    """Choose the language of an answer: Indonesian, unless English is asked for first."""
    return "en" if accept_language.strip().lower().startswith("en") else "id"
