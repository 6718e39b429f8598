"""What holds the house together and no other tool sees: names, folders, locks and the wheel."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections import Counter
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
ROOMS = ("gateway", "adapters", "router", "normalizer", "config")
BESIDE = ("tests", "bench", "demo", "faults")
SOURCES = (*ROOMS, *BESIDE)
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-bootstrap.lock")
PINNED = re.compile(r"^([a-z0-9][\w.-]*)==(\S+)([^\n]*\n(?:[ ]{4}\S[^\n]*\n?)*)", re.MULTILINE)
SAYS_NOTHING = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}
SHADOWS_A_ROOM = {"router", "config", "adapters"}
NAMES_NOTHING = frozenset(
    {
        "became", "begun", "chosen", "drawn", "found", "given", "gone", "held", "hidden", "kept",
        "known", "lost", "made", "meant", "mine", "said", "seen", "sent", "shown", "spoken",
        "taken", "told", "written",
    }
)  # fmt: skip
"""Participles, besides those in "-ed": of what? A name is a noun or, for an act, a verb."""
FIELD_TERMS = frozenset({"embedded", "forged", "malformed", "need", "refused", "seed", "throttled"})
"""What ends in "-ed" and is a term of the field, or no participle."""
POETRY = frozenset(
    {"desk", "door", "doors", "house", "letter", "letters", "paper", "papers", "talk", "wheel"}
)
"""Pictures of a thing instead of its name; a dead letter is the field's own term."""
LEFT_BEHIND = frozenset(
    {
        "Answer", "Block", "Bookmark", "Bundle", "Change", "Duty", "Hook", "Joining", "Part",
        "Piece", "Shelf", "Silence", "Unit",
    }
)  # fmt: skip
"""Classes that have a better word now: docs/glossary.md."""
STILTED = re.compile(
    r"\b(?:whoever|whomever|whatsoever|nobody|for ever|anew|(?:of|to|for|by|from|with) who)\b", re.I
)
"""Words that no docstring needs: the subject goes first, and has a name."""


def public_names() -> list[tuple[str, bool]]:
    """Return the public classes and functions at the top of a product module, True for a class."""
    return [
        (node.name, isinstance(node, ast.ClassDef))
        for path in files()
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in ROOMS
        for node in ast.parse(path.read_bytes()).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if not node.name.startswith("_")
    ]


def is_banned(name: str, is_class: bool) -> bool:
    """Tell whether a name is a participle alone, a picture, or a word that was left behind."""
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]
    if is_class and name in LEFT_BEHIND:
        return True
    pictures = POETRY.intersection(
        word for before, word in pairwise(["", *words]) if (before, word) != ("dead", "letter")
    )
    return bool(pictures) or (len(words) == 1 and is_participle(words[0]))


def is_participle(word: str) -> bool:
    return word in NAMES_NOTHING or (word.endswith("ed") and word not in FIELD_TERMS)


def docstrings(source: bytes) -> list[tuple[int, str]]:
    """Return the docstrings of a module, those of values too, with their lines."""
    return [
        (node.lineno, node.value.value)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node.value.value, str)
    ]


def files() -> list[Path]:
    return [
        path
        for source in SOURCES
        for path in sorted((ROOT / source).rglob("*"))
        if path.is_file() and not {"__pycache__", "node_modules"} & set(path.parts)
    ]


def pins(lock: str) -> dict[str, str]:
    return {name: version for name, version, _ in PINNED.findall((ROOT / lock).read_text("utf-8"))}


def direct() -> dict[str, tuple[str, ...]]:
    """Return the requirements of ``pyproject.toml`` by the lock that must hold them."""
    project, groups = PROJECT["project"], PROJECT["dependency-groups"]
    run = (*project["dependencies"], *groups["build"])
    dev = (*run, *project["optional-dependencies"]["dev"])
    return dict(zip(LOCKS, (run, dev, tuple(groups["bootstrap"])), strict=True))


@pytest.mark.parametrize("room", ROOMS)
def test_no_installed_distribution_claims_a_room(room: str) -> None:
    assert set(packages_distributions().get(room, ())) <= {"kanal"}
    spec = find_spec(room)
    assert spec
    assert spec.origin == str(ROOT / room / "__init__.py")


def test_every_room_is_under_the_import_rules_and_in_the_wheel() -> None:
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")} - set(BESIDE)
    assert found == set(ROOMS)
    assert set(PROJECT["tool"]["importlinter"]["root_packages"]) == found
    assert set(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == found


def test_the_project_never_reaches_a_package_index() -> None:
    assert "Private :: Do Not Upload" in PROJECT["project"]["classifiers"]


def test_every_folder_of_python_is_a_package() -> None:
    folders = {path.parent for path in files() if path.suffix == ".py"}
    without = {str(folder) for folder in folders if not (folder / "__init__.py").exists()}
    by_path = {folder for folder in without if "migrations" in folder}  # Alembic reads those
    assert without - by_path == set()


def test_no_name_says_nothing() -> None:
    names = {path: {*path.relative_to(ROOT).parts[:-1], path.stem} for path in files()}
    assert [str(path) for path, parts in names.items() if parts & SAYS_NOTHING] == []


def test_every_folder_says_what_lives_there() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in files()
        if path.name == "__init__.py" and path.relative_to(ROOT).parts[0] != "tests"
        if not ast.get_docstring(ast.parse(path.read_bytes()))
    ]
    assert silent == []


def test_no_two_classes_have_one_name() -> None:
    """One word for one thing: a reader must know from a class's name which one it is."""
    found = Counter(name for name, is_class in public_names() if is_class)
    assert [name for name, times in found.items() if times > 1] == []


@pytest.mark.parametrize(
    ("name", "is_class", "banned"),
    [
        ("Written", True, True),
        ("told", False, True),
        ("letter_id", False, True),
        ("OperatorDesk", True, True),
        ("Bookmark", True, True),
        ("DeadLetter", True, False),
        ("DeadLetterQueries", True, False),
        ("dead_letter", False, False),
        ("held_count", False, False),
        ("Newsletter", True, False),
        ("unit", False, False),
        ("fetched", False, True),
        ("Throttled", True, False),
        ("read", False, False),
        ("redo", False, False),
    ],
)
def test_a_name_is_banned_by_its_words(name: str, is_class: bool, banned: bool) -> None:
    assert is_banned(name, is_class) == banned


def test_no_class_or_function_has_a_banned_name() -> None:
    found = {name for name, is_class in public_names() if is_banned(name, is_class)}
    assert found == set(), "a noun for a thing, a verb for an act: docs/glossary.md"


@pytest.mark.parametrize("room", ROOMS)
def test_docstrings_are_plain_english(room: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {word}"
        for path in files()
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] == room
        for line, text in docstrings(path.read_bytes())
        for word in STILTED.findall(text)
    ]
    assert found == [], "name the subject: the caller, an operator, a person"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("What whoever asks gets.", ["whoever"]),
        ("It is kept for ever; nobody reads it anew.", ["for ever", "nobody", "anew"]),
        ("It is given to who asked.", ["to who"]),
        ("It is given to those who asked, to whom it belongs.", []),
    ],
)
def test_stilted_words_are_found(text: str, found: list[str]) -> None:
    (docstring,) = docstrings(f'def f():\n    """{text}"""'.encode())
    assert STILTED.findall(docstring[1]) == found


def test_no_variable_shadows_a_room() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.id}"
        for path in files()
        if path.suffix == ".py"
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        if node.id in SHADOWS_A_ROOM
    ]
    assert found == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_index_and_every_line_of_it_is_hashed(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8")
    assert re.findall(r"^\s*-(?!-hash=).*|.*://.*", text, re.MULTILINE) == []
    found = PINNED.findall(text)
    assert len(found) == len(re.findall(r"^[^\s#]", text, re.MULTILINE)) > 0
    assert [name for name, _, rest in found if "--hash=sha256:" not in rest] == []


@pytest.mark.parametrize(("lock", "needs"), direct().items())
def test_every_direct_dependency_is_locked(lock: str, needs: tuple[str, ...]) -> None:
    locked = pins(lock)
    wrong = [
        need.name
        for need in map(Requirement, needs)
        if not need.specifier.contains(locked.get(canonicalize_name(need.name), "0"))
    ]
    assert wrong == [], "run make lock"


def test_tests_run_on_the_versions_that_are_deployed() -> None:
    assert pins("requirements.lock").items() <= pins("requirements-dev.lock").items()


def test_the_wheel_holds_every_file_of_the_rooms(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(ZipFile(wheel).namelist())
    mine = {path.relative_to(ROOT).as_posix() for path in files()}
    assert {name for name in mine if name.startswith(ROOMS)} <= packed
    assert {"config/default.toml", "config/regions/NOTICE"} <= packed
    assert any(name.startswith("config/regions/") and name.endswith(".gz") for name in packed)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in packed)
    assert not any(name.startswith(tuple(f"{room}/" for room in BESIDE)) for name in packed)


# One wiring

LEAVES = frozenset(
    {"CitizenServices", "Database", "Embedded", "FileFetcher", "IntakeLoad", "LoadLimits"}
    | {"Machines", "Ownership", "Rabbit", "Sandbox", "Spool", "Store", "WebServer"}
)
"""Made from settings or from a database alone: what stands on no service wires none."""
NEIGHBOURS = 2
"""Services that a test may make itself: the one it is about, and one beside it."""


def made(path: Path) -> set[str]:
    """Return the classes of the shell that a file makes something of."""
    tree = ast.parse(path.read_text("utf-8"))
    names = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gateway.")
        for alias in node.names
    }
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    found = {names[each.id] for each in calls if isinstance(each, ast.Name) and each.id in names}
    return {name for name in found if name[0].isupper()}


def test_only_the_assembly_wires_services() -> None:
    assembly = set((ROOT / "gateway" / "assembly").glob("*.py"))
    wired = set[str]().union(*map(made, assembly))
    services = wired - LEAVES
    assert {"Route", "Deliver", "StoreFiles", "Consumer", "Intake", "OperatorService"} <= services
    assert wired >= LEAVES, "what the assembly makes no more needs no exception"
    sources = {path for path in files() if path.suffix == ".py"} - assembly
    wiring = {path: sorted(made(path) & services) for path in sources}
    in_product = {
        path.relative_to(ROOT): names
        for path, names in wiring.items()
        if names and path.relative_to(ROOT).parts[0] != "tests"
    }
    assert in_product == {}
    second = {path.name: names for path, names in wiring.items() if len(names) > NEIGHBOURS}
    assert second == {}, "take the services of an assemble(...) instead"


# The store keeps its connections

CONNECTIONS = frozenset({"AsyncConnection", "AsyncEngine", "Database"})
MAKES_THE_STORE = "gateway/assembly/ground.py"
"""Makes the database from the settings and gives it to the store; it opens nothing with it."""


def reaches_the_database(tree: ast.Module) -> set[str]:
    """Return what a module outside the store has of a connection: a name, an import, a way in."""
    nodes = list(ast.walk(tree))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    names |= {node.name for node in nodes if isinstance(node, ast.alias)}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    ways = {
        f".{node.attr}"
        for node in nodes
        if isinstance(node, ast.Attribute) and node.attr in ("database", "_database")
        if not (isinstance(node.value, ast.Name) and node.value.id == "settings")
    }
    return ways | (names & CONNECTIONS) | {n for n in names if n.split(".")[0] == "sqlalchemy"}


def test_no_connection_leaves_the_store() -> None:
    reached = {
        str(path.relative_to(ROOT)): found
        for path in files()
        if path.suffix == ".py"
        and path.is_relative_to(ROOT / "gateway")
        and not path.is_relative_to(ROOT / "gateway" / "store")
        if (found := reaches_the_database(ast.parse(path.read_bytes())))
    }
    assert reached == {MAKES_THE_STORE: {"Database"}}, "ask a repository of gateway/store instead"


@pytest.mark.parametrize(
    "way",
    [
        "from sqlalchemy import select",
        "import sqlalchemy.ext.asyncio",
        "async def save(connection: AsyncConnection) -> None: ...",
        "async with self._store.database.write() as one: ...",
        "rows(store._database)",
        "from gateway.store.engine import Database",
    ],
)
def test_the_sweep_finds_every_way_to_a_connection(way: str) -> None:
    assert reaches_the_database(ast.parse(way))


def test_the_sweep_lets_the_settings_of_the_database_be_read() -> None:
    assert not reaches_the_database(ast.parse("chosen = settings.database"))


def test_no_setting_from_around_the_tests_reaches_them() -> None:
    names = "[name for name in os.environ if name.upper().startswith('KANAL_')]"
    asks = f"import os, tests.conftest; print({names})"
    around = {**os.environ, "KANAL_SERVER__PORT": "1", "kanal_config": "nowhere.toml"}
    found = subprocess.run(
        [sys.executable, "-c", asks], cwd=ROOT, env=around, capture_output=True, text=True
    )
    assert found.stdout.strip() == "[]", found.stderr
