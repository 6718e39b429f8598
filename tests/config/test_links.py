"""Links in the clear to other machines are refused unless the deployment says so."""

from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings, SettingsError, load

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
    monkeypatch.delenv("KANAL_CONFIG", raising=False)


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


RULES = {
    "server.public_url": "ours: what providers call, TLS ends at the proxy",
    "server.host": "where we listen",
    "mail_server.host": "where we listen",
    "mail_server.hostname": "our own name",
    "database.url": "links",
    "broker.url": "links",
    "media.url": "a folder or a bucket; the endpoint is the link",
    "media.endpoint": "links",
    "delivery.url": "the rule of webhooks (SafeUrl)",
}
"""Every setting that names an address, and why it may: a new one has to be thought about."""


def test_every_setting_that_holds_an_address_has_a_rule() -> None:
    found = set()
    for section, field in Settings.model_fields.items():
        inner = [field.annotation, *getattr(field.annotation, "__args__", ())]
        for model in inner:
            for name in getattr(model, "model_fields", {}):
                if any(word in name for word in ("url", "host", "endpoint", "server", "address")):
                    found.add(f"{section}.{name}")
    assert found == set(RULES)
