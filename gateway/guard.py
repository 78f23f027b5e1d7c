"""Who may do what: every route behind a token, in a role, at a rate; and a POST repeated under its key.

A route names its role with `needs`, or it cannot be made. The guard stands before the body is read as anything: whoever
has no token learns nothing from what they sent.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Annotated, Any, TypeVar
from urllib.parse import unquote

from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute

from gateway.house import House
from gateway.problems import Problem
from resources.warehouse import answers, tokens
from resources.warehouse.answers import Question
from resources.warehouse.tokens import Token

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
Handler = Callable[[Request], Coroutine[Any, Any, Response]]

VIEWER, ANALYST, APPROVER, ADMIN = tokens.ROLES
IDEMPOTENCY_KEY = "idempotency-key"
WITHOUT_NUL = r"^[^\x00]*$"
"""What ids in addresses are like."""
_KEY = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)
_LARGEST_KEPT = 256 * 1024
_ROLE = "kobosift_role"


def needs(role: str) -> Callable[[Endpoint], Endpoint]:
    """Let only bearers of that role, or a higher one, call an endpoint."""

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _ROLE, role)
        return endpoint

    return mark


def role_of(route: APIRoute) -> str | None:
    """The role that a route asks for; None where it is open to all."""
    return getattr(route.endpoint, _ROLE, None)


class GuardedRoute(APIRoute):
    """A route that only bearers of a token reach."""

    def get_route_handler(self) -> Handler:
        """Put the guard before the endpoint."""
        role = role_of(self)
        if role is None:
            raise TypeError(f"the route {self.path} names no role: mark its endpoint with @needs(...)")
        endpoint = super().get_route_handler()
        path = self.path

        async def handle(request: Request) -> Response:
            house: House = request.app.state.house
            token = await _admit(house, request, role)
            request.state.token = token
            await _refuse_nul(request)
            key = request.headers.get(IDEMPOTENCY_KEY)
            if request.method != "POST" or key is None:
                return await endpoint(request)
            question = await _question(request, token, f"{request.method} {path}", key)
            return await _once(house, request, question, endpoint)

        return handle


def guarded_router(**options: Any) -> APIRouter:
    """A router all of whose routes are guarded."""
    return APIRouter(route_class=GuardedRoute, **options)


class DirectRoute(APIRoute):
    """An open route whose endpoint takes the request alone and makes its own answer: nothing is solved around it."""

    def get_route_handler(self) -> Handler:
        """Call the endpoint, and nothing besides."""
        endpoint: Handler = self.endpoint
        return endpoint


# Asynchronous though they wait for nothing: the framework takes each of the others to a thread and back.
async def _house(request: Request) -> House:
    house: House = request.app.state.house
    return house


async def _caller(request: Request) -> Token:
    token: Token = request.state.token
    return token


async def _trace(request: Request) -> str:
    trace_id: str = request.state.trace_id
    return trace_id


Inside = Annotated[House, Depends(_house)]
Caller = Annotated[Token, Depends(_caller)]
Trace = Annotated[str, Depends(_trace)]


async def _admit(house: House, request: Request, role: str) -> Token:
    """Whose request it is.

    Raises:
        Problem: 401 without a token that is good, 429 too often, 403 in too low a role.
    """
    kind, _, secret = request.headers.get("authorization", "").partition(" ")
    token = None
    if kind.lower() == "bearer":
        token = await house.read(partial(tokens.known, secret=secret.strip()))
    if token is None:
        told = "Send a token that is in force, as `Authorization: Bearer ...`: kobosift tokens create makes one."
        raise Problem(401, told, headers={"www-authenticate": "Bearer"})
    wait = house.buckets.take(token.token_id)
    if wait > 0:
        told = f"This token asks too often: wait {wait:.1f} seconds, then go on more slowly."
        raise Problem(429, told, headers={"retry-after": str(math.ceil(wait))})
    if not token.may(role):
        raise Problem(403, f"This token's role is {token.role}, and {role} is needed: ask an admin for another token.")
    return token


async def _refuse_nul(request: Request) -> None:
    """Nothing that is looked for or kept holds a NUL, and not every store can say so itself."""
    if "\0" in unquote(request.url.query) or b"\\u0000" in await request.body():
        raise Problem(422, "The request holds a NUL character: send it without.")


async def _question(request: Request, token: Token, route: str, key: str) -> Question:
    if not _KEY.fullmatch(key):
        raise Problem(422, "An Idempotency-Key is 1 to 128 printable ASCII characters without blanks: send such a one.")
    asked = hashlib.sha256()
    for part in (request.url.path.encode(), request.url.query.encode(), await request.body()):
        asked.update(len(part).to_bytes(8) + part)
    return Question(token.token_id, route, key, asked.hexdigest())


async def _once(house: House, request: Request, question: Question, endpoint: Handler) -> Response:
    """Do what is asked the first time that it is asked under its key, and answer the same from then on."""
    async with house.alone(json.dumps([question.token_id, question.route, question.key])):
        kept = await house.read(partial(answers.find, question=question, now=house.now()))
        if kept is not None:
            if kept.request_hash != question.request_hash:
                told = "This Idempotency-Key was used for another request within 24 hours: send a new key."
                raise Problem(422, told)
            headers = {"idempotent-replayed": "true"}
            return Response(kept.body, kept.status, headers, media_type="application/json")
        response = await endpoint(request)
        body = bytes(response.body)
        if response.status_code < 300 and len(body) <= _LARGEST_KEPT:
            keep = partial(
                answers.keep, question=question, status=response.status_code, body=body.decode(), now=house.now()
            )
            await house.write(keep, trace_id=request.state.trace_id, note="keep an answer")
        return response
