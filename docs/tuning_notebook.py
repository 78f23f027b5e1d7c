"""Tuning in a notebook: labels, replay, sweep and words, by the functions that the commands call (`docs/tuning.md`).

A marimo notebook: `.venv/bin/marimo edit docs/tuning_notebook.py` opens it, and as a script it runs from top to bottom.
It reads the home that KOBOSIFT_HOME names, such as the one that `make demo` leaves, and changes nothing there but that
it takes in the sandbox's true labels, once, where nobody has labelled a line.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="kobosift: tuning")


@app.cell
def the_home():
    import marimo as mo

    from pipelines.policy import load_policy
    from resources.clock import SystemClock
    from resources.settings import load_settings
    from resources.warehouse.connection import open_warehouse

    settings = load_settings()
    clock = SystemClock()
    warehouse = open_warehouse(settings)
    policy = load_policy(settings, warehouse)
    mo.md(f"# Tuning `{settings.kobosift_home}`\n\nIn force: **{policy.name}**, hash `{policy.hash}`.")
    return clock, mo, policy, settings, warehouse


@app.cell
def labels_in(clock, mo, settings, warehouse):
    from assets.labelling import draw_sample, import_labels
    from resources.warehouse import labels

    truth = settings.kobosift_home / "sandbox" / "truth.parquet"
    with warehouse.read() as con:
        unlabelled = labels.all_labels(con).is_empty()
    if unlabelled and truth.exists():
        import_labels(warehouse, clock, truth, by="the sandbox", run_id="a notebook")
    with warehouse.read() as con:
        words_of_people = labels.all_words(con)
    mo.md(
        f"## Labels\n\n{len(words_of_people):,} labels. Lines to label next come from `draw_sample`, some of every "
        "outcome and some of all rejections alike; what was decided is not among the columns."
    )
    return draw_sample, words_of_people


@app.cell
def labels_to_ask_for(draw_sample, mo, warehouse):
    from resources.errors import KobosiftError

    try:
        sample = draw_sample(warehouse, None, size=10, seed=1).sheet
    except KobosiftError as nothing_left:
        sample = None
        shown_sample = mo.md(f"No sample: {nothing_left}")
    else:
        shown_sample = mo.ui.table(sample, page_size=5)
    shown_sample
    return (sample,)


@app.cell
def replay_of_another_policy(clock, mo, policy, warehouse):
    from assets.replays import Scope, replay

    stricter = policy.changed({"name": "stricter", "points.minimum": policy.points.minimum + 50})
    replayed = replay(warehouse, policy=stricter, clock=clock, scope=Scope())
    told = replayed.summary
    moved = [cell for cell in told.dispositions["matrix"] if cell["from"] != cell["to"]]
    notes = "\n".join(f"- {sentence}" for sentence in told.metrics["cannot_know"])
    mo.vstack(
        [
            mo.md(
                f"## Replay\n\nA minimum of {stricter.points.minimum} points would flip {told.flipped:,} of "
                f"{told.lines:,} lines; precision {told.metrics['before']['precision']} would be "
                f"{told.metrics['after']['precision']}, recall {told.metrics['before']['recall']} "
                f"{told.metrics['after']['recall']}.\n{notes}"
            ),
            mo.ui.table(moved, selection=None) if moved else mo.md("Every line would end as it does."),
            mo.ui.table(replayed.examples.select("day", "amount", "from", "to", "why"), page_size=5),
        ]
    )
    return Scope, replayed


@app.cell
def sweep_of_two_knobs(Scope, clock, mo, policy, warehouse):
    from assets.sweeps import sweep
    from rules.charts import Curve, curves
    from rules.knobs import parse_knob
    from rules.sweep import best, left_out

    knob = parse_knob("points.minimum=0:140:5")
    swept = sweep(warehouse, policy=policy, knobs=[knob], clock=clock, scope=Scope())

    def curve(name):
        known = [(point[knob.name], point[name]) for point in swept.points if point[name] is not None]
        return Curve(name, known)

    drawn = curves(
        "By lines; the dashed line is in force",
        [curve(name) for name in ("precision", "recall", "f1")],
        x_name=knob.name,
        mark=policy.points.minimum,
    )
    condition = "precision >= 0.9"
    finest = best(swept.points, condition)
    unsure = "\n".join(f"- {sentence}" for sentence in [*swept.cannot_know, *left_out(swept.points, condition)])
    mo.vstack(
        [
            mo.md(
                f"## Sweep\n\nBest where {condition}: {[point[knob.name] for point in finest] or 'no point'}.\n{unsure}"
            ),
            mo.Html(drawn),
        ]
    )
    return finest, swept


@app.cell
def words_of_the_policy(Scope, clock, mo, policy, warehouse):
    from assets.mining import words

    mined = words(warehouse, policy=policy, clock=clock, scope=Scope())
    rows = [
        {"kind": each.kind, "term": each.term, "lines": each.hits, "precision": each.precision}
        for each in mined.terms
        if each.hits
    ]
    candidates = [f"`{each.words}` speaks for {each.argues_for}" for each in mined.candidates]
    mo.vstack(
        [
            mo.md(f"## Words\n\nCandidates, to be judged by a person: {', '.join(candidates) or 'none'}."),
            mo.ui.table(rows, page_size=10, selection=None),
        ]
    )
    return (mined,)


if __name__ == "__main__":
    app.run()
