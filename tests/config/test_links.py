"""Links in the clear to other machines are refused unless the deployment says so."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typer.testing import CliRunner

from adapters.load import BadBlock, channel_class, kinds
from adapters.load import load as load_channel
from config.settings import Settings, SettingsError, load
from gateway import checks, cli, components
from gateway.outbound import methods
from tests.adapters.examples import EXAMPLES, PUBLIC_URL, SECRET

KEYS = {"access_key": "a", "secret": "b", "url": "s3://kanal"}
REFUSED = [
    ("broker", {"url": "amqp://kanal:pw@mq.internal/kanal"}),
    ("broker", {"url": "amqp://10.0.0.5"}),
    ("broker", {"url": "amqp://localhost.evil.example/"}),
    ("database", {"url": "postgresql+psycopg://kanal@db.internal/kanal"}),
    ("database", {"url": "postgresql+psycopg://kanal@db.internal/kanal?sslmode=prefer"}),
    ("database", {"url": "postgresql+psycopg://kanal@/kanal?host=db.internal"}),
    ("database", {"url": "postgresql+psycopg://kanal@/kanal?host=/run/pg,db.internal"}),
    ("database", {"url": "postgresql+psycopg://kanal@localhost/kanal?hostaddr=10.0.0.5"}),
    ("database", {"url": "postgresql+psycopg://kanal@/kanal?host=localhost:5432&host=db2:5432"}),
    ("database", {"url": "postgresql+psycopg://kanal@/kanal?host=::1:5432"}),
    ("database", {"url": "postgresql+psycopg://k@db/kanal?sslmode=require&sslmode=disable"}),
    ("media", {**KEYS, "endpoint": "http://s3.internal:9000"}),
]
TAKEN = [
    ("broker", {"url": ""}),
    ("broker", {"url": "amqps://kanal:pw@mq.internal/kanal"}),
    ("broker", {"url": "amqp://guest:guest@127.0.0.1:5672/x"}),
    ("broker", {"url": "amqp://[::1]/x"}),
    ("database", {"url": "postgresql+psycopg://kanal@localhost/kanal"}),
    ("database", {"url": "postgresql+psycopg://kanal@/kanal?host=/run/postgresql"}),
    ("database", {"url": "postgresql+psycopg://kanal@/kanal?host=127.0.0.1:5432&host=localhost:5"}),
    ("database", {"url": "postgresql+psycopg://k@/k?host=db1:5432&host=db2:5432&sslmode=require"}),
    ("database", {"url": "postgresql+psycopg://kanal@%2Frun%2Fpostgresql/kanal"}),
    ("database", {"url": "postgresql+psycopg://kanal@db/kanal?sslmode=verify-full"}),
    ("database", {"url": "postgresql+psycopg://kanal@db/kanal?sslmode=require"}),
    ("database", {"url": "sqlite+aiosqlite:////srv/kanal.sqlite3"}),
    ("media", {**KEYS, "endpoint": "https://s3.internal"}),
    ("media", {**KEYS, "endpoint": "http://127.0.0.1:9000"}),
]


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("section", "values"), REFUSED)
def test_a_link_in_the_clear_is_refused_unless_said_so(
    section: str, values: dict[str, Any]
) -> None:
    with pytest.raises(SettingsError, match="in the clear"):
        load(None, **{section: values})
    load(None, **{section: {**values, "insecure": True}})


@pytest.mark.parametrize(("section", "values"), TAKEN)
def test_an_encrypted_link_or_one_within_the_machine_is_taken(
    section: str, values: dict[str, Any]
) -> None:
    load(None, **{section: values})


OURS, BUILT, GUARDED = "ours", "checked when its sender is built", "config/links.py"
WORDS = frozenset(
    {"url", "uri", "link", "host", "hostname", "endpoint", "server", "address", "base", "contact"}
    | {"authserv", "site", "domain"}
)
RULES = {
    "server.public_url": OURS,  # what providers call; TLS ends at the proxy
    "server.host": OURS,
    "server.security_contact": OURS,  # shown, never called
    "privacy.contact": OURS,  # shown, never called
    "mail_server.host": OURS,
    "mail_server.hostname": OURS,
    "database.url": GUARDED,
    "broker.url": GUARDED,
    "media.url": OURS,  # a folder or a bucket; the endpoint is the link
    "media.endpoint": GUARDED,
    "delivery.url": BUILT,
    "mail.address": OURS,
    "mail.authserv_id": OURS,
    "mail.smtp_host": GUARDED,
    "open311.contact": OURS,
    "smpp.host": GUARDED,
    "sms_http.url": GUARDED,
    "telegram.api_base": GUARDED,
    "twilio.api_base": GUARDED,
    "webhook.url": GUARDED,
    "x.api_base": GUARDED,
}
"""Every setting that names an address, and who sees to it: a new one has to be thought about."""
BLOCKS = sorted(n for n, rule in RULES.items() if rule == GUARDED and n.split(".")[0] in kinds())


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models within a field's type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def _is_link(name: str, field: FieldInfo) -> bool:
    said = f"{field.annotation} {field.metadata}"
    return not WORDS.isdisjoint(name.split("_")) or "Url" in said or "://" in said


def _links(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = list(_models(field.annotation))
        for each in inner:
            yield from _links(each, prefix if inner[0].__name__ == "Key" else f"{prefix}.{name}")
        if not inner and _is_link(name, field):
            yield f"{prefix}.{name}"


def test_every_setting_that_holds_an_address_has_a_rule() -> None:
    found: set[str] = set()
    for section, field in Settings.model_fields.items():
        for model in _models(field.annotation):
            found |= set(_links(model, section))
    for kind in kinds():
        found |= set(_links(channel_class(kind).settings, kind))
    for kind in methods.kinds():
        found |= set(_links(methods.method_class(kind).settings, "delivery"))
    assert found == set(RULES)


@pytest.mark.parametrize("name", BLOCKS)
def test_a_channel_refuses_an_address_in_the_clear(name: str) -> None:
    kind, field = name.split(".")
    bare = field in ("host", "smtp_host")
    more = {"smtp_tls": "none"} if kind == "mail" else {}
    far = "provider.example" if bare else "http://provider.example"
    near = "127.0.0.1" if bare else "http://127.0.0.1:9"
    with pytest.raises(BadBlock):
        load_channel(kind, {**EXAMPLES[kind], **more, field: far}, public_url=PUBLIC_URL)
    with pytest.raises(BadBlock):
        load_channel(
            kind,
            {**EXAMPLES[kind], **more, field: far.replace("provider", "localhost")},
            public_url=PUBLIC_URL,
        )
    load_channel(kind, {**EXAMPLES[kind], **more, field: near}, public_url=PUBLIC_URL)


def test_an_agency_refuses_an_address_in_the_clear() -> None:
    block = {"method": "webhook", "url": "http://agency.example/", "secret": SECRET}
    with pytest.raises(SettingsError, match="in the clear"):
        components.methods(load(None, delivery={"pln": block}), None)


def test_what_can_deceive_us_is_said() -> None:
    mail = {"type": "mail", "address": "lapor@lapor.example", "smtp_host": "mail.example"}
    far = load(None, server={"public_url": "https://lapor.example"}, channels={"email": mail})
    unproven, smtp = checks.warnings(components.channels(far, None))
    (header,) = checks.link_warnings(far)
    assert "UNPROVEN" in unproven
    assert "starttls" in smtp
    assert 'client_header = "X-Real-IP"' in header
    sure = load(
        None,
        server={"public_url": "https://lapor.example", "client_header": "X-Real-IP"},
        channels={"email": {**mail, "smtp_tls": "starttls"}},
    )
    assert checks.warnings(components.channels(sure, None)) == [unproven]
    assert checks.link_warnings(sure) == []
    assert checks.link_warnings(load(None)) == []


def test_check_says_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KANAL_SERVER__PUBLIC_URL", "https://lapor.example")
    done = CliRunner().invoke(cli.app, ["check"])
    assert done.exit_code == 0, done.output
    assert "server.client_header is not set" in done.output
