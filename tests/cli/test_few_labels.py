"""What tuning says where only some lines are labelled: which points, shares and estimates the labels do not carry."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Town

KNOB = ("--knob", "points.minimum=0:140:10")


@pytest.fixture(scope="module")
def drafted(town: Town) -> Town:
    """The town once forty eligible lines are labelled, three in four as business, and no other."""
    query = "SELECT account_id, transaction_id FROM audit.outcomes WHERE outcome = 'eligible' ORDER BY ALL LIMIT 40"
    rows = town.done("sql", query, "--json").document
    assert len(rows) == 40
    said = [
        f"{row['account_id']},{row['transaction_id']},{'business' if place % 4 else 'personal'}"
        for place, row in enumerate(rows)
    ]
    text = "\n".join(["account_id,transaction_id,label", *said])
    (town.folder / "drafted.csv").write_text(text, encoding="utf-8")
    town.done("label", "import", "drafted.csv", "--by", "ada")
    return town


def test_a_sweep_calls_no_point_best_by_a_handful_of_labels(drafted: Town) -> None:
    asked = ("sweep", *KNOB, "--where", "precision >= 0")
    found = drafted.done(*asked, "--json", "--report", "few.html").document
    assert all(point["right"] + point["wrong"] >= 20 for point in found["best"])
    few = [point for point in found["points"] if 0 < point["right"] + point["wrong"] < 20]
    assert few
    sentence = "labelled lines are eligible, too few for a condition on precision, so no such point is called best."
    assert any(sentence in each for each in found["cannot_know"])
    assert sentence in (drafted.folder / "few.html").read_text("utf-8")
    told = drafted.done(*asked).out
    assert sentence in told
    low, high = found["best"][0]["precision_interval"]
    assert f"{found['best'][0]['precision']:.2%} ({low:.2%} to {high:.2%})" in told.split("Best by F1")[1]
    none = drafted.done("sweep", *KNOB, "--where", "precision > 1").out
    assert "no point can be called the best" in none or "At no point precision > 1." in none


def test_labels_of_drafted_lines_alone_leave_recall_a_guess_in_a_sweep_as_in_a_replay(drafted: Town) -> None:
    sentence = "No line is labelled among those that are not eligible now"
    asked = ("sweep", *KNOB, "--where", "recall >= 0.95")
    found = drafted.done(*asked, "--json", "--report", "drafted.html").document
    assert found["best"]
    assert any(sentence in each and "recall is a guess" in each for each in found["cannot_know"])
    assert sentence in (drafted.folder / "drafted.html").read_text("utf-8")
    assert sentence in drafted.done(*asked).out
    assert sentence in drafted.done("replay").out


def test_a_replay_says_what_its_estimate_leaves_out(drafted: Town) -> None:
    metrics = drafted.done("replay", "--json").document["metrics"]
    sentence = f"{metrics['estimated']['lines_unlike_any_labelled']:,} of "
    assert any(
        each.startswith(sentence) and "stand as no labelled line does" in each for each in metrics["cannot_know"]
    )
    told = drafted.done("replay").out
    assert "stand as no labelled line does" in told
    assert "of all lines, estimated" in told


def test_fitted_points_are_told_in_kobo_and_not_in_lines(drafted: Town) -> None:
    told = drafted.done("policy", "fit", "--out", "few-fitted.toml", "--json").document["present"]
    assert told["wrong"] >= 5
    assert told["naira"]["wrongly_drafted"] > 100 * told["wrong"]
