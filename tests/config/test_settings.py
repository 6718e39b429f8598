"""Whoever writes a setting wrongly is told every fault at once, and where each one is."""

import ast
import json
import string
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

import config
from config.settings import Places, Resolution, Settings, SettingsError, line_of, load


@pytest.fixture(autouse=True)
def empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No kanal.toml of this machine decides what a test sees."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def kanal_toml(tmp_path: Path) -> Path:
    return tmp_path / "kanal.toml"


def faults(file: Path | None = None, **overrides: Any) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(file, **overrides)
    assert str(caught.value).splitlines() == [str(fault) for fault in caught.value.faults]
    return [str(fault).replace(f"{Path.cwd()}/", "") for fault in caught.value.faults]


def test_nothing_set_is_embedded_and_on_this_machine_only() -> None:
    found = load()
    assert found.database_url == "sqlite+aiosqlite:///var/kanal.sqlite3"
    assert found.broker.url == ""
    assert {found.server.host, found.mail_server.host} == {"127.0.0.1"}


def test_own_file_is_laid_over_the_defaults_table_by_table(kanal_toml: Path) -> None:
    kanal_toml.write_text("[deadlines]\nresolution.complaint = 7\n")
    found = load().deadlines
    assert (found.resolution.complaint, found.resolution.aspiration, found.forward) == (7, 5, 3)


def test_kanal_config_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other.toml"
    other.write_text("[server]\nport = 81\n")
    (tmp_path / "kanal.toml").write_text("[server]\nport = 82\n")
    monkeypatch.setenv("KANAL_CONFIG", str(other))
    assert load().server.port == 81
    assert load(tmp_path / "kanal.toml").server.port == 82


def test_a_named_file_that_is_not_there_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KANAL_CONFIG", "nowhere.toml")
    assert faults() == ["nowhere.toml: No such file or directory"]
    assert faults(Path("other.toml")) == ["other.toml: No such file or directory"]


def test_the_environment_wins_over_what_is_given_and_that_over_the_file(
    kanal_toml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kanal_toml.write_text('[server]\nport = 1\nhost = "file"\ndata_dir = "file"\n')
    monkeypatch.setenv("KANAL_SERVER__PORT", "3")
    found = load(server={"port": 2, "host": "given"}).server
    assert (found.port, found.host, found.data_dir) == (3, "given", Path("file"))


def test_what_is_given_is_not_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KANAL_CHANNELS__SMS__REGION", "64")
    given_channels = {"sms": {"type": "twilio"}}
    assert load(channels=given_channels).channels == {"sms": {"type": "twilio", "region": "64"}}
    assert given_channels == {"sms": {"type": "twilio"}}


@pytest.mark.parametrize(
    ("variable", "value", "path", "expected"),
    [
        ("KANAL_SERVER__PORT", "81", "server.port", 81),
        ("kanal_server__port", "81", "server.port", 81),
        ("KANAL_MAIL_SERVER__ENABLED", "false", "mail_server.enabled", False),
        ("KANAL_WORK__LEASE", "2.5", "work.lease", 2.5),
        ("KANAL_WORK__RETRY_AFTER", "[1, 2.5]", "work.retry_after", (1, 2.5)),
        ("KANAL_WORK", '{"batch": 7}', "work.batch", 7),
        ("KANAL_DEADLINES__RESOLUTION__COMPLAINT", "9", "deadlines.resolution.complaint", 9),
        ("KANAL_DEADLINES__HOLIDAYS", '["2026-01-02"]', "deadlines.holidays", (date(2026, 1, 2),)),
        ("KANAL_BROKER__URL", "", "broker.url", ""),
        ("KANAL_BROKER__URL", "amqps://u:p@h/v", "broker.url", "amqps://u:p@h/v"),
        ("KANAL_SERVER__HOST", "[::1", "server.host", "[::1"),
    ],
)
def test_a_variable_sets(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, path: str, expected: object
) -> None:
    monkeypatch.setenv(variable, value)
    found: object = load()
    for name in path.split("."):
        found = getattr(found, name)
    assert found == expected


def test_a_variable_can_hold_a_channels_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KANAL_CHANNELS__SMS__AUTH_TOKENS", '["new", "old"]')
    assert load().channels == {"sms": {"auth_tokens": ["new", "old"]}}


def test_every_fault_of_file_and_environment_is_named_at_once(
    kanal_toml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kanal_toml.write_text(
        "# ours\n[server]\nport = 70000\nprot = 1\n\n[wrok]\nbatch = 1\n\n"
        '[delivery]\n64-pu = "fax"\n\n[deadlines]\nresolution.complaint = 0\n'
        "[work]\nretry_after = [\n  5,\n  0,\n]\n"
    )
    monkeypatch.setenv("KANAL_BROKER__PREFETCH", "many")
    monkeypatch.setenv("KANAL_BROKR__URL", "amqp://h")
    assert sorted(faults()) == [
        "environment variable KANAL_BROKER__PREFETCH: Input should be a valid integer, "
        "unable to parse string as an integer",
        "environment variable KANAL_BROKR__URL: there is no such setting",
        "kanal.toml:10: delivery.64-pu: Input should be a valid dictionary",
        "kanal.toml:13: deadlines.resolution.complaint: Input should be greater than or equal to 1",
        "kanal.toml:15: work.retry_after.1: Input should be greater than 0",
        "kanal.toml:3: server.port: Input should be less than or equal to 65535",
        "kanal.toml:4: server.prot: there is no such setting",
        "kanal.toml:6: wrok: there is no such setting",
    ]


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("KANAL_SERVER__PROT", "1", "there is no such setting"),
        ("KANAL_PORT", "1", "there is no such setting"),
        ("KANAL_", "1", "there is no such setting"),
        ("KANAL_WORK__RETRY_AFTER", "5,30", "valid tuple"),
        ("KANAL_WORK__RETRY_AFTER", "[5", "valid tuple"),
        ("KANAL_WORK__RETRY_AFTER", "[-5]", "greater than 0"),
        ("KANAL_WORK__LEASE", "inf", "finite number"),
        ("KANAL_WORK", "fast", "valid dictionary"),
        ("KANAL_WORK", '{"batch": 0}', "greater than or equal to 1"),
        ("KANAL_BROKER__URL", "localhost:5672", "pattern"),
        ("KANAL_DATABASE__URL", "postgres://h/db", "pattern"),
        ("KANAL_MAIL_SERVER__TLS_KEY", "key.pem", "set together"),
        ("KANAL_MEDIA__URL", "s3://kanal", "needs access_key and secret"),
        ("KANAL_MEDIA__URL", "s3://", "pattern"),
        ("KANAL_MEDIA__URL", "/srv/files", "pattern"),
        ("KANAL_MEDIA__URL", "file://files", "pattern"),
        ("KANAL_MEDIA__ENDPOINT", "https://s3.example", "names no bucket"),
        ("KANAL_MEDIA__MAX_BYTES", "0", "greater than or equal to 1024"),
        ("KANAL_MEDIA__TIMEOUT", "600", "less than or equal to 20"),
    ],
)
def test_a_wrong_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    (fault,) = faults()
    assert fault.startswith("environment variable KANAL_")
    assert variable in fault
    assert said in fault


def test_a_wrong_value_given_at_the_start_is_not_blamed_on_a_file(kanal_toml: Path) -> None:
    kanal_toml.write_text("[server]\nport = 1\n")
    assert faults(server={"port": -1}) == [
        "given at the start: server.port: Input should be greater than or equal to 0"
    ]


def test_a_fault_found_later_is_placed_where_the_setting_was_made(
    kanal_toml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kanal_toml.write_text('[channels.sms]\ntype = "fax"\nregion = "1"\n')
    monkeypatch.setenv("KANAL_CHANNELS__SMS__REGION", "2")
    monkeypatch.setenv("KANAL_CHANNELS__BOX__TYPE", "mail")
    places = [
        str(Places(None).fault(("channels", *key), "wrong"))
        for key in (("sms", "type"), ("sms", "region"), ("sms", "number"), ("box", "address"))
    ]
    assert places == [
        "kanal.toml:2: channels.sms.type: wrong",
        "environment variable KANAL_CHANNELS__SMS__REGION: wrong",
        "kanal.toml:1: channels.sms.number: wrong",
        "environment variable KANAL_CHANNELS__BOX__ADDRESS: wrong",
    ]


def test_a_fault_names_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KANAL_SEAL__KEYS", '{"key": "hunter2"}')
    monkeypatch.setenv("KANAL_BROKER__URL", "amqp//u:hunter2@h")
    assert len(faults()) == 2
    assert "hunter2" not in "".join(faults())


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"[server]\nport = \n", 2),
        (b"[server]\n\n[server]\n", 3),
        (b'[server]\nhost = """\n', 3),
        (b"[server]\nhost = '\xff'\n", 2),
        (b"[server]\nport = " + b"9" * 5000, 0),
        (b"[server]\nport = " + b"[" * 5000, 0),
    ],
)
def test_what_is_no_toml_is_named_with_its_line(
    kanal_toml: Path, content: bytes, line: int
) -> None:
    kanal_toml.write_bytes(content)
    (fault,) = faults()
    assert fault.startswith(f"kanal.toml:{line}: " if line else "kanal.toml: ")


def test_a_byte_order_mark_is_no_fault(kanal_toml: Path) -> None:
    kanal_toml.write_bytes(b"\xef\xbb\xbf[server]\nport = 81\n")
    assert load().server.port == 81


@pytest.mark.parametrize(
    ("text", "keys", "line"),
    [
        ("[a]\nb = 1\n", "a b", 2),
        ("[a]\n\nb = 1\n", "a c", 1),
        ("[a]\nb = 1\n", "c", 0),
        ("a.b.c = 1\n", "a b c", 1),
        ("a . b = 1\n", "a b", 1),
        ("[a]\nb.c = 1\nb.d = 2\n", "a b d", 3),
        ('[a."b.c"]\nd = 1\n', "a b.c d", 2),
        ("[a.'b.c']\nd = 1\n", "a b.c d", 2),
        ('"a b" = 1\n', "a\u00a0b", 0),
        ("[a]\nb = { c = 1 }\n", "a b c", 2),
        ("[a]\nb = [\n  [1],\n  [2]\n]\nc = 1\n", "a b 1", 2),
        ("[[a]]\nb = 1\n[[a]]\nb = 2\n", "a 1 b", 1),
        ("# [a]\n[ a ] # first\nb = 1\n", "a b", 3),
        ('[a]\nb = """\n[c]\nd = 1\n"""\n[c]\nd = 2\n', "c d", 7),
        ("[a]\nb = '''x'''\nc = 1\n", "a c", 3),
        ("a = '\u2028'\nb = 1\n", "b", 2),
        ("[ab]\nc = 1\n[a]\nc = 2\n", "a c", 4),
    ],
)
def test_the_line_of_a_setting(tmp_path: Path, text: str, keys: str, line: int) -> None:
    file = tmp_path / "x.toml"
    file.write_text(text, "utf-8")
    assert line_of(file, tuple(keys.split(" "))) == line


def toml(value: Any) -> str:
    match value:
        case str():
            return json.dumps(value).replace("\x7f", "\\u007f")
        case list():
            return f"[{', '.join(map(toml, value))}]"
        case dict():
            return f"{{{', '.join(f'{toml(key)} = {toml(each)}' for key, each in value.items())}}}"
        case bool():
            return str(value).lower()
        case _:
            return str(value)


def tables(value: Any) -> Iterator[str]:
    for key, each in value.items():
        yield f"{toml(key)} = {toml(each)}\n"


NAMES = st.sampled_from(
    ["server", "work", "channels", "delivery", "deadlines", "resolution", "port", "url", "self"]
) | st.text(string.printable, max_size=5)
PLAIN = (
    st.none().map(lambda _: date(2026, 1, 2))
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
)
VALUES = st.recursive(
    PLAIN,
    lambda some: st.lists(some, max_size=3) | st.dictionaries(NAMES, some, max_size=4),
    max_leaves=12,
)
WRITTEN = st.dictionaries(NAMES, VALUES, max_size=5).map(lambda value: "".join(tables(value)))
OFTEN = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def places_of_faults(file: Path | None = None) -> set[str]:
    """Read the settings; whatever but ``SettingsError`` comes out is the test's failure."""
    try:
        load(file)
    except SettingsError as error:
        return {fault.file for fault in error.faults} or {"a fault that says nothing"}
    return set()


@OFTEN
@given(content=WRITTEN.map(str.encode) | st.binary(max_size=60))
def test_odd_content_is_read_or_said_to_be_wrong(kanal_toml: Path, content: bytes) -> None:
    kanal_toml.write_bytes(content)
    assert places_of_faults(kanal_toml) <= {str(kanal_toml)}


@OFTEN
@given(variables=st.dictionaries(NAMES.map(str.upper), VALUES.map(toml), max_size=3))
def test_odd_variables_are_read_or_said_to_be_wrong(variables: dict[str, str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            if "=" not in name and "\0" not in name + value:
                patch.setenv(f"KANAL_{name}", value)
        assert all(place.startswith("environment") for place in places_of_faults())


def _sections(section: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield section
    for field in section.model_fields.values():
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _sections(kind)


def test_every_setting_is_read() -> None:
    """Swept: a setting that nothing reads is a promise that is not kept."""
    root = Path(config.__file__).parent.parent
    rooms = ("gateway", "adapters", "router", "normalizer", "config")
    read = {
        node.attr
        for path in (path for room in rooms for path in (root / room).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
    }
    by_name = set(Resolution.model_fields)  # read by the name of a kind of report
    for section in _sections(Settings):
        assert set(section.model_fields) - by_name <= read, section.__name__
