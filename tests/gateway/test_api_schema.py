"""Schemathesis against the running doors: what they say they answer is what they answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.gateway.making import ROAD
from tests.gateway.partners import API, CITY, Town, town

EXAMPLES = 8
"""Of each operation: enough to meet every parameter, few enough to take seconds."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
GEOREPORT = Path(__file__).with_name("georeport.openapi.json")


@pytest.fixture
async def here(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    async with town(sqlite_url, tmp_path, open311={"public_per_minute": 10_000}) as built:
        await built.house.report(ROAD)
        yield built


def exercised(document: dict[str, Any], base: str, **headers: str) -> set[str]:
    """Send every operation of a document what fits it and what does not; return their names."""
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=base)
    seen = set()
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()

        @given(case=operation.as_strategy())
        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def send(case: Any) -> None:
            case.call_and_validate(checks=CHECKS, headers=headers)

        send()
        seen.add(operation.label)
    return seen


async def test_rest_answers_as_it_says(here: Town) -> None:
    document = (await here.get(f"{API}/openapi.json")).json
    seen = await asyncio.to_thread(
        exercised, document, f"{here.url}/api", authorization=f"Bearer {CITY}"
    )
    assert len(seen) == 8
    assert await here.house.counted("messages") > 1


async def test_open311_answers_as_the_specification_says(here: Town) -> None:
    document = json.loads(GEOREPORT.read_text())
    seen = await asyncio.to_thread(exercised, document, f"{here.url}/open311/v2")
    assert len(seen) == sum(len(methods) for methods in document["paths"].values())
