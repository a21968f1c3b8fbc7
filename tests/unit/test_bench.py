"""Benchmarks: figures of what was measured, pages, plots, baselines, the matrix, and the tables of the docs."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bench_engines
from pockettts.bench import baseline, books, contenders, docs, environment, goals, measure, plots, report, results
from pockettts.bench.books import BookRun, job_seconds
from pockettts.bench.cold import PHASES, Starts
from pockettts.bench.contenders import BASE, CONTENDERS, Subject
from pockettts.bench.gate import Verdict, contender_of, rows_of
from pockettts.bench.matrix import PROFILES, BookCase, resolve
from pockettts.bench.measure import Series, Utterance
from pockettts.bench.results import Results
from pockettts.bench.speakers import Clock
from pockettts.bench.subjects import planned
from pockettts.config import BenchConfig, NormalizeConfig, parse
from pockettts.errors import ConfigError, EngineFailed, UsageError
from pockettts.text.mapped import Mapped
from pockettts.text.normalize import normalize
from support import ROOT

RANDOM = "random-english_2026-10"


def series(
    name: str, wall: float, *, model: str = "bundled", memory: float = 1000, first: float = 0.2, **more
) -> Series:
    rounds = tuple(Utterance(wall * factor, first, wall * 0.6, 12.0) for factor in (0.5, 1.0, 4.0))
    return Series(name, model, more.get("chars", 75), more.get("threads", 2), rounds, 5.0, memory)


def starts(name: str, model: str = "bundled") -> Starts:
    run = dict(zip(PHASES, (2.0, 1.0, 0.5, 0.5, 4.0), strict=True))
    return Starts(name, model, ({**run, "total": 8.0, "audio": 4.0},) * 3)


def book(engine: str, chunks: int = 10, jobs: int = 1, wall: float = 20.0) -> BookRun:
    return BookRun(engine, chunks, jobs, wall, 30.0, 8.0, 900.0, 600.0, {"synth": 10.0, "join_takes": 4.0})


def machine(**changes) -> dict:
    return {
        "time": "2026-11-22 10:00 UTC",
        "cpu": "a CPU",
        "cpus": 2,
        "cores": 1,
        "memory_free_gb": 20.0,
        "threads": {"OMP_NUM_THREADS": "1"},
        "allowed_cpus": 2,
        "governor": None,
        "memory_gb": 23.4,
        "system": "Linux",
        "python": "3.11",
        "versions": {"pocket-tts": "4.0.1", "torch": "2.13.0"},
        "load": [0.1, 0.1, 0.1],
        "busy_percent": 1.0,
        **changes,
    }


MISSING = Series("sherpa-onnx", "bundled", 75, 2, obstacle="not installed (sherpa_onnx)")
WARM = (
    series(BASE, 4.0),
    series("cli", 40.0, first=40.0),
    series("torch", 4.0),
    series("onnx-fp32", 2.0, memory=1200),
    series("onnx-int8", 1.0, memory=400, first=0.05),
    MISSING,
    series("torch", 5.0, threads=1),
)
RESULTS = Results(
    "quick",
    {"warm bundled": machine(), "book": machine(busy_percent=55.0)},
    WARM,
    (starts("cli"), starts("onnx-int8")),
    (book("cli"), book("cli", jobs=2, wall=12.0), book("onnx-int8"), book("onnx-int8", 100)),
)


# --- figures ------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(0.001, 1000), min_size=1, max_size=20))
def test_figures_hold_for_any_values(values: list[float]) -> None:
    found = measure.figures(values)
    assert found["min"] == min(values)
    assert found["max"] == max(values)
    assert found["min"] <= found["median"] <= found["max"]
    assert found["min"] * 0.999 <= found["mean"] <= found["max"] * 1.001
    assert found["spread"] == pytest.approx((max(values) - min(values)) / found["median"])


def test_rtf_is_synthesis_by_audio_and_medians_count() -> None:
    assert Utterance(3.0, 0.1, 3.0, 12.0).rtf == 0.25
    assert WARM[0].speed == 3.0
    assert WARM[4].first_ms == 50
    assert WARM[4].cpu == pytest.approx(0.05)
    assert WARM[0].streams
    assert not WARM[1].streams


def test_ratios_are_those_of_pairs_that_spoke_one_after_the_other() -> None:
    slow = Series("a", "m", 75, 2, (Utterance(2, 1, 1, 4), Utterance(8, 1, 1, 4)))
    quick = Series("b", "m", 75, 2, (Utterance(1, 1, 1, 4), Utterance(2, 1, 1, 4), Utterance(9, 1, 1, 4)))
    assert measure.ratios(quick, slow) == [2.0, 4.0]


@given(st.integers(10, 400))
def test_texts_are_of_whole_words_and_about_as_long_as_asked(chars: int) -> None:
    text = measure.text_of(chars)
    assert text.endswith(".")
    assert len(text) <= max(chars, 10)
    assert len(text) > min(chars, len(measure.PASSAGE)) - 12
    assert measure.PASSAGE.startswith(text[:-1])


def test_one_axis_is_varied_at_a_time() -> None:
    assert measure.cells((2, 1), (75, 30, 110)) == [(2, 75), (1, 75), (2, 30), (2, 110)]
    with pytest.raises(UsageError):
        measure.cells((), (75,))


def test_phases_that_lie_inside_others_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("pockettts.bench.speakers.time.monotonic", lambda: now[0])
    clock = Clock(90.0)

    class Engine:
        def load(self) -> None:
            now[0] += 2
            self.voice()
            now[0] += 1

        def voice(self) -> None:
            now[0] += 5

    clock.hook(Engine, "load", "model")
    clock.hook(Engine, "voice", "voice")
    Engine().load()
    now[0] += 4
    clock.hear(0)
    clock.hear(24_000)
    now[0] += 10
    clock.hear(24_000)
    told = clock.told()
    assert (told["model"], told["voice"], told["audio"], told["total"], told["rest"]) == (3, 5, 2, 32, 10)
    assert sum(told[phase] for phase in PHASES) == told["total"]


def test_the_shares_of_a_book_add_up() -> None:
    shares = book("torch").shares(rtf=0.2)
    assert shares == {"synthesis": 0.3, "start-up": 0.2, "other steps": 0.2, "Snakemake": 0.3}
    # The pace of a warm engine may have been another than that of the book.
    assert sum(book("torch").shares(rtf=2.0).values()) == pytest.approx(1)
    # cli computes what torch does, and pays a start for every chunk.
    assert RESULTS.warm_rtf("cli") == RESULTS.warm_rtf("torch") == pytest.approx(1 / 3)
    assert set(report.shares(RESULTS)) == {"cli, 10 chunks", "onnx-int8, 10 chunks", "onnx-int8, 100 chunks"}


def test_jobs_of_several_outputs_count_once(tmp_path: Path) -> None:
    folder = tmp_path / ".snakemake" / "metadata" / "long"
    folder.mkdir(parents=True)
    records = [
        ("plan_book", 10.0, 12.0, "a"),
        ("plan_book", 10.1, 12.0, "a"),
        ("synth", 12.0, 15.0, "b"),
        ("synth", 12.0, 14.0, "c"),
    ]
    for number, (rule, began, ended, log) in enumerate(records):
        record = {"rule": rule, "starttime": began, "endtime": ended, "log": [log]}
        (folder / str(number)).write_text(json.dumps(record))
    assert job_seconds(tmp_path) == {"plan_book": 2.0, "synth": 5.0}


# --- pages --------------------------------------------------------------------------------------------------------


def test_the_page_has_every_contender_start_book_and_warning() -> None:
    page = report.markdown(RESULTS)
    for told in (
        "| onnx-int8 | 0.083 | 0.042 | 0.153 | 0.333 | 350% | 12.00 | 4.00 (4.00 to 4.00) | 50 | 0.050 | 400 | 3 |",
        "| sherpa-onnx | not installed (sherpa_onnx) |",
        "| torch | 0.333 | 0.417 |",
        "| cli | 2.00 | 1.00 | 0.50 | 0.50 | 4.00 | 8.00 | 8.00 to 8.00 | 2.00 |",
        "| cli | 10 | 2 | 12.0 | 30 | 0.400 | 900 | 600 |",
        "up to 55 % of its processors were at work before 1 of 2 parts were measured (book)",
        "(40000)",
        "| thread variables | OMP_NUM_THREADS=1 |",
        "| book | 2026-11-22 10:00 UTC | 0.10, 0.10, 0.10 | 55 % |",
        "Profile quick. a CPU, 2 CPUs, 23 GB",
    ):
        assert told in page
    widths = [{line.count("|") for line in block.splitlines()} for block in re.findall(r"(?:^\|.*\n)+", page, re.M)]
    assert all(len(width) == 1 for width in widths)


def test_a_quiet_machine_is_not_warned_of() -> None:
    assert environment.warnings({"a": machine(), "b": machine()}) == []
    assert "governor is powersave" in environment.warnings({"a": machine(governor="powersave")})[0]
    assert "different machines" in environment.warnings({"a": machine(), "b": machine(cpu="other")})[0]


def test_the_environment_is_recorded() -> None:
    found = environment.record_environment(seconds=0.01)
    assert found["versions"]["pocket-tts"] == "4.0.1"
    assert found["cpus"] >= found["allowed_cpus"] >= 1
    assert found["memory_gb"] > 0
    assert 0 <= found["busy_percent"] <= 100
    assert environment.warnings({"now": found}) is not None


def test_html_stands_alone_and_csv_has_every_measurement(tmp_path: Path) -> None:
    plots.draw("rtf", RESULTS, tmp_path / "plots" / "rtf.svg")
    page = report.html(report.markdown(RESULTS), tmp_path)
    assert "data:image/svg+xml;base64," in page
    assert "plots/rtf.svg" not in page
    assert page.count("<table>") >= 5
    lines = report.csv_text(RESULTS).splitlines()
    assert lines[0] == ",".join(report.CSV_HEAD)
    assert "warm,bundled,onnx-int8,2,75,,,2,rtf,0.083333" in lines
    assert "cold,bundled,cli,,,,,3,total,8.000000" in lines
    assert "book,,cli,,,10,2,1,wall,12.000000" in lines


@pytest.mark.parametrize("found", [RESULTS, Results("quick", {}), replace(RESULTS, warm=(MISSING,), cold=())])
def test_every_plot_is_drawn_whatever_was_measured(found: Results, tmp_path: Path) -> None:
    plots.draw_all(found, tmp_path)
    assert {path.stem for path in tmp_path.glob("*.svg")} == set(report.PLOTS) == set(plots.DRAW)
    for path in tmp_path.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")


def test_plots_are_the_same_bytes_and_have_labels(tmp_path: Path) -> None:
    for name, labels in {
        "rtf": ("onnx-int8", "RTF, logarithmic (less is faster)"),
        "cold": ("interpreter, imports", "seconds since"),
        "scaling": ("wall time, s", "peak memory, MB"),
    }.items():
        plots.draw(name, RESULTS, tmp_path / "a.svg")
        plots.draw(name, RESULTS, tmp_path / "b.svg")
        assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
        # Text is drawn as shapes, with itself as a comment.
        for label in labels:
            assert f"<!-- {label}" in (tmp_path / "a.svg").read_text() or label in (tmp_path / "a.svg").read_text()


# --- documents and baselines --------------------------------------------------------------------------------------


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    document = json.loads(json.dumps(RESULTS.as_dict()))
    again = results.read_results(document)
    assert again == RESULTS
    assert again.as_dict() == document
    assert document["rows"]["warm bundled onnx-int8 threads=2 chars=75"] == 0.083333
    assert document["warm"][0]["figures"]["rtf"]["median"] == 0.333333


def test_parts_are_collected_in_order(tmp_path: Path) -> None:
    paths = []
    for name, more in {
        "warm": {"warm": WARM[:2]},
        "cold": {"cold": [starts("cli")]},
        "b": {"books": [book("cli")]},
    }.items():
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_text(json.dumps(results.part(name, machine(), **more)))
    found = results.collect(paths, "full")
    assert (found.warm, found.cold, found.books) == (WARM[:2], (starts("cli"),), (book("cli"),))
    assert list(found.environments) == ["warm", "cold", "b"]


def test_a_baseline_tells_what_got_slower(tmp_path: Path) -> None:
    old = {"a": 1.0, "b": 1.0, "gone": 1.0, "nothing": 0.0}
    found = baseline.compare({"a": 1.09, "b": 1.2, "new": 1.0, "nothing": 1.0}, old, 0.1)
    assert [(one.name, one.slower) for one in found] == [("a", False), ("b", True)]
    assert found[1].ratio == pytest.approx(1.2)
    assert baseline.sentence(found, 0.1) == "1 of 2 rows got slower by more than 10%: b."
    assert "Nothing of 1 rows" in baseline.sentence(found[:1], 0.1)
    assert "no row in common" in baseline.sentence([], 0.1)
    assert "| b | 1.000 | 1.200 | 1.20 | SLOWER |" in report.markdown(RESULTS, found, 0.1)
    path = tmp_path / "old.json"
    path.write_text(json.dumps(RESULTS.as_dict()))
    assert results.read_rows(path) == results.rows(RESULTS)
    path.write_text("[]")
    with pytest.raises(UsageError, match="has no figures"):
        results.read_rows(path)


# --- who is measured ----------------------------------------------------------------------------------------------


def test_profiles_and_settings() -> None:
    full = resolve(BenchConfig(), "bundled")
    assert full.models == ("bundled", RANDOM)
    assert full.contenders()[0].name == BASE
    assert {one.name for one in full.contenders()} == set(CONTENDERS)
    assert BookCase("cli", 10, 2) in full.books()
    assert BookCase("onnx-int8", 100, 4) in full.books()
    assert BookCase("onnx-int8", 1000, 2) in full.books()
    assert all(case.chunks == 10 for case in full.books() if case.engine == "cli")
    assert {case.jobs for case in full.books()} == {1, 2, 3, 4}
    quick = resolve(BenchConfig(profile="quick", models=("x",), jobs=(3,), book_chunks=(5, 7), peers=False), "bundled")
    assert quick.models == ("x",)
    assert quick.books() == (BookCase("onnx-int8", 5, 3), BookCase("onnx-int8", 7, 3))
    assert [one.name for one in quick.contenders()] == [BASE, *PROFILES["quick"].engines]
    with pytest.raises(ConfigError, match=r"bench.engines is empty"):
        resolve(BenchConfig(engines=()), "bundled")
    assert resolve(BenchConfig(book_engines=()), "bundled").books() == ()


@pytest.mark.parametrize(
    ("bench", "told"),
    [
        ({"engine": ["cli"]}, "Did you mean engines"),
        ({"engines": ["piper"]}, "bench.engines"),
        ({"text_chars": [500]}, "bench.text_chars"),
    ],
)
def test_wrong_settings_are_refused(bench: dict, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse({"bench": bench})


@pytest.mark.parametrize(("paragraph", "longest"), [(books.PARAGRAPH, 777), (bench_engines.PARAGRAPH, 77)])
def test_a_paragraph_of_a_measured_book_is_one_chunk(paragraph: str, longest: int) -> None:
    spoken = normalize(Mapped.of(paragraph.format(number=longest)), NormalizeConfig()).text
    assert len(spoken) <= json.loads((ROOT / "models/bundled/model.json").read_text())["max_chars"]


def test_every_contender_is_explained_and_found() -> None:
    assert set(contenders.ABOUT) == set(CONTENDERS)
    assert [one.name for one in contenders.find(("torch", BASE))] == ["torch", BASE]
    with pytest.raises(UsageError, match="no contender 'piper'; choose from"):
        contenders.find(("piper",))


def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = Subject("m", Path("r"), Path("v"), bundles={"int8": Path("b")})
    assert contenders.obstacle(CONTENDERS["torch"], subject) is None
    assert contenders.obstacle(CONTENDERS["onnx-fp32"], subject) == "no exported model of precision fp32"
    assert contenders.obstacle(CONTENDERS["pocketsynth"], subject) == (
        "needs a recording of the voice, and this one is predefined"
    )
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert contenders.obstacle(CONTENDERS["sherpa-onnx"], subject) == "not installed (sherpa_onnx)"


@pytest.mark.parametrize(
    ("piece", "told"), [("▁the", None), ("▁ᶞᵊ", "cannot make the phones that this model's tokenizer writes")]
)
def test_who_reads_the_list_of_pieces_needs_letters_in_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, piece: str, told: str | None
) -> None:
    monkeypatch.setattr(contenders.importlib.util, "find_spec", lambda _: object())
    (tmp_path / "vocab.json").write_text(json.dumps({"<unk>": 0, "▁": 1, piece: 2}))
    subject = Subject("bundled", tmp_path, tmp_path, tmp_path / "voice.wav", {"int8": tmp_path})
    assert contenders.obstacle(CONTENDERS["sherpa-onnx"], subject) == told


def test_where_the_build_puts_a_subject() -> None:
    from pockettts.voices import load_voices

    voice = load_voices(ROOT / "voices" / "manifest.json")["bundled"]
    subject = planned("bundled", voice, Path("results"))
    assert subject.voice == Path("results/voices/bundled/bundled.safetensors")
    assert subject.recording is not None
    assert not subject.fixed
    drawn = planned(RANDOM, voice, Path("results"))
    assert drawn.fixed
    assert drawn.runtime == Path(f"results/bench/models/{RANDOM}/runtime.yaml")
    assert set(drawn.bundles or {}) == {"fp32", "int8"}


def test_a_program_of_others_that_fails_is_a_row_and_an_engine_that_fails_is_a_sentence(tmp_path: Path) -> None:
    nothing = Subject("m", tmp_path / "runtime.yaml", tmp_path / "voice", tmp_path / "voice.wav", {"int8": tmp_path})
    (found,) = measure.measure([CONTENDERS["pocketsynth"]], nothing, runs=1)
    assert not found.rounds
    assert (found.obstacle or "").startswith("The process of pocketsynth ended with exit code 1: ")
    with pytest.raises(EngineFailed, match="process of onnx-int8 ended with exit code 1"):
        measure.measure([CONTENDERS["onnx-int8"]], nothing, runs=1)


def test_engines_that_speak_for_different_times_say_nothing() -> None:
    measure._check_lengths(list(WARM))
    other = replace(WARM[2], rounds=(Utterance(1, 1, 1, 11.0),))
    with pytest.raises(EngineFailed, match="different times"):
        measure._check_lengths([*WARM, other])


# --- gate and goals -----------------------------------------------------------------------------------------------


def verdict(**changes) -> Verdict:
    return Verdict(series("onnx-int8", 1.0), "A text.", "bundled", machine(), **changes)


def test_the_gate_is_the_median_of_warm_runs() -> None:
    assert verdict().problems == []
    assert verdict(threshold=0.084).problems == []
    assert verdict(threshold=0.08).problems == ["The real-time factor is 0.083, above the threshold 0.08."]
    found = verdict(threshold=0.08).as_dict()
    assert not found["passed"]
    assert [run["index"] for run in found["runs"]] == [1, 2, 3]
    assert found["stats"]["rtf"]["median"] == 0.083333
    assert "RTF min 0.042, median 0.083, mean 0.153, max 0.333" in verdict().as_table()


def test_a_gate_has_a_baseline() -> None:
    rows = rows_of(series("onnx-int8", 1.0))
    slower = baseline.compare(rows, {name: value / 2 for name, value in rows.items()}, 0.1)
    assert "got slower" in verdict(comparisons=tuple(slower), tolerance=0.1).problems[0]
    assert verdict(comparisons=tuple(baseline.compare(rows, rows, 0.1)), tolerance=0.1).problems == []
    assert "1.00 of the baseline's 0.083" in verdict(comparisons=tuple(baseline.compare(rows, rows, 0))).as_table()


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({}, "cli"),
        ({"engine": "torch"}, "torch"),
        ({"engine": "torch", "synth": {"quantize": True}}, "torch-int8"),
        ({"engine": "onnx", "synth": {"precision": "int8", "seed": 4}}, "onnx-int8"),
    ],
)
def test_the_gate_measures_the_engine_of_the_settings(settings: dict, name: str) -> None:
    assert contender_of(parse(settings)).name == name


@pytest.mark.parametrize("synth", [{"temperature": 0.5}, {"quantize": True}])
def test_the_gate_refuses_what_it_would_not_measure(synth: dict) -> None:
    with pytest.raises(ConfigError, match="cannot be measured"):
        contender_of(parse({"synth": synth}))


def test_goals_say_what_is_reached() -> None:
    times = {"chunks": 60.0, "jobs": 2.0, "cli": 100.0, "onnx": 30.0}
    # Two texts at once, the second as long as the first.
    found = goals.find_goals((*WARM, series("onnx-fp32-x2", 2.0, memory=900)), times)
    assert [goal.reached for goal in found] == [False, False, True, True, True, True, True, False]
    assert [round(goal.value, 2) for goal in found] == [1200, 200, 4.0, 400, 50, 2.0, 900, 0.3]
    page = goals.goals_page(RESULTS, times)
    assert "| book: wall time, share of engine cli | ≤ 0.25 | 0.30 | NO |" in page
    assert "engine cli 100 s, engine onnx 30 s" in page
    assert len(goals.find_goals(WARM)) == 5


# --- documentation ------------------------------------------------------------------------------------------------


def stored() -> Results:
    return results.read_results(json.loads((ROOT / "docs/bench/bench.json").read_text()))


def stored_goals() -> str:
    document = json.loads((ROOT / "docs/bench/engines.json").read_text())
    return goals.goals_tables(results.read_results(document), document["book"])


@pytest.mark.parametrize("name", ["README.md", "docs/BENCHMARKS.md"])
def test_the_docs_have_the_stored_figures(name: str) -> None:
    text = (ROOT / name).read_text()
    assert re.search("<!-- bench:", text)
    assert docs.fill(text, stored(), stored_goals()) == text, "run `python scripts/bench_docs.py`"


def test_a_changed_figure_is_seen_in_every_table() -> None:
    first = stored()
    slower = replace(
        first,
        warm=tuple(replace(one, rounds=tuple(replace(u, wall=2 * u.wall) for u in one.rounds)) for one in first.warm),
        cold=tuple(replace(one, runs=tuple({**run, "total": 99.0} for run in one.runs)) for one in first.cold),
        books=tuple(replace(one, wall=2 * one.wall) for one in first.books),
    )
    for name in set(docs.TABLES) - {"about", "profiles"}:
        mark = f"<!-- bench:{name} -->\n<!-- /bench -->"
        assert docs.fill(mark, slower) != docs.fill(mark, first)
    assert docs.fill(docs.fill("<!-- bench:books -->\n<!-- /bench -->", slower), first) == docs.fill(
        "<!-- bench:books -->\n<!-- /bench -->", first
    )
    assert "yes" in stored_goals()
    assert stored_goals() in docs.fill("<!-- bench:goals -->\n<!-- /bench -->", first, stored_goals())
    with pytest.raises(UsageError, match="no table 'piper'"):
        docs.fill("<!-- bench:piper -->\n<!-- /bench -->", first)


def test_the_stored_report_is_as_it_would_be_written() -> None:
    text = (ROOT / "docs/bench/bench.json").read_text()
    assert json.loads(text) == json.loads(json.dumps(stored().as_dict()))
