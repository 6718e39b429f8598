"""Two readers, one mail: no words that Python's reader finds are missing in ours."""

import importlib
from pathlib import Path

import pytest

from tests import mail_corpus
from tests.adapters.mail import wrapped

DIFFERENT = {
    "msg_36.txt",  # how to fetch a file that is kept elsewhere: no words of the writer
    "msg_44.txt",  # a second text with a file name, which is a file
}


def test_the_mails_of_cpython_are_read_by_both_alike() -> None:
    try:
        folder = Path(str(importlib.import_module("test.test_email").__file__)).parent / "data"
    except ImportError:
        pytest.skip("NO MAIL CORPUS HERE: this Python was installed without its test suite")
    found = [
        r for name, raw in mail_corpus.mails([folder]) if (r := mail_corpus.compare(name, raw))
    ]
    assert len(found) >= 35
    assert {r.name for r in found if r.lost > 1 - mail_corpus.ALIKE} == DIFFERENT


def test_what_we_write_ourselves_is_read_with_no_word_less() -> None:
    for name, write in wrapped.CONTAINERS.items():
        found = mail_corpus.compare(name, write())
        assert found is not None
        # Python shows the packed form itself where we show what is in it
        assert wrapped.SENTENCE in found.ours, name


def test_the_table_counts_every_mail_once(tmp_path: Path) -> None:
    for number, name in enumerate(["signed", "uuencode", "digest"]):
        (tmp_path / f"{number}.eml").write_bytes(wrapped.CONTAINERS[name]())
    (tmp_path / "again.eml").write_bytes((tmp_path / "0.eml").read_bytes())
    (tmp_path / "readme.txt").write_text("From here on, read.")
    found = [r for n, raw in mail_corpus.mails([tmp_path]) if (r := mail_corpus.compare(n, raw))]
    *_, last = mail_corpus.table(found)
    assert last.startswith("| all | 3 |")
