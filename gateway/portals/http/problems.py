"""Errors of the JSON interfaces as problems (RFC 9457)."""

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import Response

from gateway.intake import webhook
from gateway.intake.problems import problem
from gateway.platform import correlation


def answer_with_problems(app: FastAPI) -> None:
    """Let every error of ``app`` be a problem."""
    app.add_exception_handler(HTTPException, _http_problem)
    app.add_exception_handler(StarletteHTTPException, _http_problem)
    app.add_exception_handler(RequestValidationError, _validation_problem)
    app.add_exception_handler(Exception, _our_fault)


async def _http_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)
    response = webhook.respond(problem(error.status_code, "Request refused", str(error.detail)))
    response.headers.update(error.headers or {})
    return response


async def _validation_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [f"{'.'.join(map(str, e['loc'][1:]))}: {e['msg']}" for e in error.errors()]
    return webhook.respond(problem(422, "Unprocessable Content", "; ".join(faults)))


async def _our_fault(_: Request, error: Exception) -> Response:
    said = f"our fault; it has been logged as {correlation.current_request() or 'an error'}"
    return webhook.respond(problem(500, "Internal Server Error", said))
