"""The words of which wishes about one's own name are made, by kind: slang, English, regional.

A word ending in ``*`` stands for all that begin so. A pair is one word written in two.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache

from normalizer.text import vocabulary

_KINDS = {
    "NAME": """namane nama nm name names namo ngaran jeneng asma nami nyama nyamana adan wastan
        wasta aseng areng identit* indentitas jatidiri profil nomor nomer no nmr nomornya nomernya
        number namanya jenengnya jenenge ngarana privasi email alamat""",
    "MINE": """namaku namaq namasaya jenengku asekku arengku ngaranku identitasku nomorku nomerku
        namiku profilku myname""",
    "PART": """diri lengkap asli panggilan pribadi sendiri dan serta alamat kontak email keluarga
        anak istri suami ibu bapak orang tua data nomor nomer no hp wa and real full phone
        address""",
    "ME": """ane saya sy sya syaa saye aku ak akyu gue gua gw guwe kami abdi kuring kula kulo ulun
        unda ambo den denai aye engko kaula tiang tiange titiang iya nakke sa beta kita kitorang
        torang me i us pelapor* pengirim* pengadu* saia sayah inyong awak reporter mine""",
    "KIN": """anak istri suami ibu bapak ayah adik kakak teman tetangga bos bosnya keluarga mertua
        sepupu nenek kakek paman bibi saudara majikan guru atasan rekan murid siswa""",
    "DONT": """usah unang sampunang sampung sungkanan beek moh emoh jangankan jangn jangan jgn jng
        jngn jngan jang jgan janganlah ojo sampun ulah teaki dont never don't""",
    "WITHOUT": "tanpa without",
    "WONT": """gausah gamau gaperlu gapengen gaingin gakmau gkmau gaboleh gabole gakusah ogah emoh
        moh alim embung nggamau enggan ndakmau takmau takusah cannot wouldn't won't""",
    "GIVE": """kasih kasi kase dikasih dikasi diberi diberikan memberikan memberi kasikan keluar*
        dikeluar* dikaluar* kaluar* nongol* muncul* dimunculkan naik dicatat catat pake dipake
        dipakai pakai dipaparkan diserahkan diteruskan diinfo* disampaikan serahkan give given
        giving kasobyah* sobyah* diuar* diwartos* disobyah* ketok ditokne ngetok* dikatok*
        terlihat dilihat lihat kelihatan kebaca dibaca terbaca nampang ekataoe masuk dimasuk*""",
    "DONT_SAY": "aja ja jan da tong eda ampun tea we",
    "LET": "let biarkan biarin biar",
    "BUKAN": "bukan not dudu sanes",
    "ADVERB": "anonymously",
    "JANGAN": "jangan jgn jngn jng dont don't",
    "UNCOVER": "buka tampilkan munculkan bukain reveal show",
    "HIDES": """menyembunyi* nyembunyi* merahasia* ngerahasia* menyamar* disumput* dirahasia*
        ditutup*""",
    "NOBODY": "nobody noone",
    "SOMEONE": """ada orang siapa* seorang anyone anybody someone them him her they dia mereka
        tetangga bos""",
    "DARI": "dari dr datang sumbernya from",
    "CUKUP": "cukup hanya cuma cuman only just",
    "TO": "ke sama kepada pada kpd kpda dengan to ka ku karo marang dgn",
    "TELL": """beritahu* bilang* ngomong* kasihtau* kasitau* kasitahu* kasihtahu* cerita* bocor*
        omongin sampaikan beja* kandha* padah* kecek* bisik* tell say""",
    "P": "p pe pu punya peu",
    "MY": "my our",
    "HAMBA": "hambaallah",
    "OFF": "offtherecord",
    "BIAR": "biar supaya agar spy sehingga so",
    "WANT": """tolong tlg tlong mohon mhn minta mnta harap pls plis please plz tulung punten saya
        sy sya aku gue gua gw kami mau ingin pengen pgn pilih memilih biar jadi menjadi sebagai
        secara tetap ttp lapor melapor ngelapor lapornya melaporkan dibuat buat jadikan dijadikan
        status want wish prefer stay remain be keep would like to abdi kula ulun ambo titiang
        kuring as report reporting melaporkannya lanjutkan dilanjutkan statusnya laporkan kirim
        pengirim pelapor""",
    "PLEAD": """tolong tlg tlong mohon mhn minta mnta harap pls plis please plz tulung punten agar
        supaya spy biar usahakan pastikan bisa semoga hoping hope""",
    "INI": "ini this it",
    "NO": """mboten boten dang nenten ten tara tida' tra trada indak ndk tidak tdk tak gak ga gk g
        nggak ngga ndak enggak engga kaga kagak ora teu kada gausah gamau nda tida tidaklah""",
    "WILL": """butuh harus namuah keneng siap usah perlu mau ingin berani brani boleh bs bisa sudi
        pengen pgn want purun wani wantun hayang jadi sah kedah nak rela bersedia""",
    "SAY": """beritahu* memberitahu* sambat* perlihat* sebut* disebut* menyebut* nyebut* nyebat*
        nyambat* manyambat* ambat* sabuik* disabuik* yebut* nyebbut* teppu* cantum* dicantum*
        mencantum* sebar* disebar* menyebar* nyebar* bocor* dibocor* ngebocor* publik* dipublik*
        mempublik* ungkap* diungkap* mengungkap* tampil* ditampil* menampil* buka dibuka membuka
        tulis ditulis tulisin menulis* umbar* diumbar* bilang* dibilang* ngomong* omong* diomong*
        beja* dibeja* kandha* kondo ngandhani padah* dipadah* kecek* dikecek* mupau pau upau kaoca
        ka'oca oca bawa* dibawa* libat* dilibat* seret* diseret* sangkut* disangkut* catut* share*
        dishare* post posting* diposting* viral* diviral* ekspos* diekspos* umum* diumum*
        kasihtau* kasitau laporin tunjuk* ditunjuk* lihatin tell mention reveal disclose publish
        say expose use pakai pake giving give leak print show ngadu ngaku mengaku cerita*
        diceritakan""",
    "HIDE": """perlindungan rahasia* dirahasia* rhasia* rusiah* dirusiah* rasio* dirasio*
        sembunyi* disembunyi* umpet* diumpet* suruak* disuruak* suruk* disuruk* engkeb* cokko*
        subbu* samar* disamar* pundhelik* dipundhelik* dhelik* didhelik* dilindungi lindungi
        disensor* diblur* kerahasia* secret private hidden hide confidential anonim* dianonim*
        anonym* diinisial*""",
    "HIDDEN": """tertutup privat* privasi terbatas rahaisa rahasia* dirahasia* rhasia* rusiah*
        disembunyi* disamar* hidden confidential secret dijaga disimpan""",
    "COVER": """dijaga jaga jagain amankan diamankan sensor* blur* ditutup* tutup tutupi tutupin
        dihilangkan dihilangin hilangkan dihapus hapus safe out inisialkan aman melindungi
        dikosongkan kosongkan diumpetin""",
    "KEEP": "keep jaga dijaga jagain simpan pegang",
    "HIDEIT": """rahasiakan rahasiain rahasiaken rahasiakanlah rahasiaang rahasiakn sembunyikan
        sembunyiin umpetin samarkan samarin rusiahkeun rasioan suruakan""",
    "HIDING": """rahasiakan rahasiain rahasiaken rahasiakanlah rahasiaang rahasiakangi rahasiaakan
        rahasiakn rhasiakan dirahasiakan dirahasiain dirahasiakn rahasiakke dirahasiakke
        rusiahkeun rasioan sembunyikan sembunyiin sembunyiakan umpetin suruakan engkebang cokkoi
        subbui samarkan samarin lindungi hide disamarkan disembunyikan""",
    "BARE": "rahasia rahaisa confidential privat private",
    "SECRET": """rahasia* rahaisa dirahasia* rhasia* rusiah* secret confidential kerahasia*
        offtherecord""",
    "FEAR": """waswas was-was deg-degan takut takutan tkt takuik wedi ajrih sieun tako jejeh
        metau* mallaka* khawatir kuatir ngeri afraid scared takutnya worried""",
    "KNOWN": """ketahuan* ketauan* ktauan* ketawan konangan kanyahoan* katahuan* katauan tau tahu
        tw ngerti etemmo* tawang* naisseng naasseng dikenal* diketahui dibalas* diintimidasi
        diteror dimusuhi dikucilkan dipersulit diincar disangkutpautkan diketahuin foundout know*
        exposed didatangi diancam ketaun terbongkar""",
    "CAUGHT": """ketahuan* ketauan* ktauan* ketawan konangan kanyahoan* katahuan* katauan dikenali
        dikenal diketahui exposed identified foundout ketaun terekspos""",
    "REPORTS": """ngomong menyampaikan nyampein bilang wadul nyampaikeun ngewarah nyampaikan
        lapor* melapor* ngelapor* nglapor* malapor* mallapor* ngalapor* lporin aduan* adu ngadu*
        pengaduan* report* mengadu* kirim ngirim nulis menulis cerita""",
    "WHO": "siapa* sapa* sopo* saha* sia anyone anybody whoever spa",
    "ANON": "incognito inkognito anoni anonim* dianonim* anonym* anomin annonim anonin",
    "NONAME": "noname tanpanama tanpaidentitas withoutname hambaallah nn samaran",
    "SOFT": """semua semuanya wkwk wkwkwk hehe hihi bs bsa nggeh njeh wae mawon kemawon atuh euy
        cuy pak bapak bpk bu ibu min admin kak kakak mas mbak bang gan om ya y yah ye yo yaa nya
        nggih njih nah neh e lah dong donk dg dgn aja aje ae we bae gen haja ja saja sj sja jo mi
        ji ki sudah please pls plis plz tolong tlg tlong mohon mhn kalau klo kalo bisa makasih
        mksh terima kasih trims suwun nuhun thanks thank you untuk laporan ini itu saya kami
        sekali bgt banget juga jg deh sih lho loh kok tetap ttp selalu harap minta demi keamanan
        keselamatan terimakasih kepada siapapun siapa pun sir mam mister amin and dan dulu lagi
        sifatnya bersifat berstatus statusnya maaf mf punten seterusnya selamanya  boss abangku
        pakde bude""",
    "ASK": """tolong tlg tlong mohon mhn minta mnta harap pls plis please plz tulung punten saya
        sy aku gue gw kami mau ingin pengen pgn pilih biar ini jadi lapor laporan melapor sebagai
        secara tetap ttp status selamanya untuk agar supaya bisa dapat want wish would like prefer
        to i am im me stay remain be keep sebaiknya lebih baik memilih menjadi dibuat buat
        jadikan""",
    "LINK": """is are kalau karena karna krn soalnya soale sebab tapi tp dan jadi juga jg makanya
        memang sangat sgt agak sebenarnya sebetulnya jujur cuma hanya terus trs lalu because but
        since so and biar agar supaya nanti klo kalo jika nek lamun just really very am im were
        was""",
    "THIRD": """dia ia mereka petugas pegawai oknum pelaku warga masyarakat guru kepala camat
        lurah kades pejabat polisi rt rw anggota korban saksi sumber orang penjual sales
        kontraktor they he she officer someone masyarakatnya tersangka panitia pengurus perusahaan
        kantor dinas pemerintah sekolah developer beliau nya penelepon penyebar ketua rekan
        perangkat preman bank ibu2 them""",
    "QUOTE": """menurut kata bilang katanya kate ujar ujarnya ucap ucapnya berkata berpesan
        pesannya tertulis bertuliskan tulisan tulisannya judul judulnya berjudul spanduk says said
        katane cenah cakna berbunyi menyuruh suruh disuruh nyuruh ngancam mengancam perintah
        perintahnya isinya bilangnya jawabnya jawab menjawab alasan alasannya dalih""",
    "THING": """surat akun pesan nomor telepon donatur grup penelepon selebaran email sms wa chat
        sumbangan telp nomer pengguna user profil buzzer laman kritik survei angket kotak
        kuesioner hacker whatsapp fitur kata istilah menu pilihan tombol kebijakan pengirim note
        account caller donor letter orang sumber penulis vandal artikel layanan""",
    "VERB": """yang yg itu adalah telah sering bisa boleh apakah aman tidak tdk ga gak ber* men*
        mem* is are was were biasanya malah tersebut akan selalu kenapa diproses ditolak
        diabaikan""",
    "THISONE": "laporan laporanku aduan aduanku pengaduan pengaduanku report keluhan lapuran",
    "PUBLIC": """mana dimana kemana siapapun umum publik masyarakat warga orang lain media koran
        wartawan medsos kathah rame ramai pers public""",
    "MEDIA": """facebook fb ig instagram website web medsos sosmed tiktok twitter grup koran
        berita internet online youtube beranda timeline feed media websitena wall""",
    "OFFICIAL": """inspektorat petugas admin bapak ibu dinas kepala internal pimpinan kalangan
        pihak pejabat min operator yang yg tim penyidik officer staff""",
    "FORONLY": "untuk buat kanggo kangge keur for dibaca dibuka baca oleh",
    "PAST": """kemarin tadi dulu waktu sempet sempat sebelumnya kmrn tadinya awalnya wingi earlier
        before""",
    "REAL": "asli sebenarnya beneran real",
    "PUBLISH": """dipublis* publish* dilihat dibaca dibacakan ditaro ditaruh dibahas diketahui
        dibuka disiar* dipajang dimasukkan nongol tayang muncul dipun* masuk diperlihat* ditonton
        kabocor* bocor* dipublik* publik* mempublik* disebar* sebar* menyebar* diumum* diposting
        posting* dishare* share* diviral* viral* ditampil* tampil* dimuat muat ditayang* diekspos*
        ekspos* dipamer* diunggah upload* dibocor*""",
    "OPEN": """muncul muncule nongol dikaluarkeun disabuik sabuik sebutan pakai dipake ditulis
        tulis munculin kasih dikasih dikenal buka tampilkan munculkan sebut sebutkan sebutin
        cantumkan cantumin pake pakek tunjukkan gunakan show use reveal bukain perlihatkan
        tulislah mention masukkan dibuka ditampilkan disebut disebutkan dicantumkan dipakai
        dimunculkan publikasikan""",
    "MAY": """buliah mangga mangg gakpapa gapopo ga-papa gapapa raopo ra popo ridho ikhlas siap
        berani wani boleh silakan silahkan gpp bisa oke ok rela izinkan ijinkan setuju bersedia
        monggo may can allow jadi sekarang""",
    "CANCEL": """diubah mengubah urungkan ditarik tarik batal batalkan batalin dibatalkan cabut
        dicabut hapus dihapus berhenti stop lepas dilepas hilangkan ganti ubah ubahlah cancel
        remove undo matikan nonaktifkan jangan jgn urung""",
    "NEG": """dont don't tidak tdk tak gak ga gk nggak ngga ndak enggak ora teu kada indak gausah
        gajadi not no longer bukan""",
    "GUILTY": "pelaku* dalang* oknum* namanya dia maling*",
    "CROWD": "warga masyarakat anak karena publik umum orangtua",
    "GIFT": """bantuan santunan beras bingkisan nama donatur sumbangan infak sedekah infaq dana
        kotak donasi uang""",
    "HIM": """pak bu bapak ibu lurah kades camat rt rw kepala dia mereka tetangga bos guru warga
        siapa* orang* anyone her him them boss istri suami ketua kantor desa pihak""",
    "KEPT": "kerahasia* confidentiality",
    "AFTER": """wkwk wkwkwk hehe atuh mawon sayang bos boss cuy nggeh juga thanks please makasih
        pak bapak bpk bu ibu min admin kak mas mbak bang gan om ya yah ye yo yaa nggih nah neh lah
        dong donk aja aje ae wae we bae gen haja saja sj sja pls plis tolong mohon deh sih""",
    "FOR": "untuk buat tanpa demi di pada dalam sebagai for dtks daftar dpt sementara",
}  # fmt: skip
"""Kinds of words. One word may be of several."""

_PAIRS = (
    ("data", "diri pribadi identitas saya", "NAME"),
    ("jati", "diri", "NAME"),
    ("no nomor nomer nmr", "hp wa telp telpon telepon tlp kontak handphone", "NAME"),
    ("phone", "number", "NAME"),
    ("ora", "popo opo", "MAY"),
    ("tidak gak ga nggak tdk", "masalah keberatan", "MAY"),
    ("rather prefer", "not", "WONT"),
    ("hamba", "allah", "HAMBA"),
    ("tanpa", "nama identitas", "NONAME"),
    ("no", "name names", "NONAME"),
    ("nama", "samaran", "NONAME"),
    ("kasih kasi kase beri ngasih memberi kasih", "tau tahu tahukan tw taw", "SAY"),
    ("dikasih dikasi diberi dikase", "tau tahu tw", "SAY"),
    ("dikasih ngasih kasih", "taukan", "SAY"),
    ("jangan jgn jan jang ulah ojo aja jng", "sampai sampe smpe sampek nepi nganti", "NOTUNTIL"),
    ("found find finds finding", "out", "CAUGHT KNOWN"),
    ("off", "the", "OFF"),
    ("antara", "kita", "OFF"),
    ("between", "us", "OFF"),
    ("no", "one", "NOBODY WHO"),
    ("do", "not", "DONT"),
    ("don", "t", "DONT"),
    ("tidak gak ga nggak ngga ndak tdk tak", "papa apa", "MAY"),
    ("simpan", "rapat", "HIDE"),
    ("kase kasi kasih", "rahasia sembunyi", "HIDING"),
    ("it", "was", "DARI"),
)  # fmt: skip
"""What is one word though it is written as two: (first, second, kinds)."""


class WishLexicon:
    """Which kinds a word is of, looked up at once however many words there are."""

    def __init__(self, table: Mapping[str, str]) -> None:
        whole: dict[str, set[str]] = defaultdict(set)
        stems: dict[str, set[str]] = defaultdict(set)
        for kind, words in table.items():
            for word in vocabulary(words):
                (stems if word.endswith("*") else whole)[word.rstrip("*")].add(kind)
        self._whole = {word: frozenset(kinds) for word, kinds in whole.items()}
        self._stems = {word: frozenset(kinds) for word, kinds in stems.items()}
        self._lengths = sorted({*map(len, stems)})

    def of(self, word: str) -> frozenset[str]:
        """Return the kinds of a word as it is written, or as one of the stems begins it."""
        found = self._whole.get(word, frozenset())
        for length in self._lengths:
            if stem := self._stems.get(word[:length]):
                found |= stem
        return found

    def of_bare(self, word: str) -> frozenset[str]:
        """Return the kinds of a word, or else those of it without its endings."""
        return self.of(word) or next(filter(None, map(self.of, _bare(word))), frozenset())


_SHORTEST = 5
_ENDINGS = re.compile(
    r"(?P<head>di|ke|ka|me|ny|ng)?(?P<stem>[a-z]{3,}?)(?:kan|in|i|ke|ken|keun|nya|lah|nyo|ne)?"
)
_LEXICON = WishLexicon(_KINDS)
_JOINED = {
    (first, second): frozenset(kinds.split())
    for firsts, seconds, kinds in _PAIRS
    for first in firsts.split()
    for second in seconds.split()
}


@lru_cache(maxsize=4_096)
def kinds(word: str) -> frozenset[str]:
    """Return the kinds of a word in small letters."""
    return _LEXICON.of_bare(word)


def join_words(first: str, second: str) -> frozenset[str] | None:
    """Return the kinds of two words that are one, or None."""
    return _JOINED.get((first, second))


def words_of(kind: str) -> tuple[str, ...]:
    """List the words of a kind, stems as words, and the pairs that are one word."""
    pairs = sorted(" ".join(pair) for pair, of in _JOINED.items() if kind in of)
    return (*sorted(word.rstrip("*") for word in _KINDS.get(kind, "").split()), *pairs)


def _bare(word: str) -> Iterator[str]:
    """Yield a word without its endings: "dimunculin", "bebeja" and "identitasnya"."""
    if len(word) > _SHORTEST and word[:2] == word[2:4]:
        yield word[2:]
    if ended := _ENDINGS.fullmatch(word):
        yield from filter(None, (ended["stem"], f"{ended['head'] or ''}{ended['stem']}"))
