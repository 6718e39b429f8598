"""What hints at a wish, by sign: words that say little alone, and much together and in order.

A sign is some of the kinds of ``normalizer.wish_words`` taken together, and words of its own: those
that no rule may rest on. A word ending in ``*`` stands for all that begin so.
"""

from functools import lru_cache

from normalizer.wish_words import WishLexicon

_OF_KINDS = {
    "ME": "ME MINE OWN MY",
    "NAME": "NAME MINE OWN",
    "PROHIBIT": "DONT JANGAN",
    "NO": "NO WONT WITHOUT NEG",
    "WITHOUT": "WITHOUT",
    "REVEAL": "SAY PUBLISH GIVE TELL",
    "HIDE": "HIDE HIDING HIDEIT HIDDEN COVER HIDES",
    "OWN": "OWN MINE",
    "SECRET": "SECRET BARE KEPT",
    "ANON": "ANON NONAME HAMBA ADVERB",
    "KEEP": "KEEP",
    "KNOWN": "KNOWN CAUGHT",
    "CAUGHT": "CAUGHT",
    "FEAR": "FEAR",
    "REPORT": "REPORTS",
    "ONLY": "CUKUP",
    "ASK": "PLEAD",
    "THEM": "HIM PUBLIC SOMEONE",
    "NOBODY": "NOBODY",
    "OFFICIAL": "OFFICIAL",
    "WEB": "MEDIA",
    "PAPER": "THISONE",
    "UNDO": "CANCEL",
    "MAY": "MAY",
    "OPEN": "OPEN UNCOVER",
    "WHO": "WHO",
    "FROM": "DARI",
    "LEST": "NOTUNTIL LET",
    "SO": "BIAR",
    "THIRD": "THIRD GUILTY",
    "QUOTE": "QUOTE",
    "THING": "THING GIFT",
    "KIN": "KIN",
    "REAL": "REAL",
    "PAST": "PAST",
    "OFF": "OFF",
}

_WORDS = {
    "ME": """hami hita ahu awak wak nyak ulon lon ulontuan engkok engko' engko sengko' sengko
        kaule kaula dewek urang iyya idi' da' katong sa tong ahu hamba penulis kuringna abdina
        kulo ingong aq akoh w gua gwe gw we're i'm im i've me myself ourselves our""",
    "NAME": """goar goarhu goarna namangku asmanipun asmane asmaku wastana wastane ngarana
        nyamana nyamaku jenengmu aran aranku namina namong namo inisial* inisialnya identity
        identities id nik ktp surname data datanya datadiri biodata personal kontak""",
    "FACE": """wajah muka suara suaraku suaranya foto fotoku fotonya mukaku wajahku face voice
        photo plat avatar rumahku""",
    "PROHIBIT": """ojok ojok'an aja' ampun sampun unang unangma da' ja' jo'ja' tusah usah jangki
        jangan-jangan janganki eda sing teda bek beik bekna tea dek nyampe dang ngga-usah nda-usah
        never dont do-not don't avoid ula ulah entong montong kade ojo-ojo""",
    "NO": """tra trada tara moal embung mboten nenten ten ndeq endak endik nda teu teung kaga
        hana han tida' ndang so'al tak indak indok cannot can't couldn't shouldn't mustn't wont
        won't isn't not never without tanpo tanpa moh emoh wegah gakusah""",
    "REVEAL": """ketik* dipajang* pajang* dipasang* diwara-wara wara-wara diwarta* wartaka*
        dikandak* kandakno kandakake ngandakno dipertontonkan diungkit ungkit merembet rembet*
        nyangkut kesangkut kesebut kasebut kasambat kecatut kebuka kebaca keluar* kaluar* kasobyah
        dimunculin dimuat dimuatkan muat diberitakan beritakan diberitahukan mengungkapkan peugah
        geupeugah paboa paboahon paboahonon dok dohot pasahat teppu dipadah* padah* dibagikan
        bagikan diteruskan teruskan diserahkan serahkan disodorkan dilampirkan terunggah unggah*
        retweet diretweet repost direpost tag ditag tayang* ditayang* siarkan diarsipkan konten
        dijadikan forward diforward screenshot ditunjukkan dikuak terkuak nyebar disiarkan dibahas
        dibacakan dihadirkan hadirkan dipertemukan ditelpon telpon dihubungi hubungi menghubungi
        dilacak lacak melacak dicari-cari dicari cari nyari dikutip kutip tembusan cc
        release released reveal* disclos* shared display* posted published broadcast named naming
        attached pass passed forwarded mention* told tell telling quote quoted link linked
        disabuik-sabuik sabuik kecekkan dikecekkan katokan bongkar* dibongkar* terungkap disodok
        nyebutin disebutin sebutin ekspos* expose exposed dioper oper dilempar lempar""",
    "HIDE": """singidaken disingidaken dipunsingidaken singid* dhelikno delikno didelikno umpetno
        diumpetno sumputkeun disumputkeun disumput* nyumput sumput* basuruak suruakkan
        dikucikan mengkeb engkeb* sengidang kengkebang beunisokom peusom som somkan cokkoi nabuni
        buni bunihon tabunihon buniaku toso tosok peteng ditutup tutup tutupi tutupin nutup
        diblur blur blurin blurkan disensor sensor sensorin diburamkan buramkan crop dicrop
        dikaburkan kaburkan dihapus hapus hapusin buang dibuang hilangkan ilangin diilangi
        dihilangkan hilangin coret dicoret kosongkan dikosongkan penyamaran disamarkan samaran
        samarannya samarkan samarin samar dilindungi lindungi perlindungan melindungi protected
        protect protection conceal concealed withhold withheld redact redacted anonymize
        anonymise hidden hide omit ditutup-tutupi simpankan simpan disimpan disimpen simpen jaga
        dijaga jagain jagakan ditahan amankan diamankan umpet* ngumpet sembunyi* bersembunyi
        dibungkam rapat rapat-rapat""",
    "SECRET": """diam-diam diem-diem diem2 diam2 diam diem rahasia rahasiaan rahasianya rasiah
        rusiah wadi sinengker discreet discreetly confidence secretly quietly private privately
        privat privasi pribadi tertutup internal terbatas ngendep bisik-bisik sileuman offrecord
        offline senyap""",
    "ANON": """incognito inkognito anonim* anonym* unanonymous un-anonymous hambaallah pseudonim
        pseudonym alias samaran disamarkan nickname nn mr fulan unnamed nameless tanpanama
        whistleblower wb""",
    "AS": """anggap anggep anggaplah sebut tulis ditulis tulisin sebutlah bikin jadikan dibikin
        cantumkan pakai pake diganti ganti ditulisnya panggil call listed listing write put
        as sebagai atas""",
    "NOBODY": """warga masyarakat rakyat seseorang pembaca pemerhati somebody someone resident
        citizen pengendara penduduk jemaat wali orang urang wong oreng""",
    "KNOWN": """tau tahu taunya tahunya tw taw ngerti ngertos mangertos uninga kauningin kauninga
        nyaho terang terangeun oningeun tawang tawanga naawang kataon tupeue teupue turi tedeng
        diboto binoto umboto dikenal kenal dikenali mengenali ngenalin kecium tercium ketangkap
        ketahuan* ketauan* ketawan konangan kanyahoan* katahuan* kedapatan terbongkar
        traced tracked recognised recognized identified identify identifiable""",
    "FEAR": """takut takot tako' takuik takuk tkut wedi wedos ajrih ajerih jejeh sieun gimir
        mabiar metau' mikku mitau' khawatir kuatir was-was waswas cemas ngeri gentar parno
        trauma segan sungkan enggan gugup afraid scared fear fearful worried worry terrified
        nervous taruhannya nyawa bahaya risiko resiko riskan celaka malu isin wirang era supan
        maluka""",
    "HARM": """dipecat pecat dimutasi mutasi dimusuhi musuhi dikucilkan dikucilin dijauhi
        diberhentikan diputus diperpanjang dikeluarkan dikeluarin didepak dipersulit disulitin
        dibalas balas balasan dendam pembalasan diintimidasi intimidasi diteror teror diancam
        ancam ancaman dihajar dipukul dipukuli digebukin gebukin dikeroyok dibakar dilempari
        disiksa dibunuh dihabisi habis mati tamat didatangi didatengin disamperin samperin
        dilabrak dilaporin digugat dituntut dituduh fitnah dicari dicoret dipotong diusir usir
        diceraikan dicerai dibully dirundung dimarahi dimarah marah ngamuk namarahika dipisuhi
        pandandam dapa pukul fired sacked retaliate retaliation punished revenge evicted deported
        beaten killed lose hurt demoted bullied diboikot diskors nilai raport dijegal
        ditandai diincar dikutuk dipelet disantet""",
    "POWER": """lurah lurahe kades kadus camat bos bosku boss bosnya juragan dunungan induak
        majikan mandor atasan pimpinan kepala kepsek guru dosen polisi polsek rt rw pak'rt
        preman tentara aparat hrd manajer direktur pemilik tetangga tangga tatangga tonggo
        sodara saudara sedulur sedulurku dulur lik paman pakde bapakku suami suamiku mertua ipar
        perbekel kelian prajuru klebun keuchik geuchik wali jorong kepalo pambakal pembakal
        dukuh carik bayan landlord boss employer manager neighbour neighbor headmaster principal
        chief terlapor yang-bersangkutan pelaku pelakunya orangnya mereka sekampung""",
    "STAFF": """admin min mimin petugas operator tim dinas inspektorat penyidik ombudsman bpk pak
        bapak ibu kak kakak bu instansi kalian anda panjenengan""",
    "REPORT": """lapor* melapor* ngelapor* nglapor* malapor* mallapor* ngalapor* dilapor* aduan*
        mengadu* ngadu* ngadukan matur wadul sambat pelapor* pengadu* pengirim* informan sumber
        sumbernya info informasi infonya narasumber whistleblower reporter report* complain*
        bersuara speak spoke talked talked ngomong ngomongin bicara cerita ngasih memberitahu
        source tipster witness saksi penitip titipan""",
    "PAPER": """laporan laporanku aduan aduanku pengaduan keluhan lapuran isi isinya kronologi
        kronologinya uraian lampiran lampirannya dokumen dokumennya berkas video videonya rekaman
        rekamannya bukti buktinya surat suratnya cerita ceritanya curhat curhatan carita chat
        percakapan materi konten detail detil keterangan tiket postingan data hasil visum
        contents content complaint documents attachment attachments evidence recording story
        case statement file files letter message messages details ticket laporanipun
        perkara masalah aib penyakit medis kasus medical""",
    "WEB": """facebook fb ig instagram website web situs laman halaman beranda feed medsos sosmed
        tiktok twitter grup wa koran berita media wartawan internet online youtube timeline google
        dashboard publik public umum portal aplikasi page site press news newspaper konsumsi
        portalnya websitenya webnya umume kathah tiyang dashboard channel pencarian tampilan
        papan pengumuman""",
    "WHOSE": """yang yg sing nu nan ingkang sane ane se who that""",
    "INVOLVE": """bawa* dibawa* dibabawa dibao-bao digowo-gowo gowo libat* dilibat* melibat* seret*
        diseret* terseret keseret kebawa-bawa kebawa kait* dikait* kaitkan dikaitkan sangkut*
        disangkut* kesangkut nyangkut tersangkut ikut-ikutan ikutkan saksi dipanggil panggil
        dihadirkan hadirkan berurusan urusan ikut involve* involved drag dragged traced linked
        dikonfrontir dipertemukan""",
    "GUESS": """ketebak tebak menebak nebak curiga dicurigai mencurigai dituduh tuduh nuduh suspect
        guess lacak dilacak melacak ngelacak ketauan tracing trace traced usut diusut dicari-cari
        cari""",
    "SAFE": """aman keamanan keselamatan selamat jamin dijamin menjamin jaminan terjamin lindungi
        dilindungi perlindungan melindungi safe safety guarantee protect protection jaga dijaga
        menjaga jagain hati-hati hati2""",
    "ONLY": """cukup cuma cuman hanya khusus mung namung wungkul hungkul just only sebatas aja
        saja wae mawon bae""",
    "AGAIN": """lagi maneh malih deui lai lei baliak kembali balikin anymore again longer tidakjadi
        kembalikan semula""",
    "NOW": """sekarang skrg sudah udah udh sdh wis wes geus parantos alah lah su now already
        terlanjur telanjur""",
    "FORMER": """tadi tadinya kemarin kmrn kemaren dulu awalnya semula sebelumnya wingi kamari
        patang earlier before previously last pertama bulan minggu""",
    "WILLING": """siap siaplah bersedia berani brani barani wani wantun rela ikhlas ridho sanggup
        setuju izinkan ijinkan mengizinkan silakan silahkan mangga monggo sok buliah boleh bole
        gpp gapapa gakpapa raopo rapopo masalah keberatan okay ok fine willing allow may can free
        agree consent happy saksi terbuka resmi""",
    "UNDO": """cabut dicabut mencabut batal batalin batalkan dibatalkan pembatalan urung gajadi
        jadi ralat koreksi salah kepencet matiin dimatiin matikan nonaktifkan lepas lepasin
        dilepas hapus undo cancel cancelled withdraw revoke remove switch turn unhide uncheck
        ubah ubahlah diubah ganti diganti tarik menarik ditarik stop berhenti""",
    "NEED": """perlu butuh usah paralu parlu kudu harus need needn't necessary penting kedah sios
        susah""",
    "OPEN": """buka bukak bukain dibuka tampilkan tampilin munculin munculkan dimunculin cantumin
        cantumkan dicantumkan tulis tulisin ditulis tuliskan ditokne tokne show use reveal
        publish pasang dipasang pakai pake dipakai gunakan digunakan sebut sebutin sebutkan
        disebut kaluar keluarkan dikaluarkeun dipun serat catat dicatat atas ungkapkan""",
    "LEST": """sampai sampe smpe smp sampek nganti ngantos nepi dugi sampek nyampe kalau kalo klo
        kl kalok menawi mun lamun yen nek lest misal semisal jika if in-case unless takutnya
        ngantos gantosan jgnsampe""",
    "WANT": """mau ingin pengen pingin pgn pengin want wish prefer rather would hayang kersa handak
        memilih pilih milih minta mohon tolong please pls plz plis punten tulung nyuwun nunas
        suksma kiranya harap mhn tlg keep remain stay tetap ttp""",
    "ASKING": """kenapa kok mengapa bagaimana gimana apakah apa kapan berapa dimana siapa mana
        what how why when where who bisakah bolehkah napa naha""",
    "MATTER": """jalan gang daftar dtks kk akta kartu bansos penerima papan tagihan sertifikat
        desa kampung sekolah toko produk obat pemilih undangan plang rambu jalanan formulir
        sistem pinjol pemenang hacker rapor lowongan tarif jadwal hasil anggaran proyek""",
}  # fmt: skip

_LEXICON = WishLexicon(_WORDS)
_BY_KIND = {
    kind: frozenset(sign for sign, kinds in _OF_KINDS.items() if kind in kinds.split())
    for kinds in _OF_KINDS.values()
    for kind in kinds.split()
}


@lru_cache(maxsize=8_192)
def signs(word: str, kinds: frozenset[str]) -> frozenset[str]:
    """Return the signs of a word, or of several that are one, of some kinds."""
    found = [_LEXICON.of_bare(part) for part in word.split()]
    return frozenset[str]().union(*found, *(_BY_KIND.get(kind, ()) for kind in kinds))


def words_of_signs() -> tuple[str, ...]:
    """List the words that are a sign by themselves, stems as words."""
    return tuple(sorted({word.rstrip("*") for words in _WORDS.values() for word in words.split()}))
