"""Which language a message is in, by its little words: Indonesian, English, or cannot say.

Statistical detectors call "lampu jalan mati" Malay; for routing only these two matter.
"""

import re
from itertools import repeat
from typing import Literal

from normalizer.text import vocabulary

Language = Literal["id", "en", "und"]

_INDONESIAN = vocabulary(
    "yang yg dan di ke dari dr untuk utk tidak tdk tak ga gak nggak enggak belum blm sudah "
    "sdh udah udh ini itu ada adalah saya sy kami aku kita mohon tolong harap pak bapak bu "
    "ibu dengan dgn karena krn jika kalau klo kalo akan bisa agar supaya oleh pada sampai "
    "sejak sering selalu lagi juga jg atau jangan jgn sangat sekali banyak bagaimana gimana "
    "apakah kapan kenapa mengapa dimana jalan jln jl lampu air listrik sampah rusak mati "
    "banjir bau macet depan dekat warga rumah hari minggu bulan tahun sekolah lapor laporan "
    "terima kasih selamat pagi siang malam sore kota desa kelurahan kecamatan kabupaten "
    "pemerintah dinas nya tsb sudahkah masih saja aja hanya para privasi"
)
_ENGLISH = vocabulary(
    "the a an is are was were be been and or of to in on at for from with without this that "
    "these those there it its we our my your you he she they have has had not no please can "
    "could would will since because when where what why how who street road light water "
    "broken garbage near days weeks help i am me us do does did very still privacy"
)
_LEANS = dict.fromkeys(_INDONESIAN, 1) | dict.fromkeys(_ENGLISH, -1)
_LEANS |= dict.fromkeys(_INDONESIAN & _ENGLISH, 0)
_WORD = re.compile(r"[a-z]+")
_NUMBER = re.compile(r"\bno(?=[.:# ]{1,3}\d)")
""""no. 12" is a number in both languages, and no word for no."""


def language_of(text: str) -> Language:
    """Return the language of the first 2,000 characters."""
    lowered = text[:2_000].lower()
    leaning = sum(map(_LEANS.get, _WORD.findall(lowered), repeat(0)))
    leaning += len(_NUMBER.findall(lowered))
    return "id" if leaning > 0 else "en" if leaning < 0 else "und"
