"""The table of the conversation: every message ends in one row, and the guide has the same rows."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.casework.conversation import Conversation
from gateway.casework.turn import Turn, TurnRule
from normalizer.tracking import format_number
from tests.gateway.making import LAMP, NOWHERE, ROAD, WHERE, WHO, House, note

ARCHITECTURE = Path(__file__).parents[2] / "docs" / "architecture.md"
STILL = "lampu jalan masih mati juga sampai sekarang"
FIRE = "tolong ada kebakaran besar di kecamatan Wonocolo Surabaya sekarang"


class Watched:
    """Takes turns as the gateway does, and notes which row ended each."""

    def __init__(self, inner: Conversation) -> None:
        self.rules = inner.rules
        self.ends: list[str] = []

    async def take(self, turn: Turn) -> str:
        rules = tuple(replace(rule, act=self._noted(rule)) for rule in self.rules)
        return await Conversation(rules).take(turn)

    def _noted(self, rule: TurnRule):  # type: ignore[no-untyped-def]
        async def act(turn: Turn, found: object) -> str | None:
            outcome = await rule.act(turn, found)
            if outcome:
                self.ends.append(rule.name)
            return outcome

        return act


@pytest.fixture
async def watched(lite: House) -> Watched:
    route = lite.services.route
    watch = Watched(route._conversation)
    route._conversation = watch  # type: ignore[assignment]
    return watch


async def say(house: House, text: str) -> None:
    wants = text.lower() if text in ("STOP", "START") else ""  # the provider reads these
    await house.take(note(text, WHO, wants=wants))
    assert await house.work_all() == {}


@pytest.mark.parametrize(
    ("before", "text", "row"),
    [
        ((), ROAD, "a new report"),
        ((), "STOP", "stop"),
        ((), "HELP", "help"),
        ((), "STATUS", "status"),
        ((), "PRIVASI", "privacy"),
        (("STOP",), "START", "the end of a silence"),
        ((ROAD,), "STATUS", "status"),
        ((ROAD,), "ANONIM", "hide"),
        ((f"ANONIM {ROAD}",), "boleh pakai nama saya", "show again"),
        ((NOWHERE,), WHERE, "the answer to a question"),
        ((NOWHERE,), LAMP, "a new report"),
        ((LAMP, STILL), "ya", "join: yes"),
        ((LAMP, STILL), "bukan", "join: no, but a question is open"),
        ((LAMP, f"{LAMP}, di dekat masjid juga"), "bukan", "join: no"),
        ((FIRE,), "cepat pak", "an addition"),
        ((ROAD,), f"ANONIM {FIRE}", "a new report"),
    ],
)
async def test_a_message_ends_in_its_row(
    lite: House, watched: Watched, before: tuple[str, ...], text: str, row: str
) -> None:
    for each in before:
        await say(lite, each)
        lite.clock.pass_(minutes=2)
    await say(lite, text)
    assert watched.ends[-1] == row, watched.ends
    assert len(watched.ends) == len(before) + 1


async def test_a_number_makes_it_an_addition(lite: House, watched: Watched) -> None:
    file = await lite.report()
    await say(lite, f"{format_number(file.report.tracking)} lubangnya makin dalam")
    assert watched.ends == ["a new report", "an addition"]


async def test_only_the_last_row_takes_whatever_comes(lite: House, watched: Watched) -> None:
    names = [rule.name for rule in watched.rules]
    assert len(set(names)) == len(names)
    await say(lite, ROAD)
    assert watched.ends == [names[-1]]


async def test_the_guide_has_the_rows_in_their_order(watched: Watched) -> None:
    text = ARCHITECTURE.read_text("utf-8").partition("### The conversation")[2].partition("## ")[0]
    rows = re.findall(r"^\| (?!row|-)([^|]+?) \|", text, flags=re.MULTILINE)
    told: list[str] = []
    for row in rows:
        head, colon, ways = row.partition(": ")
        told += [f"{head}: {way}" for way in ways.split(" / ")] if colon else row.split(", ")
    assert told == [rule.name for rule in watched.rules]
