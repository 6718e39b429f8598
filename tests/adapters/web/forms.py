"""Form bodies as a browser writes them, for the web channel and its page."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode
from uuid import uuid4

from adapters.contract import RECEIVED_ON, WebhookRequest
from tests.adapters.examples import PUBLIC_URL

JPEG = b"\xff\xd8\xff\xe0" + b"\x00" * 20
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 20
Attached = Sequence[tuple[str, bytes]]


def filled(**changes: str | None) -> dict[str, str]:
    """Fill in the form as a citizen would; None leaves a field out."""
    values: dict[str, str | None] = {
        "key": str(uuid4()),
        "website": "",
        "kind": "complaint",
        "title": "Lampu jalan mati",
        "body": "Lampu jalan mati sudah seminggu, gelap sekali kalau malam.",
        "date": "2026-02-21",
        "address": "Kecamatan Wonocolo, Kota Surabaya",
        "latitude": "",
        "longitude": "",
        "accuracy": "",
        "location_consent": "",
        "agency": "",
        "topic": "perhubungan",
        "name": "",
        "contact": "",
    }
    return {name: value for name, value in (values | changes).items() if value is not None}


def multipart(values: Mapping[str, str], files: Attached = (), field: str = "attachments") -> bytes:
    """Write a multipart body with the boundary ``xx``; an empty file field always comes along."""
    parts = [
        f'--xx\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in values.items()
    ]
    for name, content in files or [("", b"")]:
        head = f'--xx\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
        parts.append(f"{head}Content-Type: application/octet-stream\r\n\r\n".encode() + content)
        parts.append(b"\r\n")
    return b"".join(parts) + b"--xx--\r\n"


def posted(
    values: Mapping[str, str],
    files: Attached = (),
    *,
    origin: str = PUBLIC_URL,
    language: str = "id",
    encoded: bool = False,
) -> WebhookRequest:
    """Dress a filled form as the request of a browser."""
    kind = "application/x-www-form-urlencoded" if encoded else "multipart/form-data; boundary=xx"
    headers = {
        "origin": origin,
        "sec-fetch-site": "same-origin",
        "content-type": kind,
        "accept-language": language,
        RECEIVED_ON: "2026-03-02",
    }
    body = urlencode(values).encode() if encoded else multipart(values, files)
    return WebhookRequest(f"{PUBLIC_URL}/in/door", headers, body)
