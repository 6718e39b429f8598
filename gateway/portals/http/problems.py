"""Errors of the JSON interfaces as problems (RFC 9457)."""

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import Response

from config.words import words
from gateway.intake import webhook
from gateway.intake.problems import problem, refusal


def answer_with_problems(app: FastAPI) -> None:
    """Let every error of ``app`` be a problem."""
    app.add_exception_handler(HTTPException, _http_problem)
    app.add_exception_handler(StarletteHTTPException, _http_problem)
    app.add_exception_handler(RequestValidationError, _validation_problem)
    app.add_exception_handler(Exception, _our_fault)


async def _http_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)
    detail = _detail(request, str(error.detail))
    response = webhook.respond(problem(error.status_code, "Request refused", detail))
    response.headers.update(error.headers or {})
    return response


async def _validation_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [f"{'.'.join(map(str, e['loc'][1:]))}: {e['msg']}" for e in error.errors()]
    return webhook.respond(problem(422, "Unprocessable Content", "; ".join(faults)))


async def _our_fault(_: Request, error: Exception) -> Response:
    return webhook.respond(refusal("our_fault"))


def _detail(request: Request, code: str) -> str:
    """Return the words of a code of ``config/errors``; anything else says itself."""
    asked = request.headers.get("accept-language", "").strip().lower()
    errors, language = words("errors"), "id" if asked.startswith("id") else "en"
    known = code in errors.table("problem", language)
    return errors.say(f"problem.{code}", language) if known else code
