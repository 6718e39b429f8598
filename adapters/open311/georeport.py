"""Documents of Open311 GeoReport v2, in XML and in its JSON ("Spark").

http://wiki.open311.org/GeoReport_v2 and https://wiki.open311.org/JSON_and_XML_Conversion: in JSON
the root element is dropped and lists stand at the top; in XML every list is an element that holds
one element per item.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlsplit
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from adapters.contract import WebhookResponse

Format = Literal["xml", "json"]
MEDIA: Mapping[Format, str] = {
    "xml": "text/xml; charset=utf-8",
    "json": "application/json; charset=utf-8",
}
ITEMS: Mapping[str, str] = {
    "attributes": "attribute",
    "endpoints": "endpoint",
    "errors": "error",
    "formats": "format",
    "service_request_updates": "request_update",
    "service_requests": "request",
    "services": "service",
    "values": "value",
}
"""What one item of each list is called in XML."""
_DECLARATION = b'<?xml version="1.0" encoding="utf-8"?>\n'
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_IN_JSON = re.compile("[\ud800-\udfff]")

Fields = Mapping[str, Any]


def format_of(url: str) -> Format:
    """Return the format that a URL's path ends in; XML, which everybody must speak, otherwise."""
    return format_named(urlsplit(url).path.rpartition(".")[2]) or "xml"


def format_named(ending: str) -> Format | None:
    """Return the format of a name's ending, in any case; None when it is neither."""
    return next((each for each in MEDIA if each == ending.lower()), None)


def document(
    form: Format,
    root: str,
    content: Sequence[Fields] | Fields,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> WebhookResponse:
    """Write one document."""
    body = _xml(root, content) if form == "xml" else _json(content)
    return WebhookResponse(status, MEDIA[form], body, headers or {})


def errors(
    form: Format, status: int, faults: Sequence[str], headers: Mapping[str, str] | None = None
) -> WebhookResponse:
    """Write the list of everything that was wrong with a call."""
    listed = [{"code": str(status), "description": fault} for fault in faults]
    return document(form, "errors", listed, status, headers)


def moment(at: datetime | None) -> str | None:
    """Write a time as its readers compare it: UTC, whole seconds, with the zone."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


def _xml(root: str, content: Sequence[Fields] | Fields) -> bytes:
    top = Element(root)
    _fill(top, content)
    written: bytes = ElementTree.tostring(top, encoding="utf-8", xml_declaration=False)
    return _DECLARATION + written


def _fill(element: Element, content: Any) -> None:
    if isinstance(content, Mapping):
        for name, value in content.items():
            _fill(SubElement(element, name), value)
    elif isinstance(content, str):
        element.text = _NOT_IN_XML.sub("\ufffd", content)
    elif isinstance(content, Sequence):
        for item in content:
            _fill(SubElement(element, ITEMS[element.tag]), item)
    elif isinstance(content, bool):
        element.text = "true" if content else "false"
    elif content is not None:
        element.text = str(content)


def _json(content: Any) -> bytes:
    return _NOT_IN_JSON.sub("\ufffd", json.dumps(content, ensure_ascii=False)).encode()
