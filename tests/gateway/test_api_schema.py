"""Schemathesis against the running doors: what they say they answer is what they answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from tests.gateway.making import ROAD
from tests.gateway.partners import API, CITY, Town, town
from tests.gateway.whole import AGENCY_TOKEN, NAME, whole

EXAMPLES = 8
"""Of each operation: enough to meet every parameter, few enough to take seconds."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
STRICT = [*CHECKS, ignored_auth, negative_data_rejection]
"""Also: no key opens nothing, and what does not fit the schema is refused."""
GEOREPORT = Path(__file__).with_name("georeport.openapi.json")


@pytest.fixture
async def here(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    async with town(sqlite_url, tmp_path, open311={"public_per_minute": 10_000}) as built:
        await built.house.report(ROAD)
        yield built


def exercised(
    document: dict[str, Any], base: str, checks: list[Any] = CHECKS, **headers: str
) -> set[str]:
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
            case.call_and_validate(checks=checks, headers=headers)

        send()
        seen.add(operation.label)
    return seen


async def test_rest_answers_as_it_says(here: Town) -> None:
    document = (await here.get(f"{API}/openapi.json")).json
    seen = await asyncio.to_thread(
        exercised, document, f"{here.url}/api", STRICT, Authorization=f"Bearer {CITY}"
    )
    assert len(seen) == 8
    assert await here.house.counted("messages") > 1


async def test_open311_answers_as_the_specification_says(here: Town) -> None:
    document = json.loads(GEOREPORT.read_text())
    seen = await asyncio.to_thread(exercised, document, f"{here.url}/open311/v2")
    assert len(seen) == sum(len(methods) for methods in document["paths"].values())


async def test_the_agencies_interface_answers_as_it_says(tmp_path: Path) -> None:
    async with whole(tmp_path) as kanal, aiohttp.ClientSession() as http:
        assert kanal.web
        base = f"http://127.0.0.1:{kanal.web.port}"
        async with http.get(f"{base}/openapi.json") as answer:
            document = await answer.json()
        assert document["servers"] == [{"url": f"https://{NAME}"}]
        key = f"Bearer {AGENCY_TOKEN}"
        seen = await asyncio.to_thread(exercised, document, base, STRICT, Authorization=key)
    assert len(seen) == 3
