"""``kanal up`` on a test system: two weeks pass in a moment, and nobody is logged out by it."""

from pathlib import Path

import aiohttp
import pytest
from typer.testing import CliRunner

from config.environment import OFFSET_FILE
from config.settings import load
from gateway.assembly import assemble
from gateway.cli import app
from tests.gateway.citizens import citizens, found
from tests.gateway.making import NOWHERE, WHO
from tests.gateway.office import NAME, PASSWORD
from tests.gateway.processes import Running
from tests.gateway.test_console import Visitor

SAID = "Pelapor ditanya dan tidak menjawab selama 14 hari."
WEEKS = 15 * 86_400


async def test_two_weeks_pass_and_the_question_nobody_answered_is_in_triage(tmp_path: Path) -> None:
    offset, log = tmp_path / "offset", tmp_path / "kanal.log"
    offset.write_text("0")
    async with citizens(tmp_path) as people:
        running = Running(("up",), people.file, log, {OFFSET_FILE: str(offset)})
        await running.start()
        try:
            await _operator(people.file)
            jar = aiohttp.CookieJar(unsafe=True)
            async with aiohttp.ClientSession(cookie_jar=jar) as http:
                visitor = Visitor(f"{people.base}/console", http)
                await visitor.log_in()
                assert await people.phone.text(f"{people.base}/in/sms", WHO, NOWHERE) == 200

                async def asked() -> bool | None:
                    return True if WHO in people.heard() else None

                async def in_triage() -> bool | None:
                    response, page = await visitor.get("/triage")
                    assert response.status == 200, "the session goes on, whatever the clock says"
                    return True if SAID in page else None

                await found(asked)
                assert await in_triage() is None
                offset.write_text(f"{WEEKS}")
                await found(in_triage, within=10)
                assert await people.phone.text(f"{people.base}/in/sms", WHO, "STATUS") == 200
                async with http.get(f"{people.base}/health") as answer:
                    checks = (await answer.json())["checks"]
                assert checks["due"] == "ok"
        finally:
            status = await running.stop()
    assert status == 0, running.said()
    assert f"{OFFSET_FILE} moves the clock" in log.read_text()


@pytest.mark.parametrize("command", ["check", "up"])
def test_a_senseless_file_stops_the_start(
    tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "offset").write_text("besok")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(OFFSET_FILE, str(tmp_path / "offset"))
    ended = CliRunner().invoke(app, [command])
    assert (ended.exit_code, type(ended.exception)) == (1, SystemExit)
    assert OFFSET_FILE in ended.output
    assert "besok" not in ended.output


async def _operator(file: Path) -> None:
    """Let an operator in, as ``kanal operator`` would."""
    services = assemble(load(file), file)
    try:
        await services.accounts.set_password(NAME, PASSWORD)
    finally:
        await services.store.close()
