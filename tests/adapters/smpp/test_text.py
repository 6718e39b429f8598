"""Text messages inside: alphabets, headers, parts, receipts, and what counts as a repeat."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.smpp import receipts
from adapters.smpp.receipts import Ids, ReceiptText, read_receipt, read_unmarked
from adapters.sms.coding import CodingWords, Default, coding_of, read, read_parts
from adapters.sms.repeats import MOST, Repeats, fingerprint
from adapters.sms.segmentation import split
from adapters.sms.user_data_header import Payload, header, take_header
from normalizer import gsm
from normalizer.gsm import MOST_PARTS, PLAIN, segments
from normalizer.inbound import Segment
from normalizer.receipt import State, read_words

LETTERS = "".join(gsm.CODES)
DEFAULTS: list[Default] = ["gsm", "latin1", "ascii"]

# --- alphabets ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("septets", "text"),
    [
        (b"", ""),
        (b"\x00\x02\x11", "@$_"),
        (b"Jalan rusak", "Jalan rusak"),
        (b"\x1be 5", "€ 5"),
        (b"\x1b<1\x1b>", "[1]"),
        (b"\x1b(\x1b)\x1b/\x1b\x14\x1b=\x1b@", "{}\\^~|"),
        (b"\x1bA", "A"),
        (b"\x1b\x1b", " "),
        (b"a\x1b", "a "),
        (b"\x80", "\ufffd"),
        (b"\x7f\x5b\x60", "àÄ¿"),
    ],
)
def test_gsm_septets_are_read(septets: bytes, text: str) -> None:
    assert gsm.decode(septets) == text


@given(st.text(st.sampled_from(LETTERS)))
def test_what_the_alphabet_holds_comes_back(text: str) -> None:
    codes = gsm.codes(text)
    assert codes is not None
    assert gsm.decode(b"".join(codes)) == text


def test_the_alphabet_has_every_code_once() -> None:
    assert len(gsm.BASIC) == 128
    assert len(set(gsm.BASIC)) == 128
    assert gsm.codes("ж") is None
    assert gsm.codes("\x1b") is None


@pytest.mark.parametrize(
    ("coding", "payload", "text", "noted"),
    [
        (0x00, b"\x00 pasar\x02", "@ pasar$", False),
        (0x01, b"pasar", "pasar", False),
        (0x01, b"caf\xe9", "café", True),
        (0x03, b"caf\xe9", "café", False),
        (0x05, "道".encode("shift_jis"), "道", False),
        (0x06, "дорога".encode("iso8859-5"), "дорога", False),
        (0x08, "jalan 💡".encode("utf-16-be"), "jalan 💡", False),
        (0x08, "\ufeffjalan".encode("utf-16-be"), "jalan", False),
        (0x08, b"\xff\xfe" + "jalan".encode("utf-16-le"), "jalan", False),
        (0x08, "jalan".encode("utf-16-be") + b"\x00", "jalan", True),
        (0x08, b"\xd8\x3d", "\ufffd", False),
        (0x0E, "길".encode("euc_kr"), "길", False),
        (0x10, b"flash\x00", "flash@", False),
        (0x18, "é".encode("utf-16-be"), "é", False),
        (0x19, "é".encode("utf-16-be"), "é", False),
        (0x14, b"8 bit", "8 bit", True),
        (0xC8, b"menunggu", "menunggu", False),
        (0xE0, "é".encode("utf-16-be"), "é", False),
        (0xF0, b"kelas 0\x00", "kelas 0@", False),
        (0xF5, b"delapan", "delapan", True),
        (0x04, b"biner", "biner", True),
        (0x02, bytes(range(128, 160)), bytes(range(128, 160)).decode("latin-1"), True),
        (0x0C, b"entah", "entah", True),
        (0x99, b"entah", "entah", True),
        (0x00, b"caf\xe9", "café", True),
        (0x00, "café".encode(), "café", True),
    ],
)
def test_every_coding_is_read_and_what_is_odd_is_noted(
    coding: int, payload: bytes, text: str, noted: bool
) -> None:
    words = read(payload, coding, "gsm")
    assert (words.text, bool(words.notes)) == (text, noted)


@pytest.mark.parametrize(
    ("default", "text"), [("gsm", "\xa1@\xe9"), ("latin1", "@\x00\xe9"), ("ascii", "@\x00\xe9")]
)
def test_what_the_centre_means_by_its_default_is_set(default: Default, text: str) -> None:
    assert read(b"\x40\x00\xe9", 0, default).text == (text if default != "gsm" else "@\x00é")
    assert read(b"\x40\x00", 0, default).text == {"gsm": "¡@"}.get(default, "@\x00")


@given(st.binary(max_size=300), st.integers(0, 255), st.sampled_from(DEFAULTS))
def test_no_payload_in_any_coding_is_too_odd(payload: bytes, coding: int, default: Default) -> None:
    words = read(payload, coding, default)
    words.text.encode()
    assert coding_of(coding) or words.notes
    assert read_parts([payload], coding, default) == words


PLAINLY = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff\ufffe"))
WRITTEN_IN: dict[int, tuple[st.SearchStrategy[str], str]] = {
    0x00: (st.text(st.sampled_from(LETTERS)), ""),
    0x04: (PLAINLY, "utf-8"),
    0x05: (st.text(st.sampled_from("道路は危険です abc")), "shift_jis"),
    0x08: (PLAINLY.map(lambda text: f"é{text}"), "utf-16-be"),
    0x0A: (st.text(st.sampled_from("道路は危険です abc")), "iso2022_jp"),
    0x0E: (st.text(st.sampled_from("길이 abc")), "euc_kr"),
    0xF5: (PLAINLY.map(lambda text: f"é{text}"), "utf-8"),
}


@pytest.mark.parametrize("coding", WRITTEN_IN)
@settings(max_examples=40)
@given(data=st.data(), cuts=st.lists(st.integers(0, 120), max_size=3))
def test_a_character_that_lies_across_parts_is_put_together(
    coding: int, data: st.DataObject, cuts: list[int]
) -> None:
    texts, codec = WRITTEN_IN[coding]
    text = data.draw(texts)
    octets = text.encode(codec) if codec else b"".join(gsm.codes(text) or ())
    edges = [0, *sorted(cuts), len(octets)]
    parts = [octets[begin:end] for begin, end in pairwise(edges)]
    default: Default = "ascii" if coding == 0x04 else "gsm"
    assert read_parts(parts, coding, default).text == text or "\x1b" in text


def test_a_half_that_each_part_has_too_much_moves_no_other() -> None:
    odd = ["ja".encode("utf-16-be") + b"\0", "lan".encode("utf-16-be")]
    assert read_parts(odd, 8, "gsm") == CodingWords("jalan", ("half_character",))


@pytest.mark.parametrize("text", ["id:7f stat:DELIVRD", "Jalan rusak", "STATUS 4821"])
def test_ascii_that_is_called_ucs2_is_read_as_ascii(text: str) -> None:
    assert read(text.encode(), 8, "gsm").text == text
    assert read(text.encode(), 8, "gsm").notes
    assert read(text.encode("utf-16-be"), 8, "gsm") == CodingWords(text)


@given(st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x7EFF), max_size=3))
def test_few_chinese_letters_stay_chinese(text: str) -> None:
    assert read(text.encode("utf-16-be"), 8, "gsm").text == text


# --- which part -----------------------------------------------------------------------------------

SAR = {0x020C: b"\x01\x02", 0x020E: b"\x03", 0x020F: b"\x02"}


@pytest.mark.parametrize(
    ("payload", "has_header", "tlvs", "body", "part"),
    [
        (b"halo", False, {}, b"halo", None),
        (b"\x05\x00\x03\xab\x02\x01halo", False, {}, b"\x05\x00\x03\xab\x02\x01halo", None),
        (b"\x05\x00\x03\xab\x02\x01halo", True, {}, b"halo", Segment("8-bit 171", 1, 2)),
        (b"\x06\x08\x04\x12\x67\x03\x03halo", True, {}, b"halo", Segment("16-bit 4711", 3, 3)),
        (b"halo", False, SAR, b"halo", Segment("sar 258", 2, 3)),
        (b"\x06\x05\x04\x0b\x84\x23\xf0halo", True, SAR, b"halo", Segment("sar 258", 2, 3)),
        (
            b"\x0b\x05\x04\x0b\x84\x23\xf0\x00\x03\x07\x02\x02halo",
            True,
            {},
            b"halo",
            Segment("8-bit 7", 2, 2),
        ),
        (b"\x05\x00\x03\xab\x01\x01halo", True, {}, b"halo", None),
        (b"\x05\x00\x03\xab\x02\x00halo", True, {}, b"halo", None),
        (b"\x05\x00\x03\xab\x02\x03halo", True, {}, b"halo", None),
        (b"\x03\x00\x03\xabhalo", True, {}, b"halo", None),
        (b"\x00halo", True, {}, b"halo", None),
        (b"halo", False, {0x020C: b"\x01"}, b"halo", None),
    ],
)
def test_the_header_names_the_part(
    payload: bytes, has_header: bool, tlvs: dict[int, bytes], body: bytes, part: Segment | None
) -> None:
    assert take_header(payload, has_header=has_header, tlvs=tlvs) == Payload(body, part)


@pytest.mark.parametrize("payload", [b"", b"\xff", b"halo"])
def test_a_header_that_cannot_be_read_stays_in_the_text(payload: bytes) -> None:
    found = take_header(payload, has_header=True, tlvs={})
    assert (found.body, found.part) == (payload, None)
    assert found.notes


def test_a_national_alphabet_is_noted() -> None:
    found = take_header(b"\x03\x25\x01\x01halo", has_header=True, tlvs={})
    assert found.body == b"halo"
    assert "national_alphabet" in found.notes[0]


@given(
    st.binary(max_size=200), st.booleans(), st.dictionaries(st.sampled_from([*SAR]), st.binary())
)
def test_no_header_is_too_odd(payload: bytes, has_header: bool, tlvs: dict[int, bytes]) -> None:
    found = take_header(payload, has_header=has_header, tlvs=tlvs)
    assert payload.endswith(found.body)
    if found.part:
        assert 1 <= found.part.number <= found.part.total
        assert found.part.total > 1


@given(st.integers(0, 255), st.integers(2, 255), st.data())
def test_our_own_headers_are_read(reference: int, total: int, data: st.DataObject) -> None:
    number = data.draw(st.integers(1, total))
    found = take_header(header(reference, total, number) + b"x", has_header=True, tlvs={})
    assert found == Payload(b"x", Segment(f"8-bit {reference}", number, total))


# --- splitting ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "coding", "sizes"),
    [
        ("x" * 160, 0, [160]),
        ("x" * 161, 0, [153, 8]),
        ("x" * 306, 0, [153, 153]),
        ("x" * 307, 0, [153, 153, 1]),
        ("€" * 80, 0, [160]),
        ("€" * 81, 0, [152, 10]),
        ("x" * 152 + "€" + "x" * 20, 0, [152, 22]),
        ("ж" * 70, 8, [140]),
        ("ж" * 71, 8, [134, 8]),
        ("💡" * 35, 8, [140]),
        ("💡" * 36, 8, [132, 12]),
        ("ж" * 66 + "💡" + "ж" * 5, 8, [132, 14]),
        ("", 0, [0]),
        ("“Kata” – ‘itu’…\u00a0ya", 0, [20]),
    ],
)
def test_a_text_takes_as_few_parts_as_it_can(text: str, coding: int, sizes: list[int]) -> None:
    made = split(text, id="1", default="gsm")
    over = 6 if made.has_headers else 0
    assert made.data_coding == coding
    assert [len(payload) - over for payload in made.payloads] == sizes
    assert all(len(payload) <= 160 for payload in made.payloads)


@pytest.mark.parametrize(
    ("default", "text", "coding"),
    [
        ("latin1", "café @", 0),
        ("latin1", "5 €", 8),
        ("ascii", "jalan [1]", 0),
        ("ascii", "café", 8),
    ],
)
def test_what_the_centre_cannot_write_by_default_goes_as_ucs2(
    default: Default, text: str, coding: int
) -> None:
    made = split(text, id="1", default=default)
    assert made.data_coding == coding
    assert read(made.payloads[0], coding, default).text == text


@given(st.text(max_size=400) | st.text(LETTERS, max_size=700))
def test_the_shell_counts_what_would_be_sent(text: str) -> None:
    assert segments(text) == len(split(text, id="1", default="gsm").payloads)


@given(st.text(max_size=900), st.sampled_from(DEFAULTS))
def test_a_phone_shows_what_was_split(text: str, default: Default) -> None:
    made = split(text, id="id", default=default)
    parts = [take_header(one, has_header=made.has_headers, tlvs={}) for one in made.payloads]
    if made.has_headers:
        total = len(parts)
        assert [p.part and (p.part.number, p.part.total) for p in parts] == [
            (number, total) for number in range(1, total + 1)
        ]
        assert len({p.part and p.part.reference for p in parts}) == 1
    shown = "".join(read(p.body, made.data_coding, default).text for p in parts)
    expected = text.translate(PLAIN) if made.data_coding == 0 else text
    if not text.startswith(("\ufeff", "\ufffe")) and "\ufeff" not in text and "\ufffe" not in text:
        assert shown == expected


def test_another_attempt_has_the_same_reference_and_another_message_another_one() -> None:
    first, again, other = (split("x" * 200, id=id, default="gsm") for id in ("a", "a", "b"))
    assert first == again
    assert first.payloads[0][3] != other.payloads[0][3]


def test_a_text_is_cut_at_a_word_and_has_no_more_parts_than_can_be_numbered() -> None:
    made = split("jalan rusak parah sekali", id="1", default="gsm", most=20)
    assert made.payloads == (b"jalan rusak...",)
    assert len(split("x" * 50_000, id="1", default="gsm").payloads) == MOST_PARTS


# --- receipts -------------------------------------------------------------------------------------

WRITTEN = (
    "id:{} sub:001 dlvrd:001 submit date:2603020304 done date:2603020305 stat:{} err:{} text:halo"
)


@pytest.mark.parametrize(
    ("text", "tlvs", "expected", "state"),
    [
        (
            WRITTEN.format("7f3a", "DELIVRD", "000"),
            {},
            ReceiptText("7f3a", "DELIVRD", "000"),
            "delivered",
        ),
        (
            WRITTEN.format("7f3a", "UNDELIV", "011"),
            {},
            ReceiptText("7f3a", "UNDELIV", "011"),
            "failed",
        ),
        (
            WRITTEN.format("7f3a", "ENROUTE", "000"),
            {},
            ReceiptText("7f3a", "ENROUTE", "000"),
            "sent",
        ),
        (WRITTEN.format("7f3a", "UNKNOWN", "000"), {}, ReceiptText("7f3a", "UNKNOWN", "000"), None),
        (WRITTEN.format("7f3a", "NANTI", "000"), {}, ReceiptText("7f3a", "NANTI", "000"), None),
        ("ID:12 STAT:expired", {}, ReceiptText("12", "expired"), "failed"),
        ("", {0x1E: b"12\0", 0x427: b"\x02"}, ReceiptText("12", "DELIVERED"), "delivered"),
        ("", {0x1E: b"12\0", 0x427: b"\x08"}, ReceiptText("12", "REJECTED"), "failed"),
        ("", {0x1E: b"12\0", 0x427: b"\xee"}, ReceiptText("12", "UNKNOWN"), None),
        (
            WRITTEN.format("12", "ACCEPTD", "000"),
            {0x1E: b"0C", 0x427: b"\x02"},
            ReceiptText("0C", "DELIVERED", "000"),
            "delivered",
        ),
        (
            "id:12 stat:DELIVRD err:000 text:id:99 stat:EXPIRED",
            {},
            ReceiptText("12", "DELIVRD", "000"),
            "delivered",
        ),
        ("halo", {}, None, None),
        ("id:12", {}, None, None),
        ("", {0x1E: b"", 0x427: b"\x02"}, None, None),
    ],
)
def test_receipts_are_read_however_they_are_written(
    text: str, tlvs: dict[int, bytes], expected: ReceiptText | None, state: State | None
) -> None:
    assert read_receipt(text, tlvs) == expected
    assert (expected.state if expected else None) == state


@pytest.mark.parametrize(
    ("ids", "answered", "receipted"),
    [
        ("same", "000012aB", "000012aB"),
        ("same", "a0b0c002", "A0B0C002"),
        ("same", "7f", "0000007F"),
        ("same", "0", "000"),
        ("same", "Pesan-7", "pesan-7"),
        ("decimal", "00012AB", "4779"),
        ("decimal", "12ab", "0000004779"),
        ("hex", "4779", "12AB"),
        ("hex", "0004779", "000012ab"),
        ("hex", "bukan-angka", "bukan-angka"),
    ],
)
def test_an_id_is_known_again_in_its_receipt(ids: Ids, answered: str, receipted: str) -> None:
    assert receipts.as_sent(answered, ids) == receipts.as_receipted(receipted, ids)


TOLD = "id:7f sub:001 dlvrd:001 submit date:2603021000 done date:2603021001 stat:DELIVRD err:000"
UNMARKED = {
    TOLD: True,
    f"{TOLD} text:Laporan Anda": True,
    f"{TOLD} Text:": True,
    f"{TOLD} nack:0 mccmnc:51010 price:0.01": True,
    f"{TOLD} text:Laporan Anda kami terima dengan nomor 1234": False,
    "id:7f stat:DELIVRD err:000": True,
    "ID: 7F, SUB: 001, STAT: UNDELIV": True,
    "stat:REJECTD id:7f": True,
    "id:7f stat:FAILED err:069": True,
    "id:7f submit date:2026-03-02 10:00:00 done date:2026-03-02 10:00:09 stat:EXPIRED err:": True,
    "id=7f stat=DELIVRD": True,
}
"""Receipts as centres write them, and whether nothing stands in them but that."""
PEOPLES = (
    f"Saya terima SMS aneh: {TOLD} text:, apa artinya?",
    f"{TOLD} itu jawaban yang saya terima, padahal jalan di Wonocolo masih rusak",
    f"{TOLD} text:Halo. Ini yang saya terima terus. " + "Tolong jalan di Wonocolo diperbaiki. " * 4,
    "id:7f stat:rusak",
    "id:7f",
    "stat:DELIVRD",
    "KTP id:3578011 stat:hilang, mohon dibantu",
    "id: sub:001 stat:DELIVRD",
)


@pytest.mark.parametrize(("text", "bare"), UNMARKED.items())
def test_a_receipt_is_known_by_its_words(text: str, bare: bool) -> None:
    found = read_words(text)
    assert found is not None
    assert (found.fields["id"].lower(), found.is_bare) == ("7f", bare)
    told = read_unmarked(text)
    assert (told is None) == (found.fields["stat"] == "FAILED")


@pytest.mark.parametrize("text", PEOPLES)
def test_who_quotes_a_receipt_wrote_none(text: str) -> None:
    assert read_words(text) is None
    assert read_unmarked(text) is None


@given(st.text(st.sampled_from("id:stat sub=DELIVRD0,\n"), max_size=400))
def test_no_words_are_too_odd_for_a_receipt(text: str) -> None:
    found = read_words(text)
    assert found is None or (found.fields["id"] and found.fields["stat"])


@given(st.text(max_size=200), st.dictionaries(st.sampled_from([0x1E, 0x427]), st.binary()))
def test_no_receipt_is_too_odd(text: str, tlvs: dict[int, bytes]) -> None:
    found = read_receipt(text, tlvs)
    assert found is None or (found.id and found.word)


# --- repeats --------------------------------------------------------------------------------------


def pdu(body: bytes, sequence: int = 1) -> bytes:
    return bytes(12) + sequence.to_bytes(4, "big") + body


def test_the_sequence_number_makes_no_difference() -> None:
    assert fingerprint(pdu(b"halo", 1)) == fingerprint(pdu(b"halo", 2))
    assert fingerprint(pdu(b"halo")) != fingerprint(pdu(b"hallo"))


def test_an_equal_message_is_the_same_one_until_our_answer_was_read() -> None:
    repeats = Repeats(900)
    first = repeats.stamp("ya", 1000)
    assert repeats.stamp("ya", 1010) == first
    repeats.note_answer("ya")
    second = repeats.stamp("ya", 1020)
    assert second != first
    assert repeats.stamp("ya", 1030) == second
    assert repeats.stamp("tidak", 1030) == first, "they differ in their fingerprint already"
    repeats.note_answer("nobody sent this")


def test_the_window_slides_with_the_first_and_ends() -> None:
    repeats = Repeats(900)
    first = repeats.stamp("ya", 899)
    assert repeats.stamp("ya", 1798) == first, "across the edge of a window"
    assert repeats.stamp("ya", 1800) != first


def test_after_a_restart_a_repeat_is_known_within_its_window() -> None:
    assert Repeats(900).stamp("ya", 910) == Repeats(900).stamp("ya", 1790)


def test_memory_is_bounded() -> None:
    repeats = Repeats(900)
    for number in range(MOST + 50):
        repeats.stamp(str(number), 1000)
    assert len(repeats._seen) == MOST
