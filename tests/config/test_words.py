"""What people read: alike in both languages, and none of it unused."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.settings import SettingsError, read_toml
from config.words import FOLDER, Words, fields, read, read_all, words
from gateway.access.passwords import PasswordFault
from gateway.access.people import AccountFault
from gateway.access.roles import Role
from gateway.casework.conflicts import ConflictCode
from gateway.intake.problems import PROBLEMS
from gateway.intake.smtp.replies import CODES
from gateway.outbound.deliver import ACCUSED
from gateway.outbound.deliveries import ELSEWHERE
from gateway.outbound.notify import READ_THERE
from gateway.portals.console.errors import ConsoleErrorCode
from gateway.store.reactions import OURS, QUIET, SPENT, THEIRS

ROOT = FOLDER.parent
TABLES = {
    "console": {
        "account_done", "account_fault", "act", "actor", "box", "box_empty", "channel", "deadline",
        "decision", "delivery", "delivery_method", "detail", "event", "file_note", "file_state",
        "found_by", "kind", "level", "link", "notification", "photo", "quarantine",
        "queue", "reason", "role", "side",
        "status", "unanswered",
    },
    "errors": {"problem", "smtp"},
    "labels": {
        "at_agency", "kind", "mark", "masked", "months", "note", "privacy", "status",
        "update_status",
    },
    "pages": {"answer_photo", "deadline", "mend", "note"},
    "reasons": {"source", "tier"},
    "templates": {"answer", "ask", "progress", "refuse"},
}  # fmt: skip
"""Words for codes: other tests count the codes."""
COMPOSED = {
    "console": r"(age|advice|error|conflict|refusal|actor)\.\w+|(government\.)?done\.\w+|"
    r"government\.(overdue|unread|escalated|refused)"
    r"|officer\.(\w+_(lead|short)|assign|send_copy)"
    r"|correct\.(ask|note|correct|split|to_triage|merge)"
    r"|listing\.((view|states|sorts|unmet)\.\w+|urgent|overdue|unread|refused|escalated|today)",
    "errors": r"",
    "labels": r"",
    "pages": r"form\.kind_\w+|error\.\d+|receipt\.next\.\d|privacy\.\w+\.\w+|track\.\w+",
    "reasons": r"competence\w*|ask_\w+",
    "templates": r"",
}
"""Keys that are put together from a code; the sets of codes are compared below."""


@pytest.mark.parametrize(
    "folder", ["console", "labels", "pages", "reasons", "replies", "templates"]
)
def test_both_languages_have_the_same_texts_with_the_same_fields(folder: str) -> None:
    texts = read(FOLDER / folder).texts
    assert texts["id"].keys() == texts["en"].keys()
    assert [k for k, t in texts["id"].items() if fields(t) != fields(texts["en"][k])] == []
    assert [key for each in texts.values() for key, text in each.items() if not text.strip()] == []


def test_a_text_that_is_missing_is_named_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "id.toml").write_text('[form]\ntitle = "Tulis"\nsend = "Kirim {n}"\nodd = "{"\n')
    (tmp_path / "en.toml").write_text('[form]\nsend = "Send"\nodd = "odd"\nmore = "More"\n')
    with pytest.raises(SettingsError) as wrong:
        read(tmp_path)
    assert sorted(map(str, wrong.value.faults)) == [
        f"{tmp_path}/en.toml:1: this text is missing",
        f"{tmp_path}/en.toml:2: {{n}} is filled in in the other language",
        f"{tmp_path}/id.toml:1: this text is missing",
        f"{tmp_path}/id.toml:4: a brace is open or closed that should not be",
    ]


def test_every_folder_is_read_by_the_check() -> None:
    read_all()
    folders = {path.parent.name for path in FOLDER.glob("*/id.toml")}
    assert folders == {"replies", *TABLES}


def test_a_template_reaches_every_text() -> None:
    drawn = ("console", "pages")
    names = {n for k in drawn for key in words(k).texts["id"] for n in key.split(".")}
    assert names & set(dir(dict)) == set(), "Jinja finds the method of the table first"


@pytest.mark.parametrize("kind", TABLES)
def test_every_text_is_used(kind: str) -> None:
    found: Words = words(kind)
    used = set(_used())
    unused = {
        key
        for key in found.texts["id"]
        if key.split(".")[0] not in TABLES[kind]
        and not re.fullmatch(COMPOSED[kind], key)
        and key not in used
    }
    assert unused == set()


def _used() -> Iterator[str]:
    """Yield what templates and code name: ``t.menu.find``, ``s.now``, "login.wrong"."""
    for path in (ROOT / "gateway").rglob("*.html"):
        text = path.read_text()
        short = dict(re.findall(r"set (\w) = t\.(\w+)", text))
        for root, rest in re.findall(r"\b(t|hint|\w)\.([a-z_]\w*(?:\.[a-z_0-9]+)*)", text):
            name = rest.removesuffix(".format")
            yield f"{path.stem}.{name}"
            yield name if root in ("t", "hint") else f"{short.get(root, '')}.{name}"
    for room in ("gateway", "adapters", "router"):
        for path in (ROOT / room).rglob("*.py"):
            yield from re.findall(r"\"([a-z_]+(?:\.[a-z_]+)*)\"", path.read_text())


def test_every_code_of_an_error_has_its_words() -> None:
    console = words("console")
    assert {code.value for code in ConflictCode} == set(console.table("conflict"))
    faults = {code.value for kind in (AccountFault, PasswordFault) for code in kind}
    assert faults == set(console.table("account_fault"))
    assert {role.value for role in Role} == set(console.table("role"))
    assert {code.value for code in ConsoleErrorCode} == set(console.table("refusal"))
    assert set(console.table("error")) - {"incident", "incident_lead", "home"} == set(
        console.table("advice")
    )


def test_every_problem_has_its_words() -> None:
    raised = {
        code
        for folder in (ROOT / "gateway" / "portals", ROOT / "adapters" / "rest")
        for path in folder.rglob("*.py")
        for code in re.findall(
            r"(?:HTTPException|CallRefused)\(\s*\d+,\s*\"([^\"]+)\"", path.read_text()
        )
    }
    known = words("errors").table("problem").keys()
    assert known == raised | PROBLEMS.keys()
    assert words("errors").table("smtp").keys() == CODES.keys()


def test_every_language_of_replies_is_a_file_that_can_be_read() -> None:
    for path in (FOLDER / "replies").glob("*.toml"):
        assert read_toml(path)


def test_why_something_was_not_sent_is_said_in_words() -> None:
    codes = {QUIET, THEIRS, OURS, SPENT, READ_THERE, ACCUSED, ELSEWHERE}
    assert words("console").table("detail").keys() == codes
