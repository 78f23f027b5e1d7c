"""What OpenAPI shows of answers: an example of each, and the problems that any guarded route may answer with."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from gateway.problems import MEDIA_TYPE

Responses = dict[int | str, dict[str, Any]]

PROBLEM_SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "traceId"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "traceId": {"type": "string"},
        "upstreamStatus": {"type": ["integer", "null"]},
        "upstreamMessage": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
_DETAILS = {
    400: "The body is not JSON that can be read: send a JSON document in UTF-8.",
    401: "Send a token that is in force, as `Authorization: Bearer ...`: kobosift tokens create makes one.",
    403: "This token's role is viewer, and admin is needed: ask an admin for another token.",
    404: "There is no account of this id here.",
    409: "This draft is SIGNED, and only one that is DRAFT can be confirmed.",
    413: "The body is larger than 1 MiB, which is the most that is taken here: send less.",
    415: "The body is not sent as JSON: send it with `Content-Type: application/json`.",
    422: "The request cannot be used as it is: accountId: Field required.",
    429: "This token asks too often: wait 0.4 seconds, then go on more slowly.",
    501: "This is not there yet.",
    502: "Mono refused the key (status 401: subscription plan does not cover endpoint).",
    503: "The warehouse is busy: try again in a few seconds.",
}


def _problem(status: int) -> dict[str, Any]:
    example: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": _DETAILS[status],
        "traceId": "5f2d088287702e3a9c1b4d6f8e0a7c35",
    }
    if status == 422:
        example["errors"] = [{"field": "accountId", "message": "Field required"}]
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}}
    return {"description": HTTPStatus(status).phrase, "content": content}


PROBLEMS: Responses = {status: _problem(status) for status in _DETAILS}
"""Each problem as OpenAPI describes it, by status."""

GUARDED: Responses = {status: PROBLEMS[status] for status in (400, 401, 403, 404, 409, 413, 415, 422, 429, 502, 503)}
"""What any route behind a token may answer besides its own."""


def shown(example: Mapping[str, Any], status: int = 200, *, upstreams: bool = False) -> Responses:
    """Show an answer of a route by example: it has these keys, with such values or null, and may have more.

    Of an answer that is upstream's the keys may be other ones.
    """
    schema = {**_schema(example), "type": "object"}
    if not upstreams:
        schema["required"] = list(example)
    content = {"application/json": {"schema": schema, "example": dict(example)}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content}}


def either(example: Mapping[str, Any], other: Mapping[str, Any]) -> Responses:
    """Show an answer that is of one of two kinds, as `shown` does each."""
    answers, second = shown(example), shown(other)
    content = answers[200]["content"]["application/json"]
    content["schema"] = {"anyOf": [content["schema"], second[200]["content"]["application/json"]["schema"]]}
    return answers


_KINDS = ((bool, "boolean"), (int, "number"), (float, "number"), (str, "string"))


def _schema(example: object) -> dict[str, Any]:
    """The schema of a value by example, which may be null too; of one that is null, anything."""
    if isinstance(example, Mapping):
        return {"type": ["object", "null"], "properties": {name: _schema(each) for name, each in example.items()}}
    if isinstance(example, list):
        return {"type": ["array", "null"], **({"items": _schema(example[0])} if example else {})}
    kind = next((name for type_, name in _KINDS if isinstance(example, type_)), None)
    return {"type": [kind, "null"]} if kind else {}
