"""`kobosift tokens`: shown once, listed without themselves, revoked for good."""

from __future__ import annotations

from tests.cli.conftest import Place


def test_a_token_is_shown_once_and_never_listed(nowhere: Place) -> None:
    made = nowhere.done(
        "tokens", "create", "--role", "approver", "--organization", "acme", "--environment", "sandbox", "--json"
    ).document
    assert made["token"].startswith(f"kbs_{made['token_id']}_")
    listed = nowhere.done("tokens", "list", "--json")
    assert made["token"] not in listed.out
    (row,) = listed.document
    assert (row["role"], row["organization_id"], row["environment"]) == ("approver", "acme", "sandbox")
    assert nowhere.done("tokens", "revoke", made["token_id"], "--json").document["revoked"] is True
    assert nowhere.done("tokens", "revoke", made["token_id"], "--json").document["revoked"] is False
    assert nowhere.done("tokens", "list", "--json").document[0]["revoked_at"]


def test_a_list_without_an_environment_shows_both_and_says_so(nowhere: Place) -> None:
    for environment in ("sandbox", "production"):
        tenant = ("--organization", "acme", "--environment", environment)
        nowhere.done("tokens", "create", "--role", "viewer", *tenant)
        nowhere.done("accounts", "link", f"acc-{environment}", *tenant)
    for what in (["tokens", "list"], ["accounts", "list"]):
        assert {row["environment"] for row in nowhere.done(*what, "--json").document} == {"sandbox", "production"}
    for group in ("tokens", "accounts", "invoices", "drafts", "rejections"):
        assert "left out: both" in " ".join(nowhere.done(group, "list", "--help").out.split())
    for told in ("show", "check"):
        assert "left out: both" in " ".join(nowhere.done("lists", told, "--help").out.split())
    assert "KOBOSIFT_ENVIRONMENT" in nowhere.done("accounts", "link", "--help").out


def test_a_token_needs_a_known_role_and_a_tenant(nowhere: Place) -> None:
    assert nowhere("tokens", "create", "--role", "king", "--organization", "acme").code == 2
    assert "--organization" in nowhere("tokens", "create", "--role", "viewer").err
    assert nowhere("tokens", "revoke", "nobody").code == 2
