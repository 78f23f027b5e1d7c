"""Whatever a user does wrong is told in a sentence, with the status for it, and leaves nothing behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from resources.errors import ConfigurationError
from tests.cli.conftest import Place

SETTINGS = {
    "MONO_REFERENCE_REGEX": "(",
    "MONO_BUSINESS_FLOOR": "a lot",
    "MONO_RATE_LIMIT": "fast",
    "MONO_INITIAL_HISTORY_DAYS": "-1",
    "KOBOSIFT_ENVIRONMENT": "staging",
    "KOBOSIFT_CATALOG": "mysql:somewhere",
    "KOBOSIFT_POLICY": "nowhere.toml",
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_wrong_setting_is_named_before_anything_is_written(nowhere: Place, name: str) -> None:
    result = nowhere("run", **{name: SETTINGS[name]})
    assert result.code == 2
    assert name in result.err
    assert result.out == ""
    assert not nowhere.home.exists()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[floor]\nNGN = 1.5\n", "floor"),
        ("colour = 'red'\n", "colour"),
        ("[[", "TOML"),
        ("[reference]\npattern='('\n", "pattern"),
    ],
)
def test_a_policy_that_cannot_be_used_is_named_before_anything_is_written(
    nowhere: Place, text: str, named: str
) -> None:
    policy = nowhere.folder / "policy.toml"
    policy.write_text(text, encoding="utf-8")
    for arguments in (["run"], ["policy", "check", str(policy)]):
        result = nowhere(*arguments, KOBOSIFT_POLICY=str(policy))
        assert result.code == 2
        assert named in result.err
    assert not nowhere.home.exists()


ENTRY = ["lists", "add", "deny", "--field", "tag", "--match", "exact", "--value", "x"]
USE = [
    ["lists", "add", "deny", "--field", "narration", "--match", "regex", "--value", "(", "--organization", "o"],
    ["lists", "add", "maybe", "--field", "narration", "--match", "exact", "--value", "x", "--organization", "o"],
    ["lists", "add", "deny", "--field", "tag", "--match", "exact", "--value", "x", "--expires", "soon"],
    ["accounts", "link", "acc"],
    ["accounts", "link"],
    ["accounts", "link", "acc", "--organization", "o", "--environment", "staging"],
    ["sync", "--start", "01/02/2025"],
    ["replay", "--as-of", "0001-01-01T00:00+14:00"],
    ["explain", "x", "--as-of", "9999-12-31T23:00-10:00"],
    [*ENTRY, "--organization", "o", "--expires", "0001-01-01T00:00"],
    ["export", "everything", "--out", "x"],
    ["export", "drafts", "--out", "no/such/folder/x.parquet"],
    ["drafts", "list", "--limit", "99999999999999999999"],
    ["rejections", "list", "--limit", "1000001"],
    ["invoices", "list", "--limit", "99999999999999999999"],
    ["rejections", "replay", "--reason", "nonsense"],
    ["rejections", "replay", "--detail", "nonsense"],
    ["rejections", "replay", "nope"],
    ["rejections", "replay", "nope", "--account", "acc"],
    ["backup", "."],
    ["backup", "/"],
    ["backup", "no/such/folder/x.tar"],
    ["policy", "check", "nowhere.toml"],
    ["sandbox", "--faults", "earthquake"],
    ["no-such-command"],
]


@pytest.mark.parametrize("arguments", USE, ids=[" ".join(each[:4]) for each in USE])
def test_wrong_use_ends_with_two_and_a_sentence(nowhere: Place, arguments: list[str]) -> None:
    result = nowhere(*arguments)
    assert result.code == 2
    assert result.err.strip()
    assert result.out == ""


NO_IDS = ["", "  ", " acc", "acc\n", "a\nb", "a\x00b", ".", "..", "a/b"]


@pytest.mark.parametrize("given", NO_IDS, ids=repr)
def test_what_can_be_no_id_of_an_account_is_refused_before_anything_is_written(nowhere: Place, given: str) -> None:
    for arguments in (
        ["accounts", "link", given, "--organization", "o"],
        ["accounts", "unlink", given],
        ["accounts", "unlink", given, "--purge"],
        ["erase", "--account", given],
        ["erase", "--account", given, "--dry-run"],
        [*ENTRY, "--organization", "o", "--account", given],
    ):
        result = nowhere(*arguments)
        assert (result.code, result.out) == (2, ""), arguments
        assert "an account is named by its id at Mono" in result.err
    assert not nowhere.home.exists()


@pytest.mark.parametrize("given", [*NO_IDS, "a:b"], ids=repr)
def test_what_can_be_no_id_of_an_organisation_is_refused_before_anything_is_written(nowhere: Place, given: str) -> None:
    for arguments in (
        ["accounts", "link", "acc", "--organization", given],
        ["accounts", "unlink", "acc", "--organization", given],
        ["tokens", "create", "--role", "viewer", "--organization", given],
        ["invoices", "import", "books.csv", "--organization", given],
        [*ENTRY, "--organization", given],
    ):
        result = nowhere(*arguments)
        assert (result.code, result.out) == (2, ""), arguments
        assert "an organisation is named by an id" in result.err
    assert not nowhere.home.exists()


def test_an_entry_is_for_an_account_of_its_own_tenant_or_for_one_that_is_not_linked_yet(nowhere: Place) -> None:
    nowhere.done("accounts", "link", "acc", "--organization", "o")
    result = nowhere(*ENTRY, "--account", "acc", "--organization", "another")
    assert result.code == 2
    assert "there is no account acc of another (sandbox)" in result.err
    assert nowhere(*ENTRY, "--account", "nobody").code == 2
    assert nowhere.done("lists", "show", "--json").document == []
    assert nowhere.done(*ENTRY, "--account", "acc").err == ""
    assert "account later is not linked here" in nowhere.done(*ENTRY, "--account", "later", "--organization", "o").err


def test_with_json_an_error_is_a_document_too(nowhere: Place) -> None:
    result = nowhere("run", "--json", MONO_RATE_LIMIT="fast")
    assert result.code == 2
    assert "MONO_RATE_LIMIT" in result.document["error"]


def test_a_home_that_is_a_file_is_told(nowhere: Place) -> None:
    nowhere.home.write_text("in the way", encoding="utf-8")
    assert nowhere("run").code == 2
    assert nowhere("doctor").code == 1


def test_without_a_key_for_mono_itself_nothing_is_asked(nowhere: Place) -> None:
    real = {"MONO_BASE_URL": "https://api.withmono.com", "MONO_SECRET_KEY": ""}
    nowhere.done("accounts", "link", "acc", "--organization", "o", **real)
    result = nowhere("sync", **real)
    assert result.code == 2
    assert "MONO_SECRET_KEY" in result.err
    another = {**real, "KOBOSIFT_HOME": str(nowhere.folder / "another")}
    assert "No account is linked" in nowhere.done("run", **another).out


def test_a_fault_of_ours_is_told_without_its_words_and_kept_without_them(
    nowhere: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        message = "NIP/GTB/ADA OBI/RENT"
        raise RuntimeError(message)

    monkeypatch.setattr("pipelines.policy.in_force", broken)
    result = nowhere("policy", "show")
    log = nowhere.home / "logs" / "faults.log"
    assert result.code == 1
    assert str(log) in result.err
    kept = log.read_text("utf-8")
    assert "RuntimeError" in kept
    assert "in broken" in kept
    assert "ADA OBI" not in kept + result.err


def test_signs_that_would_steer_a_terminal_are_not_printed() -> None:
    from cli.output import printable, table

    assert "\x1b" not in printable("\x1b[31mred\x07")
    assert "\x1b" not in table(["narration"], [["\x1b]0;title\x07 and\na second line"]])
    assert table(["narration"], [["a\nb"]]).count("\n") == 2


@pytest.mark.parametrize(
    ("select", "row"),
    [
        ("1/0 AS x, -1/0 AS y, 0.5::DOUBLE AS z", {"x": None, "y": None, "z": 0.5}),
        ("[1/0, 2.0] AS x", {"x": [None, 2.0]}),
        ("MAP {DATE '2026-01-02': 'nan'::DOUBLE} AS x", {"x": {"2026-01-02": None}}),
        ("{'a': MAP {1.5::DOUBLE: 3}} AS x", {"x": {"a": {"1.5": 3}}}),
        ("1 AS a, 2 AS a, 3 AS a_2, 4 AS a", {"a": 1, "a_3": 2, "a_2": 3, "a_4": 4}),
    ],
)
def test_every_answer_in_sql_is_a_document(nowhere: Place, select: str, row: dict[str, object]) -> None:
    assert nowhere.done("sql", f"SELECT {select}", "--json").document == [row]


def test_the_policy_is_shown_whole_with_what_the_settings_change(nowhere: Place) -> None:
    shown = nowhere.done("policy", "show", MONO_BUSINESS_FLOOR="2500")
    assert 'NGN = "2500"' in shown.out
    told = json.loads(nowhere.done("policy", "show", "--json", MONO_REFERENCE_REGEX=r"^INV-\d+$").out)
    assert told["policy"]["reference"]["pattern"] == r"^INV-\d+$"
    assert told["hash"] != json.loads(nowhere.done("policy", "show", "--json").out)["hash"]
    path = Path("policy.toml")
    (nowhere.folder / path).write_text(shown.out, encoding="utf-8")
    assert nowhere.done("policy", "check", str(path)).out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--to", "mysql:x"], "--to is sqlite:PATH or postgres:CONNECTION"),
        (["--to", "postgres:dbname=x"], "with --to-data"),
        (["--to", "sqlite:new/catalog.sqlite", "--to-data", "gs://x"], "--to-data is a folder or s3://bucket/prefix"),
        (["--to", "sqlite:new/catalog.sqlite"], "there is no warehouse at"),
        (["--to", "sqlite:home/catalog.sqlite"], "are the same catalogue"),
    ],
)
def test_a_copy_that_cannot_be_made_makes_nothing(nowhere: Place, arguments: list[str], told: str) -> None:
    result = nowhere("warehouse", "copy", *arguments)
    assert result.code == 2
    assert told in result.err
    assert not (nowhere.folder / "new").exists()


@pytest.mark.parametrize("arguments", [["explain"], ["decide", "--start", "2026-13-01"], ["frob"]])
def test_wrong_use_with_json_is_one_document_too(nowhere: Place, arguments: list[str]) -> None:
    result = nowhere(*arguments, "--json")
    assert result.code == 2
    assert list(json.loads(result.out)) == ["error"]
    assert not nowhere.home.exists()


def test_an_error_that_came_of_a_ctrl_c_is_told_as_the_ctrl_c(nowhere: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def unwound() -> None:
        try:
            raise KeyboardInterrupt
        finally:
            raise ConfigurationError("the pool is closed")

    monkeypatch.setattr("cli.main.app", unwound)
    result = nowhere("run")
    assert result.code == 130
    assert result.err == "kobosift: stopped; run the same command again to go on where this one left off\n"


def test_an_error_that_leads_back_to_itself_is_told(nowhere: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    error, other = ConfigurationError("mend this"), ConfigurationError("said before")
    error.__cause__, other.__cause__ = other, error

    def circular() -> None:
        raise error

    monkeypatch.setattr("cli.main.app", circular)
    result = nowhere("run")
    assert (result.code, result.err) == (2, "kobosift: mend this\n")
