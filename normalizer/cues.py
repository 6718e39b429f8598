"""Words around a name that say what it is: tables, read by ``mentions`` and ``localities``."""

from normalizer.message import Level
from normalizer.text import vocabulary

BEFORE: dict[str, float] = {
    word: most
    for most, words in (
        # a dish, a club, a company, or a piece of nature that only shares the name
        (0.0,
         "nasi sate soto bakso mie mi pecel tahu batik pempek salak rawon rendang gudeg kerupuk "
         "martabak lumpia bika dodol kopi tempe sambal gado asinan gulai sop masakan khas oleh "
         "makan rm restoran warung cafe kafe persis persib arema ekspedisi expedisi travel "
         "pulau selat danau gunung sungai laut teluk pohon"),
        # a street or a village named after it
        (0.25,
         "jl jln jalan dijl dijln dijalan embong jend raya terusan gang gg simp simpang perempatan "
         "pertigaan taman tl bangjo bundaran flyover underpass tol kel kelurahan dikelurahan lurah "
         "desa ds dusun dukuh kampung kp lingkungan"),
        (0.3, "kec kecamatan dikecamatan camat distrik"),
        (0.35, "pasar hotel bank toko ruko perumahan perum komplek apartemen masjid"),
        # where somebody goes or was born, or what something is likened to
        (0.45, "arah jurusan menuju tujuan ke bus pesawat kereta plat ktp kk lahir kelahiran ttl "
               "seperti spt kayak kyk macam dibanding"),
    )
    for word in vocabulary(words)
}  # fmt: skip
"""Words just before the name of a region → how sure the place can be at most."""
DISH = vocabulary("ayam kambing sapi bebek ikan goreng bakar khas asli")
"""Words between a dish and the place it is named after ("soto ayam Lamongan")."""
HOUSING = vocabulary("jaya indah asri permai regency residence residen estate")
"""Words after a name that make it a street's or a housing estate's."""

ORIGIN = vocabulary(
    "warga orang asal dari dr pindah pindahan domisili mutasi lahir tujuan menikah nikah penduduk "
    "kelahiran kerja bekerja kuliah seperti spt kayak ke"
)
"""Words before a place the writer comes from, which need not be the place of the report."""
IN = vocabulary(
    "di d daerah wilayah kab kabupaten kota area sekitar seputar "
    "ning neng nang ing wonten ring dek nok"  # "in", from Java to Bali and Palembang
)
TITLES = {
    word: level
    for level, words in (
        (Level.CITY, "kota pemkot pemko walikota kodya"),
        (Level.REGENCY, "kab kabupaten pemkab bupati"),
        (Level.PROVINCE, "prov provinsi pemprov gubernur"),
    )
    for word in vocabulary(words)
}
"""Words before the name of a region that say its level."""
LOCATED = IN | TITLES.keys()
"""Words before a place that something is in."""

CUES = {
    prefix + word: level
    for level, words in (
        (Level.VILLAGE,
         "kel kelurahan klurahan kelurahn kelurahana kelurhan lurah desa ds dsa kades kuwu gampong "
         "nagari pekon kalurahan"),
        (Level.DISTRICT,
         "kec kecamatan kcmtn kecmatan kecamtan distrik camat kapanewon kemantren"),
    )
    for word in vocabulary(words)
    for prefix in ("", "di", "se", "pak", "bu")
}  # fmt: skip
"""Words before a name that say it is a village's or a district's."""
LANDMARK = vocabulary(
    "polsek koramil puskesmas pkm kua sd sdn smp smpn sma sman smk smkn masjid mushola stasiun "
    "terminal halte spbu rs rsud apotek kolam makam waduk jembatan jbt pintu tol exit gerbang "
    "blok cluster rusun rusunawa tpu tps pasar hotel bank toko ruko perumahan perum komplek "
    "apartemen taman"
)
"""Words before a name that make it a school's, a market's, a station's."""
OFFICE = vocabulary("puskesmas pkm polsek koramil kua pasar terminal stasiun")
"""Words before the name of the district they are the office, the market or the station of."""
STREET = vocabulary("jl jln jalan jlan jaln ruas")
ROAD = vocabulary("poros raya lintas lingkar trans protokol utama provinsi nasional tembus arteri")
"""Words between "jalan" and the name of the road."""
NEAR = vocabulary("di d daerah wilayah wil kampung kp warga area sekitar seputar rw rt")
"""Words before a name that something is in or near."""
