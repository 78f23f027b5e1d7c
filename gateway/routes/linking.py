"""Linking: an address at which a holder consents, or consents again, and the account that a code stands for."""

from __future__ import annotations

import secrets
from functools import partial
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit, urlunsplit

import duckdb
from pydantic import AnyHttpUrl, BaseModel, ConfigDict, Field, model_validator

from gateway.guard import ADMIN, Caller, Inside, Trace, guarded_router, needs
from gateway.problems import Problem, not_found, sentence
from gateway.routes.examples import shown
from resources.errors import BadResponse
from resources.warehouse import accounts, consents
from rules.money import major_units
from rules.policy import Policy
from rules.transactions import AccountKey

router = guarded_router(prefix="/si/mono", tags=["linking"])

SHORTEST_REF = 10
Text = Annotated[str, Field(min_length=1, max_length=300)]

_NOTICE = (
    "We only invoice business-related credits (invoice/payment/contract{above}). Personal or family/gift/loan "
    "transfers are ignored. Keep references consistent (e.g., INV-123) for matching."
)
_LINK = {
    "status": "successful",
    "message": "Request was successfully completed",
    "timestamp": "2024-04-12T06:31:02.289Z",
    "data": {
        "mono_url": "https://link.mono.co/ALWF1W7CEF43",
        "customer": "682dd53a74682beb490a0ed4",
        "meta": {"ref": "kbs-0f3a9c1b4d6f8e0a"},
        "scope": "auth",
        "redirect_url": "https://shop.example/linked",
        "created_at": "2024-04-12T06:31:02.289Z",
    },
    "notice": _NOTICE.format(above=", above NGN 1,000"),
}


class Customer(BaseModel):
    """Whose account it is to be: a customer that Mono knows, or a new one."""

    model_config = ConfigDict(extra="allow")

    id: Text | None = None
    name: Text | None = None
    email: Text | None = None

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if self.id is None and (self.name is None or self.email is None):
            raise ValueError("give the customer's id, or their name and email")
        return self


class Meta(BaseModel):
    """What Mono gives back with the account."""

    model_config = ConfigDict(extra="allow")

    ref: Annotated[str | None, Field(min_length=SHORTEST_REF, max_length=200)] = None


class WidgetLink(BaseModel):
    """What a link is asked for."""

    model_config = ConfigDict(
        extra="forbid",
        populate_by_name=True,
        json_schema_extra={
            "example": {
                "customer": {"name": "Invented Stores Ltd", "email": "books@shop.example"},
                "redirectUrl": "https://shop.example/linked",
            }
        },
    )

    customer: Customer | None = None
    redirect_url: Annotated[AnyHttpUrl, Field(alias="redirectUrl", max_length=2000)]
    meta: Meta | None = None
    institution: dict[str, Any] | None = None
    account: Text | None = None
    scope: Literal["auth", "reauth"] | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.account is None) == (self.scope == "reauth"):
            raise ValueError('give account and scope "reauth" together to re-authorise, or neither to link')
        if self.account is None and self.customer is None:
            raise ValueError("give the customer whose account is to be linked")
        return self

    def upstream(self) -> dict[str, Any]:
        """What Mono is asked."""
        meta = self.meta.model_dump(exclude_none=True) if self.meta else {}
        asked: dict[str, Any] = {
            "meta": {**meta, "ref": meta.get("ref") or f"kbs-{secrets.token_hex(8)}"},
            "scope": self.scope or "auth",
            "redirect_url": str(self.redirect_url),
            "customer": self.customer and self.customer.model_dump(exclude_none=True),
            "institution": self.institution,
            "account": self.account,
        }
        return {name: value for name, value in asked.items() if value is not None}


@router.post("/widget-link", responses=shown(_LINK, upstreams=True))
@needs(ADMIN)
async def widget_link(asked: WidgetLink, house: Inside, caller: Caller) -> dict[str, Any]:
    """Ask Mono for an address at which the holder consents; `notice` is to be shown there."""
    if asked.account is not None:
        account = await house.read(
            partial(
                accounts.of_tenant,
                account_id=asked.account,
                organization_id=caller.organization_id,
                environment=caller.environment,
            )
        )
        if account is None:
            raise not_found("account")
    answer = await house.mono().initiate(asked.upstream())
    data = answer.get("data")
    base = house.settings.mono_widget_base_url
    if base and isinstance(data, dict) and isinstance(data.get("mono_url"), str):
        data["mono_url"] = _moved(data["mono_url"], base)
    return {**answer, "notice": notice(await house.policy())}


class Code(BaseModel):
    """What the widget gave."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"code": "code_64779d900000000000b3de23"}})

    code: Text


@router.post("/exchange", responses=shown({"accountId": "64779d900000000000b3de23", "linked": True}))
@needs(ADMIN)
async def exchange(asked: Code, house: Inside, caller: Caller, trace: Trace) -> dict[str, Any]:
    """Exchange the widget's code for the account, link it to the token's tenant, and keep the consent."""
    try:
        account_id = await house.mono().exchange(asked.code)
    except BadResponse as error:
        if error.status is None:
            raise
        told = f"{sentence(error)} Open the widget again for a new code: one holds for about ten minutes, once."
        raise Problem(422, told, errors=[{"field": "code", "message": error.said or "not taken"}]) from None
    now = house.now()

    def work(con: duckdb.DuckDBPyConnection) -> bool:
        new = accounts.link(con, account_id, *caller.tenant, now=now)
        accounts.mark_reauthorisation(con, account_id, required=False)
        consents.add(con, AccountKey(*caller.tenant, account_id), by=caller.token_id, now=now)
        return new

    new = await house.write(work, trace_id=trace, note="link an account")
    return {"accountId": account_id, "id": account_id, "linked": True, "new": new}


def notice(policy: Policy) -> str:
    """The source's quick copy for whoever links an account, with the floor in force."""
    floor = policy.floors.get("NGN")
    amount = "" if floor is None else f"{int(floor // 100):,}" + ("" if floor % 100 == 0 else major_units(floor)[-3:])
    return _NOTICE.format(above=f", above NGN {amount}" if amount else "")


def _moved(address: str, base: str) -> str:
    """An address of the widget at another base."""
    parts, at = urlsplit(address), urlsplit(base)
    return urlunsplit((at.scheme, at.netloc, at.path.rstrip("/") + parts.path, parts.query, parts.fragment))
