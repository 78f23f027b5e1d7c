"""What went wrong, as `application/problem+json` (RFC 9457) with a trace id: a sentence that says what to do.

Holds the one shape of every error and which error of the other rooms is which status. No value of a request, no row,
no secret and no traceback ever stands in one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from resources.errors import ConfigurationError, KobosiftError, UpstreamError
from rules.draft_states import DraftStepError
from rules.errors import RulesError

MEDIA_TYPE = "application/problem+json"
FieldErrors = Sequence[Mapping[str, str]]
"""Each `field` and its `message`."""

_BAD_KIND = "The body is not sent as JSON: send it with `Content-Type: application/json`."
_BAD_JSON = "The body is not JSON that can be read: send a JSON document in UTF-8."


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """An answer that is no success."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: FieldErrors = (),
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, object] | None = None,
    ) -> None:
        """Name the status and say, in a sentence, what to do; `errors` are told by field, `more` beside them."""
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})
        self.more = dict(more or {})


def not_found(what: str) -> Problem:
    """What is not there, or another tenant's: the two cannot be told apart."""
    return Problem(404, f"There is no {what} of this id here.")


def answer(problem: Problem, trace_id: str) -> Response:
    """Word a problem."""
    status = problem.status
    body: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": problem.detail,
        "traceId": trace_id,
        **problem.more,
    }
    if problem.errors:
        body["errors"] = [dict(each) for each in problem.errors]
    return JSONResponse(body, status, headers=problem.headers, media_type=MEDIA_TYPE)


def of_error(error: KobosiftError | RulesError) -> Problem:
    """The problem that an error of another room is."""
    if isinstance(error, DraftStepError):
        return Problem(409, sentence(error))
    if isinstance(error, RulesError):
        return Problem(422, sentence(error))
    if isinstance(error, ConfigurationError):
        return Problem(409, sentence(error))
    if isinstance(error, UpstreamError):
        return Problem(502, sentence(error), more={"upstreamStatus": error.status, "upstreamMessage": error.said})
    return Problem(503, sentence(error), headers={"retry-after": "5"})


def sentence(error: Exception) -> str:
    """An error's words as a sentence."""
    text = str(error).strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def install(app: FastAPI) -> None:
    """Make every error of the application a problem."""
    for kind, handler in HANDLERS.items():
        app.add_exception_handler(kind, handler)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - what it is installed for
    return answer(error, request.state.trace_id)


async def _error(request: Request, error: Exception) -> Response:
    assert isinstance(error, (KobosiftError, RulesError))  # noqa: S101
    return answer(of_error(error), request.state.trace_id)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    faults = error.errors()
    if any(fault["type"] == "json_invalid" for fault in faults):
        return answer(Problem(400, _BAD_JSON), request.state.trace_id)
    kind = request.headers.get("content-type", "")
    if kind and "json" not in kind and any(fault["loc"] == ("body",) for fault in faults):
        return answer(Problem(415, _BAD_KIND), request.state.trace_id)
    errors = [{"field": _field(fault["loc"]), "message": str(fault["msg"])} for fault in faults]
    detail = "The request cannot be used as it is: " + "; ".join(
        f"{each['field']}: {each['message']}" for each in errors[:3]
    )
    return answer(Problem(422, f"{detail}.", errors=errors), request.state.trace_id)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    told = {
        400: _BAD_JSON,
        404: "There is nothing at this address: /openapi.json lists what there is.",
        405: "This address does not take that method: /openapi.json lists what it takes.",
    }
    detail = told.get(error.status_code, str(error.detail))
    return answer(Problem(error.status_code, detail, headers=error.headers), request.state.trace_id)


def _field(place: Sequence[str | int]) -> str:
    """Where a fault is, without the part of the request that it is in."""
    return ".".join(str(part) for part in (place[1:] if len(place) > 1 else place))


HANDLERS = {
    Problem: _problem,
    KobosiftError: _error,
    RulesError: _error,
    RequestValidationError: _invalid,
    HTTPException: _refused,
}
"""What answers each kind of error."""
