"""Labels, replay, sweep, a policy's way into force and the queue asked again, at the prompt."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from rules.deductions import shipped_pack
from tests.cli.conftest import Place, Town


@pytest.fixture(scope="module")
def labelled(town: Town) -> Town:
    """The town once its truth is imported."""
    truth = town.folder / "truth.parquet"
    town.world.truth().write_parquet(truth)
    told = town.done("label", "import", str(truth), "--json").document
    assert told["new"] == len(town.world.truth())
    return town


@pytest.fixture
def strict(tmp_path: Path) -> str:
    file = tmp_path / "strict.toml"
    file.write_text('name = "strict"\n[points]\nminimum = 100\n', encoding="utf-8")
    return str(file)


def test_before_there_are_labels_it_says_what_it_cannot_know(town: Town, strict: str) -> None:
    told = town.done("replay", "--policy", strict)
    assert "No line is labelled here" in told.out
    unfitted = town("policy", "fit", "--out", "early.toml")
    assert (unfitted.code, "No line is labelled here" in unfitted.err) == (1, True)
    assert "would flip" in told.out
    assert town.done("label", "agreement").out.startswith("No line is labelled by two people")


def test_a_sample_says_how_much_it_will_tell(town: Town) -> None:
    told = town.done("label", "sample", "--out", "sample.xlsx", "--size", "40")
    assert "40 lines are in sample.xlsx" in told.out
    assert "eligible lines to within ±" in told.out
    assert (town.folder / "sample.xlsx").stat().st_size > 0
    printed = town.done("label", "sample", "--size", "5", "--json").document
    assert printed["lines"] == len(printed["sheet"]) == 5
    assert {"outcome", "detail"}.isdisjoint(printed["sheet"][0])
    assert printed["sheet"][0]["transaction_id"] in town.done("label", "sample", "--size", "5").out
    assert town("label", "sample", "--out", "sample.txt").code == 2
    assert town("label", "sample", "--out", "sample.csv", "--second").code == 2


def test_a_sample_without_rejections_drawn_by_chance_is_refused(town: Town) -> None:
    for share in ("0", "0.049", "1.1", "nan"):
        refused = town("label", "sample", "--size", "20", "--rejections", share)
        assert refused.code == 2
        told = " ".join(refused.err.replace("│", " ").split())
        assert "--rejections is a share from 0.05 to 1" in told
        assert "nobody sees what the rules miss, and recall is a guess" in told
    least = town.done("label", "sample", "--size", "20", "--rejections", "0.05", "--json").document
    assert least["random_rejections"] == 1


def test_labels_imported_again_change_nothing(labelled: Town) -> None:
    again = labelled.done("label", "import", "truth.parquet", "--json").document
    assert (again["new"], again["changed"]) == (0, 0)
    assert again["unchanged"] == len(labelled.world.truth())


def test_two_people_s_labels_are_held_against_each_other(labelled: Town) -> None:
    said = labelled.world.truth().select("account_id", "transaction_id", "label").head(30)
    said.write_csv(labelled.folder / "ada.csv")
    labelled.done("label", "import", "ada.csv", "--by", "ada")
    (pair,) = labelled.done("label", "agreement", "--json").document["pairs"]
    assert (pair["one"], pair["other"], pair["lines"], pair["agreed"]) == ("ada", "import", 30, 30)
    assert "100.0%" in labelled.done("label", "agreement").out


def test_a_replay_of_the_policy_in_force_flips_nothing(labelled: Town) -> None:
    shown = labelled.folder / "same.toml"
    shown.write_text(labelled.done("policy", "show").out, encoding="utf-8")
    told = labelled.done("replay", "--policy", str(shown), "--json").document
    assert told["lines"] == len(labelled.world.truth())
    assert told["flipped"] == 0
    assert told["metrics"]["before"] == told["metrics"]["after"]


def test_a_replay_tells_lines_and_naira_from_reason_to_reason(labelled: Town, strict: str) -> None:
    told = labelled.done("replay", "--policy", strict, "--json", "--out", "flips.csv", "--report", "r.html").document
    assert told["flipped"] > 0
    assert "Replay of strict" in (labelled.folder / "r.html").read_text("utf-8")
    assert sum(cell["lines"] for cell in told["matrix"]) == told["lines"]
    assert sum(cell["lines"] for cell in told["matrix"] if cell["from"] != cell["to"]) == told["flipped"]
    assert {frozenset(cell) for cell in told["matrix"]} == {frozenset(["from", "to", "currency", "lines", "amount"])}
    assert told["metrics"]["after"]["recall"] < told["metrics"]["before"]["recall"]
    assert len(told["changes"]) == min(told["flipped"], 100)
    assert "below 100" in told["changes"][0]["why"]
    assert len((labelled.folder / "flips.csv").read_text("utf-8").splitlines()) == told["flipped"] + 1
    read = labelled.done("replay", "--policy", strict)
    assert "precision by naira" in read.out
    assert "would be withdrawn" in read.out


def test_lists_that_a_person_brings_are_tried_and_not_in_force(labelled: Town) -> None:
    one = labelled.done("rejections", "list", "--limit", "1", "--json").document[0]
    tenant = ("--organization", one["organization_id"], "--environment", one["environment"])
    entry = ("--field", "narration", "--match", "regex", "--value", ".")
    added = labelled.done("lists", "add", "deny", *tenant, *entry, "--json").document["entry_id"]
    (labelled.folder / "entries.json").write_text(labelled.done("lists", "show", "--json").out, encoding="utf-8")
    labelled.done("lists", "remove", added)
    (labelled.folder / "as-is.toml").write_text("", encoding="utf-8")
    told = labelled.done("replay", "--policy", "as-is.toml", "--lists", "entries.json", "--json").document
    assert {cell["to"] for cell in told["matrix"] if cell["from"] != cell["to"]} == {
        "personal_or_low_confidence/denylisted"
    }
    assert labelled.done("replay", "--policy", "as-is.toml", "--json").document["flipped"] == 0


def test_a_home_without_entries_is_tried_as_lists_show_tells_it(labelled: Town) -> None:
    (labelled.folder / "none.json").write_text("[]\n", encoding="utf-8")
    (labelled.folder / "none.csv").write_text("list,organization_id,environment,field,match,value\n", encoding="utf-8")
    (labelled.folder / "keyless.json").write_text("[{}]", encoding="utf-8")
    for name in ("none.json", "none.csv"):
        assert labelled.done("replay", "--lists", name, "--json").document["flipped"] == 0
    refused = labelled("replay", "--lists", "keyless.json")
    assert (refused.code, "each row an object with keys" in refused.err.replace("\n", " ")) == (2, True)


def test_a_sweep_s_point_is_what_a_replay_of_that_value_tells(labelled: Town, tmp_path: Path) -> None:
    knobs = ("--knob", "points.minimum=0:120:20", "--knob", "floor.NGN=0:3000:1500")
    told = labelled.done("sweep", *knobs, "--json", "--out", "points.csv").document
    assert len(told["points"]) == 21
    assert told["in_force"] == {"points.minimum": 50, "floor.NGN": "1000"}
    assert told["cannot_know"] == []
    for point in (told["points"][2], told["points"][13]):
        file = tmp_path / "point.toml"
        file.write_text(f'[points]\nminimum = {point["points.minimum"]}\n[floor]\nNGN = "{point["floor.NGN"]}"\n')
        after = labelled.done("replay", "--policy", str(file), "--json").document["metrics"]["after"]
        assert {name: point[name] for name in after} == after
    assert len((labelled.folder / "points.csv").read_text("utf-8").splitlines()) == 22


def test_a_sweep_names_the_best_points_under_a_condition(labelled: Town) -> None:
    knob = ("--knob", "points.minimum=20:120:10")
    told = labelled.done("sweep", *knob, "--where", "precision >= 0.98", "--report", "s.html")
    assert "Best points: precision &gt;= 0.98." in (labelled.folder / "s.html").read_text("utf-8")
    assert "Best by F1 where precision >= 0.98:" in told.out
    assert "naira wrongly drafted" in told.out
    document = labelled.done("sweep", "--knob", "pending.days=0:40:10", "--where", "precision > 1", "--json").document
    assert document["best"] == []


def test_terms_and_words_are_held_against_the_labels(labelled: Town, tmp_path: Path) -> None:
    few = tmp_path / "few.toml"
    kinds = 'personal = ["gift*"]\nrefund = ["refund*"]\nreversal = ["rvsl*"]\ncompany = ["ltd"]'
    few.write_text(f'[terms]\nbusiness = ["inv", "settlement*", "zebra"]\n{kinds}\n', encoding="utf-8")
    told = labelled.done("policy", "words", "--policy", str(few), "--json").document
    assert told["lines"] == told["labels"] == len(labelled.world.truth())
    hits = {(each["kind"], each["term"]): each["hits"] for each in told["terms"]}
    assert hits["business", "inv"] > 0
    assert sum(each["decides_alone"] for each in told["terms"]) > 0
    read = labelled.done("policy", "words", "--policy", str(few), "--lines", "0").out
    assert "decides alone" in read
    assert "On none of these lines: business zebra" in read


def test_points_are_proposed_in_a_file_and_nothing_is_in_force(labelled: Town) -> None:
    before = shown(labelled)["hash"]
    told = labelled.done("policy", "fit", "--out", "fitted.toml", "--json").document
    assert told["held_out"]["labels"] == told["lines"] > 20
    checked = labelled.done("policy", "check", "fitted.toml", "--json").document
    assert (checked["name"], checked["hash"]) == ("ng-default-fitted", told["hash"])
    assert shown(labelled)["hash"] == before
    again = labelled("policy", "fit", "--out", "fitted.toml")
    assert again.code == 2
    assert "fitted.toml cannot be written: File exists" in again.err


def eligible(town: Town) -> int:
    query = "SELECT count(*) AS n FROM audit.outcomes WHERE outcome = 'eligible'"
    return int(town.done("sql", query, "--json").document[0]["n"])


def shown(place: Place, **settings: str) -> dict[str, Any]:
    return dict(place.done("policy", "show", "--json", **settings).document)


def test_where_nothing_has_run_the_shipped_policy_is_shown_and_nothing_is_made(nowhere: Place) -> None:
    assert shown(nowhere)["source"] == "the shipped policy"
    assert not nowhere.home.exists()
    refused = nowhere("policy", "rollback")
    assert refused.code == 2
    assert "nothing to roll back" in refused.err


def test_an_activated_policy_decides_until_it_is_rolled_back(town: Town, strict: str) -> None:
    before = eligible(town)
    told = town.done(
        "policy", "activate", strict, "--by", "ada", "--why", "fewer drafts", "--replay", "--json"
    ).document
    assert told["activated"] is True
    assert told["replay"]["flipped"] > 0
    assert "by ada: fewer drafts" in shown(town)["source"]
    assert town.done("policy", "activate", strict, "--json").document["activated"] is False
    town.done("decide")
    assert eligible(town) < before
    newest = town.done("policy", "history", "--json").document[0]
    assert (newest["policy_hash"], newest["activations"][0]["activated_by"]) == (told["hash"], "ada")
    assert newest["decisions"] == len(town.world.truth())
    town.done("policy", "rollback", "--by", "bola", "--why", "too few")
    assert "too few (rolled back from" in shown(town)["source"]
    town.done("decide")
    assert eligible(town) == before
    assert "by bola: too few" in town.done("policy", "history").out


def test_an_activation_tells_the_policy_s_findings_and_the_history_every_word(town: Town, tmp_path: Path) -> None:
    odd = tmp_path / "odd.toml"
    odd.write_text('name = "odd"\n[terms]\npersonal = ["gift", "gift"]\n', encoding="utf-8")
    checked = town.done("policy", "check", str(odd), "--json").document["findings"]
    why = "because the desk had asked for it again and again, and in the end nobody was left to say no"
    told = town.done("policy", "activate", str(odd), "--no-replay", "--by", "ada", "--why", why)
    assert "gift" in told.out
    assert checked
    assert town.done("policy", "activate", str(odd), "--no-replay", "--json").document["findings"] == checked
    assert f"by ada: {why}" in town.done("policy", "history").out
    town.done("policy", "rollback", "--by", "ada")


def test_the_setting_wins_over_what_is_activated_and_it_is_said(town: Town, tmp_path: Path, strict: str) -> None:
    own = tmp_path / "own.toml"
    own.write_text('name = "own"\n', encoding="utf-8")
    told = town.done("policy", "activate", strict, KOBOSIFT_POLICY=str(own))
    assert "KOBOSIFT_POLICY names" in told.err
    assert shown(town, KOBOSIFT_POLICY=str(own))["name"] == "own"
    assert shown(town)["name"] == "strict"
    assert "strict, hash" in town.done("doctor").out
    town.done("policy", "rollback")
    assert shown(town)["name"] == "ng-default"


def test_a_candidate_beside_the_policy_in_force_is_started_told_and_stopped(town: Town, strict: str) -> None:
    assert town.done("policy", "shadow", "--json").document == {"candidate": None, "disagreements": []}
    assert town.done("policy", "shadow", strict, "--by", "ada", "--json").document["started"] is True
    assert "is decided beside it already" in town.done("policy", "shadow", strict).out
    assert town.done("policy", "shadow", "--json").document["candidate"]["started_by"] == "ada"
    assert "Nothing is noted since: no day was decided" in town.done("policy", "shadow").out
    town.done("decide", "--start", "2000-01-01", "--end", "2099-12-31")
    assert town.done("policy", "shadow", "--json").document["candidate"]["note"] is None
    assert "Nothing is noted" not in town.done("policy", "shadow").out
    assert town("policy", "shadow", strict, "--stop").code == 2
    assert "not decided any more" in town.done("policy", "shadow", "--stop").out
    assert town.done("policy", "shadow", "--stop", "--json").document["stopped"] is False


def test_the_queue_is_asked_again_and_says_so(town: Town) -> None:
    told = town.done("rejections", "replay", "--detail", "personal_keyword", "--json").document
    assert (told["left"], told["written"]) == (0, True)
    queue = "SELECT count(*) AS n, count(replayed_at) AS asked FROM audit.rejections"
    found = town.done("sql", queue, "--json").document[0]
    assert 0 < told["entries"] == found["asked"] < found["n"]
    assert "0 entries: 0 left the queue" in town.done("rejections", "replay", "--detail", "unknown_invoice").out
    drafted = town.done("drafts", "list", "--limit", "1", "--json").document[0]["transaction_id"]
    assert "0 entries: 0 left the queue" in town.done("rejections", "replay", drafted).out


def test_another_policy_is_tried_on_the_queue_and_nothing_is_written(town: Town, tmp_path: Path) -> None:
    lenient = tmp_path / "lenient.toml"
    lenient.write_text("[points]\nminimum = 0\n", encoding="utf-8")
    before = eligible(town)
    told = town.done("rejections", "replay", "--policy", str(lenient), "--json").document
    assert told["left"] > 0
    assert told["written"] is False
    assert eligible(town) == before


def test_a_rejection_is_labelled_or_overruled_at_once(town: Town) -> None:
    line = town.done("rejections", "list", "--limit", "1", "--json").document[0]["transaction_id"]
    town.done("rejections", "label", line, "personal", "--by", "ada")
    query = "SELECT transaction_id, label FROM audit.rejections WHERE labelled_by = 'ada'"
    assert {"transaction_id": line, "label": "personal"} in town.done("sql", query, "--json").document
    for said in ("maybe", " "):
        refused = town("rejections", "label", line, said, "--by", "ada")
        assert refused.code == 2
        assert f"write business or personal for what {line} is." in refused.err.replace("\n", " ")
        assert "imported" not in refused.err
    kind = "SELECT transaction_id FROM audit.rejections WHERE detail = 'personal_keyword' LIMIT 1"
    gift = town.done("sql", kind, "--json").document[0]["transaction_id"]
    assert town.done("rejections", "overrule", gift, "--by", "ada", "--json").document["changed"] is True
    assert "ovr_" in town.done("explain", gift).out
    assert town.done("rejections", "overrule", gift, "--by", "bola", "--json").document["changed"] is False
    assert "overruled already" in town.done("rejections", "overrule", gift, "--by", "bola").out
    assert town("rejections", "overrule", "nowhere", "--by", "ada").code == 2
    assert "by the rules again" in town.done("rejections", "overrule", gift, "--by", "ada", "--undo").out
    assert "nothing changed" in town.done("rejections", "overrule", gift, "--by", "ada", "--undo").out
    assert town("rejections", "label", "nowhere", "personal", "--by", "ada").code == 2


def test_the_code_in_the_documentation_runs(labelled: Town, strict: str, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "tuning.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (labelled.folder / "mine.toml").write_text(Path(strict).read_text("utf-8"), encoding="utf-8")
    monkeypatch.chdir(labelled.folder)
    monkeypatch.setenv("KOBOSIFT_HOME", str(labelled.home))
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - our own documentation
    names["warehouse"].close()
    assert names["found"].summary.lines == len(labelled.world.truth())
    assert len(names["points"]) == 29


def test_mistakes_are_told_in_a_sentence(labelled: Town, strict: str) -> None:
    (labelled.folder / "bad.csv").write_text("account_id,transaction_id,label\na,b,maybe\n", encoding="utf-8")
    (labelled.folder / "torn.json").write_text("[{", encoding="utf-8")
    (labelled.folder / "torn.parquet").write_bytes(b"PAR1")
    for command, told in (
        (("label", "import", "bad.csv"), "row 1: write business or personal"),
        (("label", "import", "torn.json"), "is not the JSON file that its name says"),
        (("label", "import", "torn.parquet"), "is not the PARQUET file"),
        (("label", "import", "nowhere.csv"), "cannot be read"),
        (("label", "import", "labels.docx"), "is no .csv, .xlsx, .json or .parquet file"),
        (("replay", "--policy", "nowhere.toml"), "cannot be read"),
        (("replay", "--policy", strict, "--as-of", "yesterday"), "--as-of is a day"),
        (("sweep", "--knob", "points.magic=1:2:1"), "is no number of the policy that decides eligibility"),
        (("sweep", "--knob", "points.minimum=0:9000:100"), "points.minimum"),
        (("sweep", "--knob", "points.minimum=0:90:10", "--where", "luck > 1"), "write a condition such as"),
        (("sweep", "--knob", "points.minimum=0:90:10", "--out", "points"), "must end in"),
        (("sweep", "--knob", "settlement.tolerance=0:9:1"), "replay a policy file with each value"),
        (("replay", "--policy", strict, "--payments-out", "p.txt"), "must end in .csv, .xlsx or .parquet"),
        (("replay", "--policy", strict, "--out", "flips.txt"), "must end in .csv, .xlsx or .parquet"),
    ):
        result = labelled(*command)
        assert result.code == 2, (command, result)
        assert told in result.err.replace("\n", " "), (command, result)


def test_the_notebook_runs_from_top_to_bottom(labelled: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(__file__).parents[2] / "docs" / "tuning_notebook.py"
    monkeypatch.setenv("KOBOSIFT_HOME", str(labelled.home))
    monkeypatch.chdir(labelled.folder)
    spec = importlib.util.spec_from_file_location("tuning_notebook", path)
    assert spec is not None
    assert spec.loader is not None
    notebook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(notebook)
    _, names = notebook.app.run()
    lines = len(labelled.world.truth())
    assert names["replayed"].summary.lines == names["swept"].lines == lines
    assert len(names["words_of_people"]) >= lines
    assert names["mined"].labels == lines
    assert names["finest"]
    names["warehouse"].close()


def test_a_pack_of_deductions_is_tried_and_a_fault_in_it_named(labelled: Town) -> None:
    shipped = (Path(__file__).parents[2] / "rules" / "deductions.toml").read_text("utf-8")
    (labelled.folder / "same.toml").write_text(shipped, encoding="utf-8")
    told = labelled.done("replay", "--deductions", "same.toml", "--payments-out", "payments.csv", "--json").document
    assert (told["flipped"], told["dispositions"]["flipped"], told["deductions"]) == (0, 0, shipped_pack().version)
    assert len((labelled.folder / "payments.csv").read_text("utf-8").splitlines()) == 1
    for fault, sentence in (
        (shipped.replace('percent = "2"', 'percent = "two"', 1), "deduction 1: percent is a rate above 0"),
        (shipped.replace('percent = "2"', 'persent = "2"', 1), "deduction 1: persent is no key"),
        (shipped.replace('kind = "withholding_tax"', 'kind = "tithe"', 1), "deduction 1: kind is one of"),
        (shipped.replace("since = 2025-01-01", 'since = "then"', 1), "deduction 1: since is a day"),
        (shipped.replace('percent = "2"\n', "", 1), "deduction 1: write either percent or amount"),
        ("deduction = 3\n" + shipped.split("[[deduction]]")[0], "as a table of its own"),
        ("version", "is not TOML"),
        ("", "has no version"),
    ):
        (labelled.folder / "bad-pack.toml").write_text(fault, encoding="utf-8")
        result = labelled("replay", "--deductions", "bad-pack.toml")
        assert (result.code, sentence in result.err.replace("\n", " ")) == (2, True), (sentence, result)
    assert labelled("replay", "--deductions", "nowhere.toml").code == 2
