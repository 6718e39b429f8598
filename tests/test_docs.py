"""What the documentation names must exist: links, files, commands, settings, examples."""

import importlib
import re
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import pytest
import typer
from pydantic import BaseModel

from adapters.contract import Channel, ChannelSettings, Outgoing, Receiver
from adapters.load import channel_class
from adapters.webhook import Webhook, WebhookBlock
from config import settings
from config.words import words
from gateway.platform import metrics
from gateway.platform.seal import KEY_FILE
from gateway.wire import events
from tests.adapters.examples import EXAMPLES, PUBLIC_URL
from tests.adapters.test_conformance import GARBAGE, survives

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.rglob("*.md")), ROOT / "README.md", ROOT / "CHANGELOG.md"]
FLOORS = ("adapters", "config", "docs", "gateway", "normalizer", "router", "tests", "bench")
DEFAULTS = tomllib.loads(settings.DEFAULTS.read_text())

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
guides = pytest.mark.parametrize("page", PAGES[:-2], ids=lambda page: page.stem)  # whole examples


def _spans(page: Path) -> list[str]:
    """Return what stands between backticks in the running text."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", page.read_text(), flags=re.S))


def _blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), flags=re.S | re.M)


@pages
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pages
def test_files_that_are_named_exist(page: Path) -> None:
    for span in _spans(page):
        if re.fullmatch(rf"(?:{'|'.join(FLOORS)})/[\w./-]*", span):
            assert (ROOT / span).exists(), f"{page.name} names {span}"


def _known(keys: list[str], model: type[BaseModel]) -> bool:
    """Say whether a key path leads through the settings; a table of the operator's own ends it."""
    if not keys:
        return True
    field = model.model_fields.get(keys[0])
    if field is None:
        return False
    inner = field.annotation
    if isinstance(inner, type) and issubclass(inner, BaseModel):
        return _known(keys[1:], inner)
    return len(keys) == 1 or keys[0] in ("channels", "delivery")


@pages
def test_settings_that_are_named_exist(page: Path) -> None:
    dotted = (s.split(" ")[0] for s in _spans(page) if s != KEY_FILE)
    keys = [s.split(".") for s in dotted if re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", s)]
    written = re.findall(r"\bKANAL_([A-Z_]+[A-Z])\b", page.read_text())
    keys = [k for k in keys if k[0] in settings.Settings.model_fields]
    keys += [
        w.lower().split("__")
        for w in written
        if w not in ("CONFIG", "CLOCK_OFFSET_FILE", "SECTION__KEY")
    ]
    unknown = [".".join(k) for k in keys if not _known(k, settings.Settings)]
    assert not unknown, f"{page.name} names settings that are not there: {unknown}"


@guides
def test_blocks_of_settings_are_accepted(page: Path) -> None:
    for block in _blocks(page, "toml"):
        values: dict[str, Any] = dict(DEFAULTS)
        settings.merge(values, tomllib.loads(block))
        chosen = settings.Settings(**values)
        for name, channel in chosen.channels.items():
            if channel["type"] != "pigeon":
                kind = channel_class(channel["type"])
                kind(name, kind.settings.model_validate(channel), public_url=PUBLIC_URL)


def _commands(app: typer.Typer) -> set[str]:
    """Return ``run``, ``audit verify`` and so on."""
    command = typer.main.get_command(app)
    return set(_walk(command, ()))


def _walk(command: Any, path: tuple[str, ...]) -> Iterator[str]:
    if path:
        yield " ".join(path)
    for name, inner in getattr(command, "commands", {}).items():
        yield from _walk(inner, (*path, name))


@pages
def test_commands_that_are_named_exist(page: Path) -> None:
    known = _commands(importlib.import_module("gateway.cli").app)
    groups = {name.split(" ")[0] for name in known if " " in name}
    shell = "\n".join(_blocks(page, "sh"))
    written = [s for s in _spans(page) if s.startswith("kanal ")]
    written += re.findall(r"^(?:\S+=\S+ )*(?:\.venv/bin/)?(kanal .*)$", shell, flags=re.M)
    for line in written:
        said = line.split()[1:]
        name = " ".join(said[:2] if said[0] in groups else said[:1])
        assert name in known, f"{page.name} names {line!r}; there are {sorted(known)}"


def test_the_glossary_has_every_word_an_officer_reads() -> None:
    told = (DOCS / "glossary.md").read_text()
    for table in ("kind", "status"):
        for code, label in words("labels").table(table).items():
            assert label in told, f"{code} is called {label}"


def test_the_picture_can_be_drawn_and_names_every_work_queue() -> None:
    from gateway.broker.base import WORK

    text = {t.text for t in ElementTree.parse(DOCS / "architecture.svg").iter() if t.text}
    assert set(WORK) <= text


def test_the_floors_that_are_drawn_are_the_rooms_there_are() -> None:
    drawn = set(re.findall(r"`(\w+)/`", (DOCS / "architecture.md").read_text()))
    rooms = {p.parent.name for p in ROOT.glob("*/__init__.py")} - {"tests", "bench", "demo"}
    assert rooms <= drawn


def _module(name: str, source: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    made = ModuleType(name)
    monkeypatch.setitem(sys.modules, name, made)
    exec(compile(source, f"docs: {name}", "exec"), vars(made))
    return made


def test_the_example_channel_keeps_every_channels_promises(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = _blocks(DOCS / "channel-author.md", "python")[0]
    kind: type[Channel] = _module("pigeon", source, monkeypatch).CHANNEL
    block: ChannelSettings = kind.settings.model_validate({"type": "pigeon", "secret": "s3cret"})
    channel = kind("pigeon", block, public_url=PUBLIC_URL)
    assert isinstance(channel, Receiver)
    for hook in GARBAGE:
        survives(channel, hook)


def test_the_agencys_example_accepts_ours_and_refuses_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = _blocks(DOCS / "agency.md", "python")[0]
    verified = _module("agency_example", source, monkeypatch).verified
    block = WebhookBlock.model_validate(EXAMPLES["webhook"])
    message = Outgoing("d-1", '{"data": {}}')
    sender, now = Webhook("w", block, public_url=PUBLIC_URL), datetime.now(UTC)
    headers = sender._headers(message, now)
    secret = block.secret.get_secret_value()
    assert verified(message.text.encode(), headers, secret)
    assert not verified(b'{"data": {"id": 1}}', headers, secret)
    old = sender._headers(message, now - timedelta(hours=1))
    assert not verified(message.text.encode(), old, secret)
    for broken in ({}, {**headers, "webhook-timestamp": "soon"}):
        assert not verified(message.text.encode(), broken, secret)


def test_the_agencys_sample_is_an_event_of_ours() -> None:
    sample = events.read(_blocks(DOCS / "agency.md", "json")[0].encode())
    report = events.report_in(sample)
    assert sample.type == events.ASSIGNED
    assert events.for_agency(report) == report


def test_the_operators_guide_explains_every_reason_for_quarantine() -> None:
    files = (
        "gateway/access/machines.py",
        "gateway/intake/receive.py",
        "gateway/intake/quarantine.py",
        "gateway/store/messages.py",
    )
    code = "".join((ROOT / name).read_text() for name in files)
    reasons = set(re.findall(r'(?:hook, |reason=|SetAside\()"(\w+)"', code))
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", (DOCS / "operator.md").read_text(), flags=re.M)
    explained = dict(rows)
    assert explained.items() <= words("console").table("reason").items()
    assert {"forged", "malformed", "same_id_other_content"} <= reasons == explained.keys()


def test_metrics_that_are_named_are_measured() -> None:
    named = {s for page in PAGES for s in _spans(page) if re.fullmatch(r"kanal_\w+", s)}
    assert named
    assert named <= {metric.name for metric in metrics.REGISTRY.collect()}
