"""Sealing: nobody reads, changes, moves or guesses what is sealed; keys can be changed."""

import base64
import hashlib
import multiprocessing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gateway.platform.seal import KEY_FILE, BadSeal, Seal, keys_from

OLD, NEW = b"o" * 32, b"n" * 32
SEAL = Seal([NEW])


@given(plain=some.binary(max_size=300), purpose=some.text(max_size=20).filter(str.isprintable))
def test_what_is_sealed_opens_for_its_purpose(plain: bytes, purpose: str) -> None:
    assert SEAL.open(SEAL.close(plain, purpose), purpose) == plain


@given(plain=some.text(alphabet=some.characters(exclude_categories=["Cs"]), max_size=100))
def test_a_sealed_text_opens(plain: str) -> None:
    assert SEAL.open_text(SEAL.close_text(plain, "reporter"), "reporter") == plain


def test_the_same_text_never_looks_the_same_twice() -> None:
    first, second = (SEAL.close(b"+6281234567890", "reporter") for _ in range(2))
    assert first != second
    assert b"+62812" not in first


@pytest.mark.parametrize("at", [0, 1, 12, 13, 20, -1])
def test_a_changed_byte_is_noticed(at: int) -> None:
    sealed = bytearray(SEAL.close(b"+6281234567890", "reporter"))
    sealed[at] ^= 1
    with pytest.raises(BadSeal):
        SEAL.open(bytes(sealed), "reporter")


@pytest.mark.parametrize("length", [0, 1, 20])
def test_a_cut_value_is_noticed(length: int) -> None:
    sealed = SEAL.close(b"x", "a")[:length]
    with pytest.raises(BadSeal):
        SEAL.open(sealed, "a")


@pytest.mark.parametrize("sealed", ["", "not base64 at all", "é", "AAAA"])
def test_what_is_no_sealed_text_is_noticed(sealed: str) -> None:
    with pytest.raises(BadSeal):
        SEAL.open_text(sealed, "reporter")


def test_a_value_moved_to_another_purpose_does_not_open() -> None:
    with pytest.raises(BadSeal):
        SEAL.open(SEAL.close(b"x", "message raw"), "quarantine")


def test_after_a_change_of_keys_old_values_open_and_references_stay() -> None:
    before, after = Seal([OLD]), Seal([NEW, OLD])
    assert after.open(before.close(b"x", "p"), "p") == b"x"
    assert after.reference("sms", "+62811") == before.reference("sms", "+62811")
    with pytest.raises(BadSeal):
        before.open(after.close(b"x", "p"), "p")


def test_two_keys_that_share_a_name_are_told_apart() -> None:
    def name(key: bytes) -> bytes:
        return hashlib.sha256(b"kanal key name" + key).digest()[:1]

    twin = next(k for n in range(9999) if name(k := n.to_bytes(32, "big")) == name(OLD))
    both = Seal([twin, OLD])
    assert both.open(Seal([OLD]).close(b"x", "p"), "p") == b"x"
    assert both.open(both.close(b"x", "p"), "p") == b"x"
    assert Seal([twin]).open(both.close(b"x", "p"), "p") == b"x"


def test_a_reference_is_the_same_for_the_same_person_only() -> None:
    mine = SEAL.reference("sms", "+62811")
    assert mine == SEAL.reference("sms", "+62811")
    others = {
        SEAL.reference("email", "+62811"),
        SEAL.reference("sms", "+62812"),
        SEAL.reference("sms+62811"),
        Seal([OLD]).reference("sms", "+62811"),
    }
    assert mine not in others
    assert len(others) == 4
    assert "62811" not in mine


@pytest.mark.parametrize("keys", [[], [b""], [b"short"], [NEW, b"x" * 33]])
def test_keys_of_a_wrong_length_are_refused(keys: list[bytes]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Seal(keys)


def test_the_key_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    (first,) = keys_from([], folder)
    assert keys_from([], folder) == [first]
    assert len(first) == 32
    assert (folder / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.iterdir()] == [KEY_FILE]


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        made = pool.starmap(keys_from, [([], tmp_path)] * 8)
    assert len({key for (key,) in made}) == 1


@pytest.mark.parametrize("written", ["short", "é", base64.b64encode(b"x" * 31).decode()])
def test_a_configured_key_that_is_none_is_refused(tmp_path: Path, written: str) -> None:
    with pytest.raises(ValueError, match=r"base64|ASCII|padding|Incorrect"):
        keys_from([written], tmp_path)
    assert list(tmp_path.iterdir()) == []
