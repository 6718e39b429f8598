"""How a stranger's file is served so that it can do nothing: headers, and a name for the disk."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from gateway.media.access import ShownFile

HEADERS = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}


def serve(request: Request, file: ShownFile) -> Response:
    """Answer with a file, or with 304 when the reader has it."""
    tag = f'"{file.sha256}"'
    headers = {**HEADERS, "ETag": tag, "Content-Disposition": _disposition(file)}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(file.content, headers=headers, media_type=_type(file))


def _type(file: ShownFile) -> str:
    text = file.media_type.startswith("text/")
    return f"{file.media_type}; charset=utf-8" if text else file.media_type


def _disposition(file: ShownFile) -> str:
    """Write the name for old readers in ASCII and for the others whole (RFC 6266)."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_. ") else "_" for c in file.name)
    how = "inline" if file.inline else "attachment"
    return f"{how}; filename=\"{plain}\"; filename*=UTF-8''{quote(file.name, safe='')}"
