"""The main job as a user runs it, against a server and a reading of the rules that are not the product's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from tests.blackbox.command import (
    DRAFT_COLUMNS,
    IDENTITY,
    KEY,
    OUTCOME_COLUMNS,
    REJECTION_COLUMNS,
    Kobosift,
    Result,
)
from tests.blackbox.mono_server import NOT_THERE, REAUTHORISE, BankAccount, MonoServer, Row
from tests.oracle.cases import HOLDER, NOW, POLICIES, TRAPS, Trap, credit, generated_trap
from tests.oracle.product import same
from tests.oracle.reader import LAGOS, Account, Entry, decide, doubts, read_line, read_policy

BEGAN = datetime.now(UTC).replace(microsecond=0)
POLICY = "whole_job"

TENANTS = {"acc-traps": "org-a", "acc-v1": "org-a", "acc-cedi": "org-b"}
ENTRIES = [
    Entry("deny", "counterparty", "exact", "Okeke, Ventures", "org-a"),
    Entry("allow", "narration", "contains", "upkeep*", "org-a", account_id="acc-traps"),
    Entry("deny", "tag", "prefix", "foo", "org-a"),
    Entry("deny", "narration", "regex", "payment", "org-a", expires_at=datetime(2020, 1, 1, tzinfo=UTC)),
]
LATER_ENTRY = Entry("deny", "narration", "contains", "rice", "org-a")
OVERRIDES = {"MONO_BUSINESS_FLOOR": "60000", "MONO_REFERENCE_REGEX": "(?i)inv-?2"}
OVERRIDDEN = POLICIES[POLICY].replace('NGN = "1000"', 'NGN = "60000"').replace(r"^INV-\d+$", "(?i)inv-?2")


FUNNEL_AND_QUARANTINE = """
SELECT 'quarantine' AS of, field AS one, expected AS other FROM audit.quarantine
UNION ALL
SELECT 'funnel', sum(transactions)::VARCHAR,
    sum(matched + review + drafted + rejected + held)::VARCHAR FROM audit.funnel
"""


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def ago(days: float, minutes: float = 0) -> str:
    return stamp(BEGAN - timedelta(days=days, minutes=minutes))


def dated(trap: Trap, place: int) -> Row:
    """The trap's row, a settled one spread over forty days, a pending one as old as it was written."""
    moment = datetime.fromisoformat(str(trap.row["date"])) + (BEGAN - NOW)
    if trap.row.get("status") != "pending":
        moment = BEGAN - timedelta(days=place % 40, minutes=place)
    return {**trap.row, "id": f"{trap.account.account_id}-{place:04d}", "date": stamp(moment)}


def strays() -> list[Row]:
    """Rows that cannot be read."""
    good = {"narration": "STRAY", "amount": 500_000, "type": "credit", "date": ago(3)}
    return [
        good,
        {**good, "id": "stray-1", "amount": None},
        {**good, "id": "stray-2", "amount": 0},
        {**good, "id": "stray-3", "amount": -500},
        {**good, "id": "stray-4", "amount": 12.5},
        {**good, "id": "stray-5", "amount": "a lot"},
        {**good, "id": "stray-6", "type": "transfer"},
        {**good, "id": "stray-7", "date": "2026-13-45T00:00:00.000Z"},
        {**good, "id": "stray-8", "date": None},
    ]


def bank() -> list[BankAccount]:
    """Three accounts of two tenants: all traps, generated lines in v1's shape, another currency and another tenant."""
    traps = BankAccount("acc-traps", HOLDER)
    for place, trap in enumerate(TRAPS):
        traps.put(dated(trap, place))
    traps.strays.extend(strays())
    twin = credit("NIP/GTB/ADA OBI/INV-77", date=ago(5))
    traps.put({**twin, "id": "twin-1"})
    traps.put({**twin, "id": "twin-2"})
    for hour in (22, 23):  # 23:30 UTC is the next day in Lagos, 22:30 is not
        moment = datetime.combine((BEGAN - timedelta(days=6)).date(), datetime.min.time(), UTC)
        traps.put({**twin, "id": f"late-{hour}", "date": stamp(moment + timedelta(hours=hour, minutes=30))})
    v1 = BankAccount("acc-v1", "ADA OBI", v1=True)
    cedi = BankAccount("acc-cedi", "KOFI MENSAH", currency="GHC")
    for place in range(180):
        v1.put(dated(replace(generated_trap(7_000 + place, POLICY), account=Account("v")), place))
    for place in range(60):
        cedi.put(dated(replace(generated_trap(9_000 + place, POLICY), account=Account("c")), place))
    return [traps, v1, cedi]


def oracle(server: MonoServer, entries: Sequence[Entry], text: str) -> dict[tuple[str, str], dict[str, object]]:
    """What the rules say of every readable row upstream, in the columns of the export."""
    policy, said = read_policy(text), {}
    for account_id, upstream in server.accounts.items():
        currency = read_line({**credit(""), "currency": upstream.currency}).currency
        account = Account(account_id, TENANTS[account_id], "sandbox", upstream.holder, currency)
        for row in upstream.rows.values():
            line, verdict = read_line(row), decide(row, account, policy, entries, now=BEGAN)
            said[account_id, line.transaction_id] = {
                "organization_id": account.organization_id,
                "environment": "sandbox",
                "direction": line.direction,
                "amount": line.amount,
                "currency": line.currency or currency,
                "day": (line.booked_at + LAGOS).date(),
                "booked_at": line.booked_at,
                "narration": line.narration or None,
                "status": line.status,
                "outcome": verdict.outcome,
                "reason": verdict.reason,
                "detail": verdict.detail,
                "score": verdict.score,
                "counterparty": verdict.counterparty,
                "reference": verdict.reference,
                "disposition": "drafted" if verdict.outcome == "eligible" else verdict.outcome,
                "doubts": lambda row=row, account=account: doubts(row, account, policy, entries, now=BEGAN),
            }
    return said


def differing(outcomes: pl.DataFrame, said: dict[tuple[str, str], dict[str, object]]) -> list[str]:
    """Every line on which the export and the rules part."""
    rows = {(row["account_id"], row["transaction_id"]): row for row in outcomes.to_dicts()}
    found = [f"only upstream: {key}" for key in said.keys() - rows.keys()]
    found += [f"only exported: {key}" for key in rows.keys() - said.keys()]
    for key in said.keys() & rows.keys():
        ours, theirs = said[key], {**rows[key], "narration": rows[key]["narration"] or None}
        wrong = [name for name in ours if name != "doubts" and not same(name, ours[name], theirs[name])]
        if wrong and not ours["doubts"]():  # type: ignore[operator]
            parts = "; ".join(f"{name}: rules {ours[name]!r}, product {theirs[name]!r}" for name in wrong)
            found.append(f"{key} {str(ours['narration'])[:120]!r}: {parts}"[:600])
    return sorted(found)


@dataclass
class Step:
    """What one run left behind."""

    run: Result
    outcomes: pl.DataFrame
    said: dict[tuple[str, str], dict[str, object]]


@dataclass
class Story:
    """One home's life, told once and looked at by many tests."""

    kobosift: Kobosift
    server: MonoServer
    steps: dict[str, Step] = field(default_factory=dict)
    drafts: pl.DataFrame = field(default_factory=pl.DataFrame)
    rejections: pl.DataFrame = field(default_factory=pl.DataFrame)
    told: list[dict[str, object]] = field(default_factory=list)
    touched: set[date] = field(default_factory=set)
    refused: dict[str, Result] = field(default_factory=dict)
    json_said: dict[str, str] = field(default_factory=dict)

    def run(
        self, name: str, entries: Sequence[Entry], *arguments: str, policy: str = POLICIES[POLICY], **settings: str
    ) -> None:
        result = self.kobosift("run", *arguments, **settings)
        said = oracle(self.server, entries, policy)
        self.steps[name] = Step(result, self.kobosift.exported("outcomes", name), said)


def add_entry(kobosift: Kobosift, entry: Entry) -> None:
    arguments = ["--field", entry.field, "--match", entry.match, "--value", entry.value]
    arguments += ["--organization", entry.organization_id, "--environment", entry.environment]
    if entry.account_id:
        arguments += ["--account", entry.account_id]
    if entry.expires_at:
        arguments += ["--expires", entry.expires_at.date().isoformat()]
    kobosift.done("lists", "add", entry.list, *arguments)


def correct(story: Story) -> None:
    """Upstream corrects lines of the last days, moves some to another day, settles one and adds one."""
    account = story.server.accounts["acc-traps"]
    one = account.rows["twin-1"]
    account.put({**one, "narration": "NIP/GTB/ADA OBI/BIRTHDAY GIFT"})
    moved = account.rows["late-22"]
    account.put({**moved, "date": ago(8)})
    refused = account.rows["late-23"]  # was drafted; is now rejected, and on another day
    account.put({**refused, "narration": "NIP/GTB/ADA OBI/BIRTHDAY GIFT", "date": ago(7)})
    account.put({**credit("PAYMENT that came late", date=ago(9)), "id": "newcomer"})
    changed = [one, moved, account.rows["late-22"], refused, account.rows["late-23"], account.rows["newcomer"]]
    pending = next(
        row for row in account.rows.values() if row.get("status") == "pending" and str(row["date"]) > ago(11)
    )
    account.put({**pending, "status": "settled"})
    story.touched = {(read_line(row).booked_at + LAGOS).date() for row in [*changed, pending]}


def live(story: Story) -> None:
    """Everything that happens to the home, in order."""
    kobosift, server = story.kobosift, story.server
    for account_id, organization in TENANTS.items():
        kobosift.link(account_id, organization)
    for entry in ENTRIES:
        add_entry(kobosift, entry)
    story.run("first", ENTRIES)
    story.drafts = kobosift.exported("drafts", "drafts")
    story.rejections = kobosift.exported("rejections", "rejections")
    story.told = kobosift.query(FUNNEL_AND_QUARANTINE)
    story.run("again", ENTRIES, "--json")
    correct(story)
    story.run("corrected", ENTRIES)
    add_entry(kobosift, LATER_ENTRY)
    story.run("denied", [*ENTRIES, LATER_ENTRY])
    story.run("overridden", [*ENTRIES, LATER_ENTRY], policy=OVERRIDDEN, **OVERRIDES)
    server.accounts["acc-v1"].failure, server.accounts["acc-cedi"].failure = NOT_THERE, REAUTHORISE
    server.accounts["acc-traps"].put({**credit("PAYMENT of the last day", date=ago(1)), "id": "survivor"})
    story.run("mortal", [*ENTRIES, LATER_ENTRY])
    server.key = "another key"
    story.refused["unauthorised"] = kobosift("run")
    story.run("unreachable", [*ENTRIES, LATER_ENTRY], MONO_BASE_URL="http://127.0.0.1:9")
    story.refused["unreachable"] = story.steps["unreachable"].run
    story.json_said["accounts"] = kobosift.done("accounts", "list", "--json").out
    story.json_said["lists"] = kobosift.done(
        "lists", "show", "--json", "--organization", "org-a", "--environment", "sandbox"
    ).out


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    place = tmp_path_factory.mktemp("main_job")
    policy = place / "policy.toml"
    policy.write_text(POLICIES[POLICY], encoding="utf-8")
    with MonoServer(bank(), key=KEY).running() as server:
        told = Story(
            Kobosift(place / "home", server.url, {"KOBOSIFT_POLICY": str(policy), "MONO_RATE_LIMIT": "1000"}), server
        )
        live(told)
        yield told


@pytest.mark.slow
def test_every_line_is_decided_as_the_rules_say(story: Story) -> None:
    step = story.steps["first"]
    assert step.run.code == 0, step.run.said  # quarantined lines are named and leave it 0
    found = differing(step.outcomes, step.said)
    assert not found, f"{len(found)} of {len(step.said)} differ:\n" + "\n".join(found[:15])


def test_the_exports_have_the_columns_of_the_contract_in_order(story: Story) -> None:
    assert story.steps["first"].outcomes.columns == OUTCOME_COLUMNS
    assert story.drafts.columns == DRAFT_COLUMNS
    assert story.rejections.columns == REJECTION_COLUMNS


def test_times_carry_their_zone_and_money_is_whole(story: Story) -> None:
    schema = story.steps["first"].outcomes.schema
    assert schema["booked_at"] == pl.Datetime("us", "UTC")
    assert schema["decided_at"] == pl.Datetime("us", "UTC")
    assert schema["amount"] == pl.Int64
    assert schema["day"] == pl.Date


def test_every_decision_keeps_evidence_that_parses(story: Story) -> None:
    outcomes = story.steps["first"].outcomes
    assert outcomes["evidence"].null_count() == 0
    assert all(isinstance(json.loads(text), dict) for text in outcomes["evidence"].head(50))
    assert outcomes["trace_id"].null_count() == 0
    assert outcomes["policy_hash"].n_unique() == 1


def test_each_eligible_line_has_one_draft_and_no_other_has(story: Story) -> None:
    outcomes, drafts = story.steps["first"].outcomes, story.drafts
    eligible = outcomes.filter(pl.col("outcome") == "eligible")
    assert sorted(drafts["transaction_id"]) == sorted(eligible["transaction_id"])
    assert drafts["draft_id"].n_unique() == len(drafts)
    assert sorted(drafts["draft_id"]) == sorted(eligible["draft_id"])
    joined = drafts.join(eligible, on=IDENTITY, suffix="_of_line")
    kinds = joined.select((pl.col("kind") == "invoice") == (pl.col("direction") == "credit"))
    assert kinds.to_series().all()
    assert drafts["status"].unique().to_list() == ["DRAFT"]


def test_each_rejected_line_is_in_the_dead_letter_queue_once(story: Story) -> None:
    rejected = story.steps["first"].outcomes.filter(pl.col("outcome") == "rejected")
    assert story.rejections.select(IDENTITY).equals(rejected.select(IDENTITY))


def test_the_funnel_adds_up(story: Story) -> None:
    lines = str(len(story.steps["first"].said))
    assert [(row["one"], row["other"]) for row in story.told if row["of"] == "funnel"] == [(lines, lines)]


def test_rows_that_cannot_be_read_are_put_aside_with_the_field(story: Story) -> None:
    aside = [row for row in story.told if row["of"] == "quarantine"]
    assert sorted(str(row["one"]) for row in aside) == ["amount"] * 5 + ["date"] * 2 + ["id", "type"]
    assert all(row["other"] for row in aside)


def test_running_it_again_changes_nothing(story: Story) -> None:
    first, again = story.steps["first"], story.steps["again"]
    assert again.run.code == 0, again.run.said
    assert again.outcomes.equals(first.outcomes)


def test_json_is_one_document_and_nothing_else(story: Story) -> None:
    json.loads(story.steps["again"].run.out)
    assert len(json.loads(story.json_said["accounts"])) == len(TENANTS)
    assert len(json.loads(story.json_said["lists"])) == len(ENTRIES) + 1


def test_a_corrected_line_is_decided_anew(story: Story) -> None:
    step = story.steps["corrected"]
    assert step.run.code == 0, step.run.said
    found = differing(step.outcomes, step.said)
    assert not found, "\n".join(found[:15])


def test_a_corrected_line_re_decides_its_day_and_no_other(story: Story) -> None:
    elsewhere = (pl.col("organization_id") != "org-a") | ~pl.col("day").is_in(sorted(story.touched))
    before = story.steps["again"].outcomes.filter(elsewhere)
    after = story.steps["corrected"].outcomes.filter(elsewhere)
    assert len(after) > 300
    assert after.equals(before)


def test_a_new_deny_entry_re_decides_the_lines_it_hits(story: Story) -> None:
    step = story.steps["denied"]
    assert step.run.code == 0, step.run.said
    found = differing(step.outcomes, step.said)
    assert not found, "\n".join(found[:15])
    assert len(step.outcomes.filter(pl.col("detail") == "denylisted")) > 50
    other = pl.col("organization_id") == "org-b"
    assert step.outcomes.filter(other).equals(story.steps["corrected"].outcomes.filter(other))


def test_settings_override_the_floor_and_the_pattern_and_everything_is_decided_anew(story: Story) -> None:
    step = story.steps["overridden"]
    assert step.run.code == 0, step.run.said
    found = differing(step.outcomes, step.said)
    assert not found, "\n".join(found[:15])
    assert (
        step.outcomes["policy_hash"].unique().to_list()
        != story.steps["denied"].outcomes["policy_hash"].unique().to_list()
    )


def test_dead_accounts_are_named_and_the_others_are_done(story: Story) -> None:
    step = story.steps["mortal"]
    assert step.run.code == 1, step.run.said
    assert "acc-v1" in step.run.said
    assert "acc-cedi" in step.run.said
    found = differing(step.outcomes, step.said)
    assert not found, "\n".join(found[:15])


@pytest.mark.parametrize("name", ["unauthorised", "unreachable"])
def test_an_upstream_that_refuses_changes_nothing_and_is_said_in_words(story: Story, name: str) -> None:
    assert story.refused[name].code == 1, story.refused[name].said
    assert len(story.refused[name].sentence()) < 1_500
    assert story.steps["unreachable"].outcomes.equals(story.steps["mortal"].outcomes)  # after both


def test_the_secret_rests_nowhere_in_the_home(story: Story) -> None:
    for path in story.kobosift.home.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path


def test_upstream_was_asked_in_its_own_words(story: Story) -> None:
    pages = [request for request in story.server.requests if "/transactions?" in request]
    assert pages
    assert all(request.startswith("GET /v2/accounts/") for request in pages)
    assert any("page=2" in request for request in pages)


POLICY_MISTAKES = [
    ("[flor]\nNGN = '1000'\n", "flor"),
    ("[points]\nminimum = 'fifty'\n", "minimum"),
    ("[terms]\nbusiness = ['pocket-money']\n", "pocket-money"),
    ("[reference]\npattern = '('\n", "pattern"),
    ("[floor\n", "policy"),
]
SETTING_MISTAKES = [
    ("MONO_REFERENCE_REGEX", "("),
    ("MONO_BUSINESS_FLOOR", "a lot"),
    ("KOBOSIFT_ENVIRONMENT", "staging"),
]
USE_MISTAKES = [
    (
        ["lists", "add", "deny", "--field", "narration", "--match", "contains", "--value", "pocket-money"],
        "pocket-money",
    ),
    (["lists", "add", "deny", "--field", "narration", "--match", "regex", "--value", "("], "regex"),
    (["lists", "add", "deny", "--field", "colour", "--match", "exact", "--value", "x"], "field"),
    (["accounts", "link"], ""),
    (["no-such-command"], ""),
]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Kobosift:
    return Kobosift(tmp_path_factory.mktemp("mistakes") / "home", "http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("text", "named"), POLICY_MISTAKES, ids=[named + str(n) for n, (_, named) in enumerate(POLICY_MISTAKES)]
)
def test_a_wrong_policy_stops_the_start_with_a_sentence(fresh: Kobosift, tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text, encoding="utf-8")
    result = fresh("run", KOBOSIFT_POLICY=str(path))
    assert result.code == 2, result.said
    assert named in result.sentence()


def test_a_policy_that_is_not_there_stops_the_start(fresh: Kobosift, tmp_path: Path) -> None:
    result = fresh("run", KOBOSIFT_POLICY=str(tmp_path / "absent.toml"))
    assert result.code == 2, result.said
    assert "absent.toml" in result.sentence()


@pytest.mark.parametrize(("name", "value"), SETTING_MISTAKES)
def test_a_wrong_setting_stops_the_start_and_is_named(fresh: Kobosift, name: str, value: str) -> None:
    result = fresh("run", **{name: value})
    assert result.code == 2, result.said
    assert name in result.sentence()


@pytest.mark.parametrize(
    ("arguments", "named"), USE_MISTAKES, ids=[" ".join(use[:2]) + str(n) for n, (use, _) in enumerate(USE_MISTAKES)]
)
def test_wrong_use_is_said_in_words(fresh: Kobosift, arguments: list[str], named: str) -> None:
    scope = ["--organization", "org-a", "--environment", "sandbox"] if arguments[0] == "lists" else []
    result = fresh(*arguments, *scope)
    assert result.code == 2, result.said
    assert named in result.sentence()
