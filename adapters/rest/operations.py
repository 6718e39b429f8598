"""One row per operation of the interface: how it is called, who answers, and its description.

Parameters are read, and the OpenAPI document is written, from the same rows.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, TypeAdapter, ValidationError

from adapters.contract import Handler, MountedRoute, WebhookRequest, WebhookResponse
from adapters.rest.problems import PROBLEM, CallRefused

JSON = "application/json"
_REFERENCE = "#/components/schemas/{model}"

Place = Literal["path", "query", "header"]
Access = Literal["key", "key or secret", "open"]
_SECURITY: Mapping[Access, list[dict[str, list[str]]]] = {
    "key": [{"bearer": []}, {"key": []}],
    "key or secret": [{"bearer": []}, {"key": []}, {}],
    "open": [],
}
Answer = Callable[..., Awaitable[Any]]
"""Answers a request and its parameters by name: a ``WebhookResponse``, or what ``answer`` holds."""


@dataclass(frozen=True, slots=True)
class Operation:
    """What can be asked for at one path by one method."""

    name: str
    method: str
    path: str
    summary: str
    description: str
    answer: Any
    """The type of what is answered with ``status``."""
    refusals: Sequence[int]
    parameters: Mapping[Place, type[BaseModel]] = field(default_factory=dict)
    body: type[BaseModel] | None = None
    """What the channel reads from the body."""
    status: int = 200
    access: Access = "key"

    def route(self, answer: Answer) -> MountedRoute:
        """Return the operation as a route."""
        return MountedRoute(self.method, self.path, self._handler(answer))

    def _handler(self, answer: Answer) -> Handler:
        written: TypeAdapter[Any] = TypeAdapter(self.answer)

        async def handle(request: WebhookRequest, path: Mapping[str, str]) -> WebhookResponse:
            try:
                made = await answer(request, **self._values(request, path))
            except CallRefused as refused:
                return refused.response(request.headers.get("accept-language", ""))
            if isinstance(made, WebhookResponse):
                return made
            return WebhookResponse(self.status, JSON, written.dump_json(made))

        return handle

    def _values(self, request: WebhookRequest, path: Mapping[str, str]) -> dict[str, Any]:
        """Read the parameters. Raises ``CallRefused`` with everything that is wrong with them."""
        query = dict(parse_qsl(urlsplit(request.url).query, keep_blank_values=True))
        given = {"path": path, "query": query, "header": request.headers}
        values: dict[str, Any] = {}
        faults: list[str] = []
        for place, model in self.parameters.items():
            try:
                values |= dict(model.model_validate(dict(given[place])))
            except ValidationError as error:
                faults += [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        if faults:
            detail = "; ".join(faults)
            raise CallRefused(422, detail, title="Unprocessable Content")
        return values


def document(operations: Sequence[Operation], info: Mapping[str, str], base: str) -> dict[str, Any]:
    """Write the OpenAPI document of an interface."""
    schemas: dict[str, Any] = {}
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(
            operation, schemas
        )
    return {
        "openapi": "3.1.0",
        "info": dict(info),
        "servers": [{"url": base}],
        "paths": paths,
        "components": {
            "schemas": schemas | {"Problem": _PROBLEM},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
        "security": _SECURITY["key"],
    }


def _described(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "summary": operation.summary,
        "description": operation.description,
        "operationId": re.sub(r"\W", "_", f"{operation.name}{operation.path}")
        + f"_{operation.method.lower()}",
        "security": _SECURITY[operation.access],
    }
    if operation.parameters:
        told["parameters"] = [
            each for place, model in operation.parameters.items() for each in _listed(place, model)
        ]
    if operation.body:
        content = {JSON: {"schema": _schema(operation.body, schemas, "validation")}}
        told["requestBody"] = {"required": True, "content": content}
    schema = _schema(operation.answer, schemas, "serialization")
    taken = {"description": "Successful Response", "content": {JSON: {"schema": schema}}}
    problem = {"schema": {"$ref": _REFERENCE.format(model="Problem")}}
    refused = {"description": "A problem (RFC 9457)", "content": {PROBLEM: problem}}
    statuses = {str(status): refused for status in operation.refusals}
    return told | {"responses": {str(operation.status): taken, **statuses}}


def _listed(place: Place, model: type[BaseModel]) -> list[dict[str, Any]]:
    schema = model.model_json_schema()
    return [
        {
            "name": name,
            "in": place,
            "required": name in schema.get("required", ()),
            "schema": shape,
        }
        | ({"description": shape["description"]} if "description" in shape else {})
        for name, shape in schema["properties"].items()
    ]


def _schema(
    shape: Any, schemas: dict[str, Any], mode: Literal["validation", "serialization"]
) -> dict[str, Any]:
    """Return the schema of a type; what it is made of goes into ``schemas``."""
    made = TypeAdapter(shape).json_schema(mode=mode, ref_template=_REFERENCE)
    for name, part in made.pop("$defs", {}).items():
        schemas.setdefault(name, _with_nulls(part) if mode == "validation" else part)
    if mode == "validation":
        made = _with_nulls(made)
    if not (isinstance(shape, type) and issubclass(shape, BaseModel)):
        return made
    schemas.setdefault(shape.__name__, made)
    return {"$ref": _REFERENCE.format(model=shape.__name__)}


def _with_nulls(schema: dict[str, Any]) -> dict[str, Any]:
    """Say of all that may be left out that it may be null as well: both mean the same."""
    needed = schema.get("required", ())
    shapes = schema.get("properties", {})
    open_ = {name: _or_null(shape) for name, shape in shapes.items() if name not in needed}
    return {**schema, "properties": shapes | open_} if shapes else schema


def _or_null(shape: dict[str, Any]) -> dict[str, Any]:
    if {"type": "null"} in shape.get("anyOf", ()):
        return shape
    outer = ("default", "description", "title")
    said = {name: value for name, value in shape.items() if name in outer}
    inner = {name: value for name, value in shape.items() if name not in outer}
    if inner.get("type") == "array":
        inner["items"] = {"anyOf": [inner["items"], {"type": "null"}]}
    return {**said, "anyOf": [inner, {"type": "null"}]}


_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "string"}},
    },
}
