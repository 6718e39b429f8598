"""Doors for programs are there only where the settings want them, and keys are made once."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from typer.testing import CliRunner

from adapters.contract import PartnerKeys
from adapters.load import load as load_channel
from adapters.partner_api.channel import PartnerBlock
from config.settings import load
from gateway import checks, components
from gateway.assembly import assemble
from gateway.cli import app
from gateway.process import Kanal
from tests.gateway.making import made_parts
from tests.gateway.partners import CITY

KEYS = {"kota": {"key": CITY}}
PATHS = ("/open311/v2/services.xml", "/api/v1/topics", "/api/docs")


@pytest.mark.parametrize(
    ("channels", "codes"),
    [
        ({}, [404, 404, 404]),
        ({"open311": {"type": "open311", "enabled": False}}, [404, 404, 404]),
        ({"fms": {"type": "open311", "keys": KEYS}}, [200, 404, 404]),
        ({"rest": {"type": "rest"}, "fms": {"type": "open311"}}, [200, 200, 200]),
    ],
)
async def test_a_door_is_there_only_where_its_channel_is(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    channels: Mapping[str, Any],
    codes: list[int],
) -> None:
    parts = made_parts()
    settings = load(server={"data_dir": tmp_path, "port": 0}, channels=channels)
    kanal = Kanal(assemble(settings, parts=parts))
    try:
        ports = await kanal.start(("web",))
        async with aiohttp.ClientSession(f"http://127.0.0.1:{ports.web}") as http:
            assert [(await http.get(path)).status for path in PATHS] == codes
            for name in channels:
                assert (await http.post(f"/in/{name}")).status == 404
            assert (await http.get("/agency/v1/reports")).status == 401
            assert (await http.get("/nothing")).content_type == "application/problem+json"
    finally:
        await kanal.stop()


@pytest.mark.parametrize(
    ("channels", "told"),
    [
        ({"a": {"type": "rest"}, "b": {"type": "rest"}}, "a is such a door already"),
        ({"a": {"type": "open311"}, "b": {"type": "open311", "enabled": False}}, ""),
        ({"a": {"type": "open311"}, "b": {"type": "rest"}}, ""),
        (
            {"a": {"type": "rest", "keys": {"x": {"key": CITY, "scopes": ["update"]}}}},
            "",
        ),
        (
            {
                "a": {
                    "type": "open311",
                    "keys": {"x": {"key": CITY, "scopes": ["update"], "agency": "no-such"}},
                }
            },
            "there is no agency 'no-such'",
        ),
    ],
)
def test_what_cannot_work_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, channels: dict[str, Any], told: str
) -> None:
    parts = made_parts()
    monkeypatch.setattr(components, "load", lambda _: parts)
    said = [str(fault) for fault in checks.faults(load(channels=channels), None)]
    assert len(said) == bool(told)
    assert all(told in each for each in said)


def test_a_key_is_shown_once_and_its_settings_let_it_in() -> None:
    chosen = ["key", "kota-1", "--scope", "report", "--scope", "update", "--agency", "pln"]
    runner = CliRunner()
    first, second = (runner.invoke(app, [*chosen, "--channel", "fms"]).output for _ in range(2))
    assert first != second
    made, _, settings = first.partition("\n\n")
    block = tomllib.loads(settings.partition("\n\n")[2])["channels"]["fms"]
    assert made not in settings
    checked = PartnerBlock.model_validate({"type": "open311"} | block)
    caller = PartnerKeys(checked.keys).partner(made)
    assert caller is not None
    assert (caller.name, caller.key.agency, caller.may("update")) == ("kota-1", "pln", True)
    load_channel("fms", {"type": "open311"} | block, public_url="https://lapor.example")


@pytest.mark.parametrize(
    "arguments",
    [["Kota A"], ["kota", "--scope", "all"], ["kota", "--per-minute", "0"], ["k", "--agency", "x"]],
)
def test_a_key_for_nobody_is_not_made(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, ["key", *arguments])
    assert result.exit_code == 2
    assert "kanal_" not in result.output
