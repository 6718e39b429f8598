"""A page that shows an OpenAPI document, drawn here: no script, nothing from elsewhere."""

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from gateway.portals.console.pages import HEADERS

HERE = Path(__file__).parent
STYLE = (HERE / "templates" / "reference.css").read_text("utf-8")
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_templates = Environment(
    loader=FileSystemLoader(HERE / "templates"), undefined=StrictUndefined, autoescape=True
)


def page(document: Mapping[str, Any], address: str) -> HTMLResponse:
    """Draw an OpenAPI document; ``address`` is where it is itself, seen from the page."""
    template = _templates.get_template("reference.html")
    html = template.render(api=document, address=address, style=STYLE, shape=_shape).replace(
        "``", ""
    )
    return HTMLResponse(html, headers={**HEADERS, "Content-Security-Policy": _POLICY})


def _shape(schema: dict[str, Any]) -> str:
    """Name the type of a value in a few words: "array of Topic", "string, at most 200"."""
    if name := schema.get("$ref"):
        return str(name).rpartition("/")[2]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return " or ".join(_shape(each) for each in schema[key])
    if schema.get("type") == "array":
        return f"array of {_shape(schema.get('items', {}))}"
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    kind = str(schema.get("type", "any"))
    most = schema.get("maxLength", schema.get("maximum"))
    return kind if most is None else f"{kind}, at most {most}"
