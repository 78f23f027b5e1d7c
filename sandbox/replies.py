"""The bodies of Mono's answers, field for field as documented.

Holds pure functions from a ledger to the data of an answer, and the envelope around it. Must not hold routing (app.py),
and never a label: nothing here can reach the truth.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from json import dumps
from typing import Final

from sandbox.bank import Job, Ledger
from sandbox.faults import share
from sandbox.world import Account

APP_ID: Final = "62da7b4b000000000000a001"
BUSINESS_ID: Final = "60cc8fa5000000000000b001"
DONE: Final = "Request was successfully completed"
RETRIEVED: Final = "Data retrieved successfully"
NO_ACCOUNT: Final = "This account does not exist."
ACCOUNTS_PER_PAGE: Final = 10

Data = Mapping[str, object]


def timestamp(moment: datetime) -> str:
    """Write a UTC moment as Mono does, to the millisecond."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def invented_id(*words: str) -> str:
    """Give 24 hexadecimal digits that depend on nothing but the words."""
    return blake2b("/".join(words).encode(), digest_size=12).hexdigest()


def envelope(message: str, now: datetime, data: object, meta: Data | None = None) -> bytes:
    """Wrap the data of a good answer."""
    body = {"status": "successful", "message": message, "timestamp": timestamp(now), "data": data}
    return dumps(body if meta is None else {**body, "meta": meta}).encode()


def failed(message: str, now: datetime | None = None) -> bytes:
    """Write a documented failure, with a timestamp where Mono gives one."""
    moment = {} if now is None else {"timestamp": timestamp(now)}
    return dumps({"status": "failed", "message": message, **moment, "data": None}).encode()


def details(ledger: Ledger) -> Data:
    """Give the data of `GET /v2/accounts/{id}`: only the last four digits of the BVN."""
    account = ledger.account
    retrieved = ["identity", "balance", "transactions"] if ledger.ready else []
    return {
        "account": {
            "id": account.id,
            "name": account.holder.title(),
            "currency": account.currency,
            "type": account.type,
            "account_number": account.account_number,
            "balance": ledger.balance,
            "bvn": account.bvn[-4:],
            "institution": {"name": account.bank.name, "bank_code": account.bank.code, "type": _banking(account)},
        },
        "customer": {"id": account.customer_id},
        "meta": {
            "data_status": "AVAILABLE" if ledger.ready else "PROCESSING",
            "auth_method": account.auth_method,
            "data_request_id": invented_id("request", account.id)[:12].upper(),
            "session_id": invented_id("session", account.id)[:20],
            "retrieved_data": retrieved,
        },
    }


def listed(ledger: Ledger) -> Data:
    """One account of `GET /v2/accounts`."""
    account = ledger.account
    return {
        "id": account.id,
        "name": account.holder,
        "account_number": account.account_number,
        "currency": account.currency,
        "balance": ledger.balance,
        "auth_method": account.auth_method,
        "status": "AVAILABLE" if ledger.ready else "PROCESSING",
        "bvn": account.bvn,
        "type": account.type,
        "institution": {
            "id": account.institution_id,
            "name": account.bank.name,
            "bank_code": account.bank.code,
            "type": _banking(account),
        },
        "customer": {"id": account.customer_id, "name": account.holder},
    }


def identity(ledger: Ledger) -> Data:
    """Give the data of `GET /v2/accounts/{id}/identity`, which holds the whole BVN as the list of accounts does."""
    account = ledger.account
    return {
        "full_name": account.holder.upper(),
        "bvn": account.bvn,
        "phone": account.phone,
        "gender": ("Male", "Female")[int(account.id, 16) % 2],
        "dob": account.born.isoformat(),
        "address_line1": ("Ikeja", "Garki", "Nassarawa", "Port Harcourt")[int(account.id, 16) % 4],
        "state_of_origin": ("Ogun State", "Enugu State", "Kano State")[int(account.id, 16) % 3],
        "lga_of_origin": ("Abeokuta South", "Nsukka", "Dala")[int(account.id, 16) % 3],
        "marital_status": ("Single", "Married")[int(account.id, 16) % 2],
        "verified": True,
        "created_at": "2024-05-16T17:05:07.357Z",
        "updated_at": "2024-05-16T17:05:07.357Z",
    }


def balance(ledger: Ledger) -> Data:
    """Give the data of `GET /v2/accounts/{id}/balance`, in kobo."""
    account = ledger.account
    return {
        "id": account.id,
        "name": account.holder.upper(),
        "account_number": account.account_number,
        "balance": ledger.balance,
        "currency": account.currency,
    }


def job(ledger: Ledger, asked: Job, status: str) -> Data:
    """Give the data of `GET /v2/accounts/{id}/jobs/{job}`."""
    return {
        "id": asked.id,
        "status": status,
        "name": asked.name,
        "account": ledger.account.id,
        "business": BUSINESS_ID,
        "app": APP_ID,
    }


def income(account: Account, last: date) -> Data:
    """Give the income of an account up to `last`: two streams, in kobo, whose sums are the totals."""
    streams = [_stream(account, last, place, frequency) for place, frequency in enumerate(("VARIABLE", "MONTHLY"))]
    irregular, regular = (_whole(stream["monthly_average"]) for stream in streams)
    total = sum(_whole(stream["average_income_amount"]) * _whole(stream["number_of_incomes"]) for stream in streams)
    return {
        "account": account.id,
        "account_name": account.holder.upper(),
        "account_number": account.account_number,
        "income_summary": {"total_income": 0, "employer": ""},
        "income_streams": streams,
        "income_source_type": "BANK",
        "first_transaction_date": (last - timedelta(days=213)).isoformat(),
        "last_transaction_date": last.isoformat(),
        "period": "7 months",
        "number_of_income_streams": len(streams),
        "total_income": total,
        "annual_income": total,
        "monthly_income": total // 7,
        "aggregated_monthly_average": (irregular + regular) // 2,
        "aggregated_monthly_average_regular": regular,
        "aggregated_monthly_average_irregular": irregular,
        "total_regular_income_amount": regular * 2,
        "total_irregular_income_amount": irregular,
    }


def income_records(account: Account, last: date) -> list[Data]:
    """All income records of an account, newest first: one or two."""
    stamps = {"created_at": "2025-05-23T09:48:43.276Z", "updated_at": "2025-05-23T09:48:43.784Z"}
    months = range(1 + int(share(0, "records", account.id) * 2))
    return [{"income": income(account, last - timedelta(days=30 * back)), "app": APP_ID, **stamps} for back in months]


def page_meta(total: int, page: int, pages: int, addresses: Sequence[str]) -> Data:
    """Write the paging of a list that counts its pages; `addresses` are those of the page before and the page after."""
    before, after = addresses
    return {
        "total": total,
        "pages": pages,
        "previous": before if page > 1 else None,
        "next": after if page < pages else None,
    }


def _banking(account: Account) -> str:
    return "BUSINESS_BANKING" if account.kind == "firm" else "PERSONAL_BANKING"


def _stream(account: Account, last: date, place: int, frequency: str) -> Data:
    incomes = 3 - place
    each = 100_000 * (30 + int(share(0, "income", account.id, frequency) * 400))
    return {
        "income_type": "WAGES",
        "frequency": frequency,
        "monthly_average": each * incomes // (place + 1),
        "average_income_amount": each,
        "currency": "",
        "stability": (0.32, 1)[place],
        "first_income_date": (last - timedelta(days=20 + 30 * place)).isoformat(),
        "last_income_date": last.isoformat(),
        "last_income_amount": each,
        "last_income_description": ("cip cr transfer", "cip cr subscriptions")[place],
        "periods_with_income": 1 + place,
        "number_of_incomes": incomes,
        "number_of_months": 1 + place,
    }


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
