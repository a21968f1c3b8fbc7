"""Benchmarks: figures of what was measured, pages, plots, baselines, the matrix, and the tables of the report."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pockettts.bench import bench_models, books, environment, measure, plots, report, results, systems
from pockettts.bench.adapters import Clock, cpu_seconds
from pockettts.bench.bench_models import BenchModel
from pockettts.bench.books import BookRun
from pockettts.bench.gate import GateResult, system_of
from pockettts.bench.matrix import PROFILES, BookCase, resolve
from pockettts.bench.measure import PHASES, ColdStart, SkippedSystem, WarmRun, measure_cold, measure_warm
from pockettts.bench.results import Results
from pockettts.bench.systems import BASE, SYSTEMS
from pockettts.config import NormalizeConfig, parse
from pockettts.errors import ConfigError, EngineFailed, UsageError
from pockettts.processor import read_cpu_facts
from pockettts.project import Project
from pockettts.text.mapped import Mapped
from pockettts.text.normalize import normalize
from support import ROOT

RANDOM = "random-english_2026-10"


def warm(
    system: str, wall: float, *, model: str = RANDOM, first: float = 0.05, peak: float = 500, **more
) -> list[WarmRun]:
    """Three rounds of 12 s of audio, which take half of `wall`, `wall`, and four times as long."""
    cell, audio = (more.get("threads", 2), more.get("chars", 75)), 12.0 * SYSTEMS[system].texts
    return [
        WarmRun(model, system, *cell, number, wall * factor, first, wall * 0.6, audio, 5.0, peak)
        for number, factor in enumerate((0.5, 1.0, 4.0))
    ]


def cold(system: str, model: str = RANDOM) -> list[ColdStart]:
    return [ColdStart(model, system, number, 2.0, 1.0, 0.5, 0.5, 4.0, 8.0, 4.0) for number in range(3)]


def book(engine: str, chunks: int = 10, jobs: int = 1, wall: float = 20.0) -> BookRun:
    return BookRun(
        engine, chunks, jobs, wall, 30.0, 900.0, 600.0, {"synth": 10.0, "join_takes": 1.0, "master_book": 3.0}
    )


def machine(**changes) -> dict:
    return {
        "time": "2026-11-22 10:00 UTC",
        "cpu": "a CPU (family 6)",
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


WARM = [
    *warm(BASE, 4.0, first=0.2, peak=1000),
    *warm("cli", 40.0, first=160.0),
    *warm("torch", 4.0),
    *warm("onnx-fp32", 2.0, first=0.2, peak=1200),
    *warm("onnx-int8", 1.0),
    *warm("onnx-int8-x8", 4.0, first=0.2),
    *warm("torch", 5.0, threads=1),
    *warm(BASE, 5.0, threads=1),
]
SKIPPED = [
    SkippedSystem("warm", RANDOM, "sherpa-onnx", "not installed (sherpa_onnx)"),
    SkippedSystem("cold", RANDOM, "torch", "out of memory"),
    SkippedSystem("books", "bundled", "onnx-fp32", "10 chunks, -j1: no bundle"),
]
BOOKS = [book("cli"), book("cli", jobs=2, wall=12.0), book("onnx-int8"), book("onnx-int8", 100)]


def made(profile: str = "quick", environments: dict | None = None, **tables) -> Results:
    environments = {"warm": machine(), "book": machine(busy_percent=55.0)} if environments is None else environments
    return Results.of(profile, environments, **tables)


RESULTS = made(warm=WARM, cold=[*cold("cli"), *cold("onnx-int8")], books=BOOKS, skipped=SKIPPED)


def figures(*runs: WarmRun) -> pd.DataFrame:
    return results.warm_figures(made(warm=runs).warm).set_index("system")


def rows(page: str, first: str) -> list[list[str]]:
    """The cells of all rows of a page that begin with `first`."""
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("|")
    ]
    return [line for line in lines if line[0] == first]


# --- figures ------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=10)
@given(st.lists(st.floats(0.001, 1000), min_size=1, max_size=20))
def test_figures_hold_for_any_rounds(walls: list[float]) -> None:
    runs = [WarmRun("m", "torch", 1, 75, i, wall, 0.1, 1.0, 2.0, 1.0, 10.0 + i) for i, wall in enumerate(walls)]
    found = figures(*runs).loc["torch"]
    assert found.rtf_min == pytest.approx(min(walls) / 2)
    assert found.rtf_max == pytest.approx(max(walls) / 2)
    assert found.rtf_min <= found.rtf <= found.rtf_max
    assert found.spread == pytest.approx((found.rtf_max - found.rtf_min) / found.rtf)
    assert (found.rounds, found.peak_mb) == (len(walls), 9.0 + len(walls))
    assert pd.isna(found.ratio)


def test_the_figures_of_systems() -> None:
    found = results.usual_figures(RESULTS, RANDOM).set_index("system")
    assert list(found.index) == [BASE, "cli", "torch", "onnx-fp32", "onnx-int8", "onnx-int8-x8"]
    assert found.loc[BASE, "speed"] == pytest.approx(3.0)
    assert found.loc["onnx-int8", "first_ms"] == pytest.approx(50)
    assert found.loc["onnx-int8", "cpu"] == pytest.approx(0.05)
    assert list(found["streams"]) == [True, False, True, True, True, True]


def test_ratios_compare_runs_of_the_same_round() -> None:
    base = [WarmRun("m", BASE, 1, 75, i, wall, 1, 1, 4, 1, 1) for i, wall in enumerate((2, 8))]
    quick = [WarmRun("m", "torch", 1, 75, i, wall, 1, 1, 4, 1, 1) for i, wall in enumerate((1, 2, 9))]
    found = figures(*base, *quick).loc["torch"]
    assert (found.ratio, found.ratio_min, found.ratio_max) == (3.0, 2.0, 4.0)


def test_the_shares_of_a_book_add_up() -> None:
    shares = results.book_shares(RESULTS).set_index("book")
    assert list(shares.index) == ["cli, 10 chunks", "onnx-int8, 10 chunks", "onnx-int8, 100 chunks"]
    # A third of 30 s of audio is more than the jobs took: engine cli has the pace of torch.
    assert shares.loc["cli, 10 chunks"].to_dict() == pytest.approx(
        {"synthesis": 0.5, "start-up": 0.0, "steps": 0.2, "Snakemake": 0.3}
    )
    assert shares.loc["onnx-int8, 10 chunks", "synthesis"] == pytest.approx(30 / 12 / 20)
    assert list(shares.sum(axis=1)) == pytest.approx([1, 1, 1])


def test_goals_are_rows_with_a_limit() -> None:
    found = results.goals(RESULTS).set_index("goal")
    book = "book of 10 chunks, -j1, onnx-int8"
    assert found["reached"].to_dict() == {
        f"onnx-int8-x8: speed, x {BASE}": True,
        f"onnx-int8: speed, x {BASE}": True,
        f"onnx-int8: first audio, share of {BASE}'s": True,
        "onnx-fp32: peak memory, MB": False,
        "onnx-int8: peak memory, MB": True,
        "onnx-int8-x8: peak memory, MB": True,
        f"{book}: wall time, share of cli's": False,
        "book of 100 chunks, -j1, onnx-int8: mastering, share of speaking in full size": False,
    }
    assert found.loc["onnx-fp32: peak memory, MB", ["limit", "value"]].tolist() == [700, 1200]
    assert found.loc[f"onnx-int8-x8: speed, x {BASE}", "value"] == 8
    assert found.loc[f"{book}: wall time, share of cli's", "value"] == 1
    # 3 s of mastering for 30 s of audio, which the model in full size speaks in 1.25 s.
    assert found["value"].iloc[-1] == pytest.approx(3 / (30 * 0.5 / 12))
    assert list(results.goals(made(warm=warm("onnx-int8", 1.0)))["goal"]) == ["onnx-int8: peak memory, MB"]


def test_engines_that_give_different_lengths_are_warned_of() -> None:
    assert not [one for one in RESULTS.warnings if "lengths" in one]
    longer = [replace(run, audio=26.0) for run in warm("onnx-fp32-x2", 1.0)]
    (warning,) = [one for one in made(warm=[*WARM, *longer]).warnings if "lengths" in one]
    assert RANDOM in warning
    twice = [replace(run, audio=24.0) for run in longer]
    assert not [one for one in made(warm=[*WARM, *twice]).warnings if "lengths" in one]


def test_phases_inside_others_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("pockettts.bench.adapters.time.monotonic", lambda: now[0])
    clock = Clock(90.0)

    class Engine:
        def load(self) -> None:
            now[0] += 2
            self.voice()
            now[0] += 1

        def voice(self) -> None:
            now[0] += 5

    clock.hook(Engine, "load", "weights")
    clock.hook(Engine, "voice", "voice")
    Engine().load()
    now[0] += 4
    clock.count(0)
    clock.count(24_000)
    now[0] += 10
    clock.count(24_000)
    phases = clock.summary()
    assert {**phases, "first": 0} == {
        "imports": 10, "weights": 3, "voice": 5, "first": 0, "rest": 10, "total": 32, "audio": 2
    }  # fmt: skip
    assert sum(phases[phase] for phase in PHASES) == phases["total"]


def test_processor_time_holds_that_of_a_childs_children() -> None:
    """As with engine cli, whose resident process forks a command for each text and outlives it."""
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    ended = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}]); print(flush=True); input()"
    before = cpu_seconds()
    with subprocess.Popen([sys.executable, "-c", ended], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        during = cpu_seconds() - before
        child.communicate(b"\n")
    assert during > 0.29


def test_jobs_of_a_rule_are_added_up(tmp_path: Path) -> None:
    paths = ("book/benchmarks/plan_book", "book/benchmarks/synth/a", "book/benchmarks/synth/b", "m/benchmarks/old")
    for number, path in enumerate(paths):
        file = tmp_path / f"{path}.tsv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"s\th:m:s\n{number}.5\t0:00:01\n")
        os.utime(file, (0, 100 - number))
    assert books.job_seconds(tmp_path, since=98) == {"plan_book": 0.5, "synth": 4.0}


# --- pages --------------------------------------------------------------------------------------------------------


def test_the_page_has_every_system_start_book_and_warning() -> None:
    page = report.markdown_page(RESULTS)
    warm_row, goal_row = rows(page, "onnx-int8")[0], rows(page, f"onnx-int8: speed, x {BASE}")[0]
    assert warm_row[1:8] == ["0.083", "0.042", "0.153", "0.333", "350%", "12.00", "4.00 (4.00 to 4.00)"]
    assert warm_row[8:] == ["50", "0.050", "500", "3"]
    assert goal_row[1:] == ["≥ 4", "4.00", "yes"]
    assert rows(page, "cli")[0][8] == "(160000)"
    assert rows(page, "torch")[1][1:] == ["0.333", "0.417"]
    assert [row[6] for row in rows(page, "cli") if len(row) == 9] == ["8.00"]
    assert [row[3] for row in rows(page, "cli") if len(row) == 8] == ["20.0", "12.0"]
    # A system that could not run is a row with its reason, in warm, cold and books.
    assert rows(page, "sherpa-onnx")[0][1] == "not installed (sherpa_onnx)"
    assert "out of memory" in [row[1] for row in rows(page, "torch")]
    assert "10 chunks, -j1: no bundle" in [row[1] for row in rows(page, "onnx-fp32")]
    assert "up to 55 % of its processors were at work before 1 of 2 parts were measured (book)" in page
    widths = [{line.count("|") for line in block.splitlines()} for block in re.findall(r"(?:^\|.*\n)+", page, re.M)]
    assert all(len(width) == 1 for width in widths)


def test_a_report_of_nothing_but_failures_is_made() -> None:
    page = report.markdown_page(made(skipped=SKIPPED))
    assert rows(page, "sherpa-onnx")[0][1] == "not installed (sherpa_onnx)"
    assert rows(page, "onnx-fp32")[0][1] == "10 chunks, -j1: no bundle"


def test_what_makes_a_machine_doubtful() -> None:
    assert environment.warnings({"a": machine(), "b": machine()}) == []
    assert "governor is powersave" in environment.warnings({"a": machine(governor="powersave")})[0]
    assert "different machines" in environment.warnings({"a": machine(), "b": machine(cpu="other")})[0]


def test_the_environment_is_recorded() -> None:
    found = environment.record_environment(seconds=0.01)
    assert found["versions"]["pocket-tts"] == "4.0.1"
    assert found["allowed_cpus"] >= 1
    assert found["cpu"] == read_cpu_facts().label()
    assert found["cpu"] in report.about(made(environments={"warm": found}))
    assert found["memory_gb"] > 0
    assert 0 <= found["busy_percent"] <= 100
    assert bool([one for one in environment.warnings({"a": found}) if "busy" in one]) == (found["busy_percent"] > 15)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the plots of `RESULTS`."""
    folder = tmp_path_factory.mktemp("report")
    plots.draw(RESULTS, folder / "plots")
    return folder


def test_html_stands_alone(drawn: Path) -> None:
    page = report.html_page(report.markdown_page(RESULTS), drawn)
    assert page.count("data:image/svg+xml;base64,") == len(plots.PLOTS)
    assert "plots/" not in page
    assert page.count("<table>") >= 5


@pytest.mark.parametrize("found", [made(), made(skipped=SKIPPED)])
def test_every_plot_is_drawn_whatever_was_measured(found: Results, tmp_path: Path) -> None:
    plots.draw(found, tmp_path)
    for name in plots.PLOTS:
        assert (tmp_path / f"{name}.svg").read_text().startswith("<?xml")


def test_plots_are_the_same_bytes_and_have_labels(drawn: Path, tmp_path: Path) -> None:
    labels = {"rtf": ("onnx-int8", "RTF, logarithmic"), "books": ("wall time, s", "peak memory, MB")}
    plots.draw(RESULTS, tmp_path)
    for name, words in labels.items():
        picture = (tmp_path / f"{name}.svg").read_text()
        assert picture == (drawn / "plots" / f"{name}.svg").read_text()
        # Text is drawn as shapes, with itself as a comment.
        assert all(f"<!-- {word}" in picture for word in words)


# --- documents and baselines --------------------------------------------------------------------------------------


def test_a_report_is_read_as_it_was_written() -> None:
    document = json.loads(json.dumps(RESULTS.as_dict()))
    assert results.read_results(document).as_dict() == document
    assert document["rows"][f"warm {RANDOM} onnx-int8 threads=2 chars=75"] == 0.083333
    assert document["rows"][f"cold {RANDOM} cli"] == 8.0
    assert document["rows"]["book cli chunks=10 jobs=2"] == 12.0
    assert [row["reason"] for row in document["skipped"]] == [one.reason for one in SKIPPED]


def test_parts_are_collected_in_order(tmp_path: Path) -> None:
    parts: dict[str, dict[str, Any]] = {
        "warm": {"warm": WARM[:2], "skipped": SKIPPED[:1]},
        "cold": {"cold": cold("cli")},
        "b": {"books": [book("cli")]},
    }
    for name, tables in parts.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(results.part(name, machine(), **tables)))
    found = results.collect([tmp_path / f"{name}.json" for name in parts], "full")
    assert list(found.environments) == ["warm", "cold", "b"]
    assert (len(found.warm), len(found.cold), len(found.books), len(found.skipped)) == (2, 3, 1, 1)


def test_a_baseline_shows_what_got_slower(tmp_path: Path) -> None:
    old = {"a": 1.0, "b": 1.0, "gone": 1.0, "nothing": 0.0}
    found = results.compare_baseline({"a": 1.09, "b": 1.2, "new": 1.0, "nothing": 1.0}, old, 0.1)
    assert list(found.loc[found["slower"], "name"]) == ["b"]
    assert list(found["ratio"]) == pytest.approx([1.09, 1.2])
    assert "1 of 2" in results.describe_comparison(found)
    assert "None of 1" in results.describe_comparison(results.compare_baseline({"a": 1.0}, old, 0.1))
    assert "no row in common" in results.describe_comparison(results.compare_baseline({}, old, 0.1))
    assert rows(report.markdown_page(RESULTS, found), "b") == [["b", "1.000", "1.200", "1.20", "SLOWER"]]
    path = tmp_path / "old.json"
    path.write_text(json.dumps(RESULTS.as_dict()))
    assert results.read_rows(path) == results.rows(RESULTS)
    path.write_text("[]")
    with pytest.raises(UsageError, match="has no figures"):
        results.read_rows(path)


# --- what is measured ---------------------------------------------------------------------------------------------


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


def project(**bench) -> Project:
    return Project(ROOT, parse({"bench": bench}))


def test_profiles_and_settings() -> None:
    full = resolve(project())
    assert full.models == ("bundled", RANDOM)
    assert full.systems()[0].name == BASE
    assert {one.name for one in full.systems()} == set(SYSTEMS) - {"onnx-fp32-x2"}
    assert [one.name for one in full.cold_systems()] == [BASE, "torch", "torch-int8", "onnx-fp32", "onnx-int8"]
    assert {BookCase("cli", 60, 2), BookCase("onnx-int8", 60, 4), BookCase("onnx-int8", 1000, 2)} <= set(full.books())
    assert all(case.chunks == 60 for case in full.books() if case.engine == "cli")
    assert {case.jobs for case in full.books()} == {1, 2, 4}
    quick = resolve(project(profile="quick", models=[RANDOM], jobs=[3], book_chunks=[5, 7], third_party=False))
    assert quick.models == (RANDOM,)
    assert quick.books() == (BookCase("onnx-int8", 5, 3), BookCase("onnx-int8", 7, 3))
    assert [one.name for one in quick.systems()] == [BASE, *PROFILES["quick"].engines]
    with pytest.raises(ConfigError, match=r"bench.engines is empty"):
        resolve(project(engines=[]))
    assert resolve(project(book_engines=[])).books() == ()


@pytest.mark.parametrize(
    ("bench", "words"),
    [
        ({"engine": ["cli"]}, "Did you mean engines"),
        ({"engines": ["piper"]}, "bench.engines"),
        ({"text_chars": [500]}, "bench.text_chars"),
    ],
)
def test_wrong_settings_are_refused(bench: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse({"bench": bench})


def test_a_paragraph_of_a_measured_book_is_one_chunk() -> None:
    spoken = normalize(Mapped.of(books.PARAGRAPH.format(number=777)), NormalizeConfig()).text
    assert len(spoken) <= json.loads((ROOT / "models/bundled/model.json").read_text())["max_chars"]


def test_systems_are_found_by_name() -> None:
    assert [one.name for one in systems.systems_named(("torch", BASE))] == ["torch", BASE]
    with pytest.raises(UsageError, match="no system 'piper'; choose from"):
        systems.systems_named(("piper",))


def test_why_a_system_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    model = BenchModel(
        "m", Path("r"), Path("v"), bundles={"int8": Path("b")}, failed_bundles={"fp32": "check x failed"}
    )
    assert systems.skip_reason(SYSTEMS["torch"], model) is None
    assert systems.skip_reason(SYSTEMS["onnx-fp32"], model) == "check x failed"
    assert "no exported model" in (systems.skip_reason(SYSTEMS["onnx-fp32"], replace(model, failed_bundles={})) or "")
    assert "needs a recording" in (systems.skip_reason(SYSTEMS["pocketsynth"], model) or "")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert systems.skip_reason(SYSTEMS["sherpa-onnx"], model) == "not installed (sherpa_onnx)"


@pytest.mark.parametrize(("piece", "skipped"), [("▁the", False), ("▁ᶞᵊ", True)])
def test_sherpa_needs_letters_in_the_vocabulary(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, piece: str, skipped: bool
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object())
    (tmp_path / "vocab.json").write_text(json.dumps({"<unk>": 0, "▁": 1, piece: 2}))
    model = BenchModel("bundled", tmp_path, tmp_path, tmp_path / "voice.wav", {"int8": tmp_path})
    assert ("phones" in (systems.skip_reason(SYSTEMS["sherpa-onnx"], model) or "")) == skipped


def test_where_the_build_puts_a_model() -> None:
    opened = Project(Path(), parse({}))
    model = bench_models.planned_model("bundled", opened)
    assert model.voice == Path("results/voices/bundled/bundled.safetensors")
    assert model.recording is not None
    random = bench_models.planned_model(RANDOM, opened)
    assert random.runtime == Path(f"results/bench/models/{RANDOM}/runtime.yaml")
    assert random.bundles["int8"] == Path(f"results/bench/bundles/{RANDOM}/int8")


def test_bundles_are_read_with_their_errors(tmp_path: Path) -> None:
    folder = tmp_path / "results" / "bench" / "bundles" / "bundled"
    folder.mkdir(parents=True)
    (folder / "fp32.json").write_text('{"error": null}')
    (folder / "int8.json").write_text('{"error": "check lm failed"}')
    model = bench_models.read_model("bundled", Project(tmp_path, parse({})))
    assert (model.bundles, model.failed_bundles) == ({"fp32": folder / "fp32"}, {"int8": "check lm failed"})


def test_every_module_of_engines_and_export_is_in_the_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one in a package of a package: a digest that misses it would keep old figures."""
    package = tmp_path / "pockettts"
    for place in (*environment._EXPORTING, *environment._MEASURING):
        assert (
            list((ROOT / "scripts/pockettts" / place).rglob("*.py"))
            or (ROOT / f"scripts/pockettts/{place}.py").exists()
        )
        (package / place / "deep").mkdir(parents=True)
        (package / place / "deep" / "module.py").write_text("")
    monkeypatch.setattr("pockettts.__file__", str(package / "__init__.py"))
    before = environment.measured_code()
    (package / "engines" / "deep" / "module.py").write_text("x = 1")
    assert environment.measured_code() != before


# --- systems that fail --------------------------------------------------------------------------------------------


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Systems that need no model; those named in the result raise an error at their nth text."""
    fails_at: dict[str, int] = {}

    class FakeProcess:
        def __init__(self, system: systems.System, model: BenchModel, text: str = "") -> None:
            self.name, self.texts, self.peak_mb = system.name, 0, 100.0
            self.start = dict.fromkeys((*PHASES, "total", "audio"), 1.0)
            self.check()

        def check(self) -> None:
            if fails_at.get(self.name) == self.texts:
                raise EngineFailed(f"{self.name} has no more memory", 1)

        def limit(self, threads: int) -> None: ...

        def synthesize(self, text: str, seed: int) -> dict[str, float]:
            self.texts += 1
            self.check()
            return {"wall": 1.0, "first": 0.5, "cpu": 1.0, "audio": 2.0}

        def close(self) -> None: ...

    monkeypatch.setattr(measure, "SystemProcess", FakeProcess)
    return fails_at


@pytest.mark.parametrize("text", [0, 1, 3])
@pytest.mark.parametrize("name", ["torch", BASE])
def test_a_system_that_fails_is_a_row_and_the_rest_is_measured(processes: dict, name: str, text: int) -> None:
    processes[name] = text
    who = [SYSTEMS[one] for one in (BASE, "cli", "torch")]
    runs, skipped = measure_warm(who, BenchModel("m", Path("r"), Path("v")), runs=3, threads=(2, 1))
    assert [(one.part, one.system, one.reason) for one in skipped] == [("warm", name, f"{name} has no more memory")]
    # Nothing is left of a system that failed late; cli is measured in the first cell only.
    counts = {one: sum(run.system == one for run in runs) for one in (BASE, "cli", "torch")}
    assert counts == {BASE: 6, "cli": 3, "torch": 6, name: 0}


def test_a_cold_start_that_fails_is_a_row(processes: dict) -> None:
    processes["torch"] = 0
    starts, skipped = measure_cold(
        [SYSTEMS["cli"], SYSTEMS["torch"]], BenchModel("m", Path("r"), Path("v")), runs=2, chars=20
    )
    assert [start.system for start in starts] == ["cli", "cli"]
    assert [(one.part, one.system) for one in skipped] == [("cold", "torch")]


def test_a_process_that_ends_is_a_row_with_its_last_error(tmp_path: Path) -> None:
    nothing = BenchModel("m", tmp_path / "runtime.yaml", tmp_path / "voice", tmp_path / "voice.wav", {"int8": tmp_path})
    runs, (skipped,) = measure_warm([SYSTEMS["onnx-int8"]], nothing, runs=1)
    assert runs == []
    assert "onnx-int8 ended with exit code 1" in skipped.reason


# --- gate ---------------------------------------------------------------------------------------------------------


def gate(**changes) -> GateResult:
    return GateResult(
        made("gate", {"warm": machine()}, warm=warm("onnx-int8", 1.0, model="bundled")), "A text.", "bundled", **changes
    )


def test_the_gate_is_the_median_of_warm_runs() -> None:
    assert gate().problems == []
    assert gate(threshold=0.084).problems == []
    (problem,) = gate(threshold=0.08).problems
    assert "0.083, above the threshold 0.08" in problem
    document = gate(threshold=0.08).as_dict()
    assert not document["passed"]
    assert [run["wall"] for run in document["runs"]] == [0.5, 1.0, 4.0]
    assert document["figures"]["rtf"] == pytest.approx(1 / 12)
    assert json.loads(json.dumps(document))["figures"].keys() == document["figures"].keys()
    assert rows(gate().as_table(), "onnx-int8")[0][1:5] == ["0.083", "0.042", "0.153", "0.333"]


def test_a_gate_has_a_baseline() -> None:
    same = results.rows(gate().results)
    slower = results.compare_baseline(same, {name: value / 2 for name, value in same.items()}, 0.1)
    assert "got slower" in gate(comparison=slower).problems[0]
    assert gate(comparison=results.compare_baseline(same, same, 0.1)).problems == []
    table = gate(comparison=results.compare_baseline(same, same, 0)).as_table()
    assert rows(table, *same)[0][1:4] == ["0.083", "0.083", "1.00"]


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
    assert system_of(parse(settings)).name == name


@pytest.mark.parametrize("synth", [{"temperature": 0.5}, {"quantize": True}])
def test_the_gate_refuses_what_it_would_not_measure(synth: dict) -> None:
    with pytest.raises(ConfigError, match="cannot be measured"):
        system_of(parse({"synth": synth}))


# --- documentation ------------------------------------------------------------------------------------------------


def stored() -> Results:
    return results.read_results(json.loads((ROOT / "docs/bench/bench.json").read_text()))


@pytest.mark.parametrize("name", ["README.md", "docs/BENCHMARKS.md"])
def test_the_docs_have_the_stored_figures(name: str) -> None:
    text = (ROOT / name).read_text()
    assert re.search("<!-- bench:", text)
    assert report.fill(text, stored()) == text, "run `make bench-docs`"


def test_a_changed_figure_is_seen_in_every_table() -> None:
    first = stored()
    slower = replace(
        first,
        warm=first.warm.assign(wall=2 * first.warm["wall"], first=2 * first.warm["first"]),
        cold=first.cold.assign(total=99.0),
        books=first.books.assign(wall=first.books["wall"] * (1 + (first.books["engine"] == "cli"))),
    )
    for name in set(report.TABLES) - {"about", "profiles", "systems"}:
        assert report.TABLES[name](slower) != report.TABLES[name](first)
    with pytest.raises(UsageError, match="no table 'piper'"):
        report.fill("<!-- bench:piper -->\n<!-- /bench -->", first)


def test_the_stored_report_is_as_it_would_be_written() -> None:
    text = (ROOT / "docs/bench/bench.json").read_text()
    assert json.loads(text) == json.loads(json.dumps(stored().as_dict()))
