"""The language that a reader of our pages chose: ``?lang=en`` chooses, a cookie keeps it."""

from starlette.datastructures import MutableHeaders
from starlette.requests import Request

from config.words import LANGUAGES, Language

COOKIE = "lang"
_YEAR = 365 * 24 * 3600


def language_of(request: Request) -> Language:
    """Return the language that the reader chose, else Indonesian.

    Not that of the browser: many phones in Indonesia are set to English by the shop that sold them.
    """
    for chosen in (request.query_params.get("lang"), request.cookies.get(COOKIE)):
        if chosen in LANGUAGES:
            return chosen
    return "id"


def keep_language(request: Request, headers: MutableHeaders) -> None:
    """Put the cookie on the answer to a request that chose a language."""
    chosen = request.query_params.get("lang", "")
    if chosen not in LANGUAGES:
        return
    secure = "; Secure" if request.url.scheme == "https" else ""
    kept = f"{COOKIE}={chosen}; Max-Age={_YEAR}; Path=/; HttpOnly; SameSite=lax{secure}"
    headers.append("set-cookie", kept)
