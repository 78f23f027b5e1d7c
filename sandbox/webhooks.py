"""Webhooks as Mono sends them, and as the source's own scheme signs them.

Holds the composing of event bodies, the signing, and `Sender`, which posts them. Must not hold the receiving end. Mono
itself pushes no transactions: `transaction.updated` and `transaction.settled` are the source's own events.
"""

import hmac
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count
from json import dumps
from typing import Final, Literal
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from sandbox import replies
from sandbox.world import Account

Tell = Callable[[str, Account], None]
Scheme = Literal["signature", "secret"]

TRANSACTION_EVENTS: Final = ("transaction.updated", "transaction.settled")
EVENTS: Final = (
    "mono.events.account_connected",
    "mono.events.account_updated",
    "mono.events.account_reauthorized",
    "mono.events.account_unlinked",
    "mono.events.reauthorisation_required",
    "mono.accounts.jobs.update",
    "mono.events.account_income",
    *TRANSACTION_EVENTS,
)
_OURS: Final = {"app": replies.APP_ID, "business": replies.BUSINESS_ID}


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to an account: `transaction` is the row as served, needed by the two transaction events."""

    name: str
    account: Account
    transaction: Mapping[str, object] | None = None
    sync_status: str = "SUCCESSFUL"
    data_status: str = "AVAILABLE"
    job_status: str = "finished"


def compose(event: Event, moment: datetime, number: int) -> bytes:
    """Write the body of an event; `number` tells events of one name and account apart in `event_id`.

    An unknown event, or a transaction event without its row, is a ValueError.
    """
    if event.name not in EVENTS:
        raise ValueError(f"There is no event called {event.name!r}. Known are: {', '.join(EVENTS)}.")
    if event.name in TRANSACTION_EVENTS and event.transaction is None:
        raise ValueError(f"The event {event.name!r} needs its transaction.")
    identity = replies.invented_id("event", event.name, event.account.id, str(number))
    body = {
        "event": event.name,
        "event_id": f"evt_{identity}",
        "timestamp": replies.timestamp(moment),
        "data": _data(event, moment),
    }
    return dumps(body).encode()


def signed(body: bytes, secret: str, moment: datetime, scheme: Scheme = "signature") -> dict[str, str]:
    """Give the headers that prove a body: HMAC-SHA256 of `timestamp.body`, or as Mono does the secret itself."""
    if scheme == "secret":
        return {"mono-webhook-secret": secret}
    seconds = str(int(moment.timestamp()))
    digest = hmac.new(secret.encode(), seconds.encode() + b"." + body, sha256).hexdigest()
    return {"x-mono-timestamp": seconds, "x-mono-signature": digest}


class Sender:
    """Sends webhooks to one address under one secret; `clock` says when, for the body and for the signature."""

    def __init__(
        self,
        url: str,
        secret: str,
        *,
        scheme: Scheme = "signature",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        timeout: float = 10.0,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError("The address for webhooks must begin with http:// or https://.")
        self._url = url
        self._secret = secret
        self._scheme: Scheme = scheme
        self._clock = clock
        self._timeout = timeout
        self._numbers = count(1)

    def send(self, event: Event) -> int:
        """Compose, sign and post an event; give the status of the answer. Nobody listening is an OSError."""
        return self.post(compose(event, self._clock(), next(self._numbers)))

    def post(self, body: bytes) -> int:
        """Sign and post a body as it is, such as one sent before; give the status of the answer."""
        headers = {"content-type": "application/json", **signed(body, self._secret, self._clock(), self._scheme)}
        request = Request(self._url, data=body, headers=headers, method="POST")  # noqa: S310 - http(s), checked above
        try:
            with urlopen(request, timeout=self._timeout) as answer:  # noqa: S310
                return int(answer.status)
        except HTTPError as answer:
            with answer:
                return answer.code

    def tell(self, name: str, account: Account) -> None:
        """Send an event in the background; nobody listening is as with Mono: the event is lost."""
        threading.Thread(target=self._tell, args=(Event(name, account),), daemon=True).start()

    def _tell(self, event: Event) -> None:
        with suppress(OSError):
            self.send(event)


def _data(event: Event, moment: datetime) -> Mapping[str, object]:
    account = event.account
    by_name: dict[str, Callable[[], Mapping[str, object]]] = {
        "mono.events.account_connected": lambda: {
            "id": account.id,
            "customer": account.customer_id,
            "meta": {"data_status": "PROCESSING", "auth_method": account.auth_method, "ref": _ref(account)},
            **_OURS,
        },
        "mono.events.account_updated": lambda: _updated(event, moment),
        "mono.events.account_reauthorized": lambda: {"account": {"_id": account.id}, **_OURS},
        "mono.events.account_unlinked": lambda: {"account": {"id": account.id}},
        "mono.events.reauthorisation_required": lambda: {"account": {"_id": account.id}},
        "mono.accounts.jobs.update": lambda: {
            "account": account.id,
            **_OURS,
            "id": replies.invented_id("job", account.id),
            "name": "jobs.accounts.sync_statement",
            "status": event.job_status,
        },
        "mono.events.account_income": lambda: {**replies.income(account, moment.date()), **_OURS},
    }
    transaction = {"account": account.id, **_OURS, "transaction": event.transaction}
    return by_name.get(event.name, lambda: transaction)()


def _updated(event: Event, moment: datetime) -> Mapping[str, object]:
    account = event.account
    return {
        "account": {
            "_id": account.id,
            "name": account.holder,
            "accountNumber": account.account_number,
            "currency": account.currency,
            "balance": 0,
            "type": account.type,
            "bvn": account.bvn[-4:],
            "authMethod": account.auth_method,
            "institution": {
                "name": account.bank.name,
                "bankCode": account.bank.code,
                "type": "BUSINESS_BANKING" if account.kind == "firm" else "PERSONAL_BANKING",
            },
            "created_at": "2024-05-16T17:05:07.357Z",
            "updated_at": replies.timestamp(moment),
        },
        "meta": {
            "data_status": event.data_status,
            "auth_method": account.auth_method,
            "ref": _ref(account),
            "sync_status": event.sync_status,
            "job_id": replies.invented_id("job", account.id),
            "has_new_data": event.sync_status == "SUCCESSFUL",
            "retrieved_data": ["identity", "balance", "transactions"],
        },
        **_OURS,
    }


def _ref(account: Account) -> str:
    return f"ref-{account.id[:12]}"
