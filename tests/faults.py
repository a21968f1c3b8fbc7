"""Faults in whole builds: kills at chance moments, two builds at once, odd places, odd names, long texts.

`make faults` runs all of them with a small model that speaks no words, and prints a table; `--docs FILE` puts it there.
After each fault the same command must end with the recording of an undisturbed build, or refuse with a sentence.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from pockettts.bench.report import fill_marks
from pockettts.files import sha256_file
from support import BIN
from support.novels import synthetic_novel
from support.workflow import BABBLED, JOINED, MASTERED, PUBLISHED, Project, make_project, undo

BOOK = "results/book.wav"
STAGES: dict[str, tuple[str, tuple[str, ...], str]] = {
    "download": ("download_model|lock_model|write_runtime", ("models/*/*",), "results/models/bundled/runtime.yaml"),
    "export": ("export_onnx|verify_onnx", ("onnx/*/*", "onnx/*/*/*"), "results/onnx/bundled/fp32.verify.json"),
    "voice": ("export_voice", ("voices/*/*",), "results/voices/bundled/bundled.safetensors"),
    "synth": ("synth", (*JOINED, "book/takes/*", "takes/*/*/*/*"), BOOK),
    "join": ("join_takes", JOINED, BOOK),
    "master": ("master_book", MASTERED, BOOK),
    "report": ("measure_book|write_provenance|write_report|publish", PUBLISHED, BOOK),
}
"""For each stage its programs, its results and what comes after, and the target."""

NAMES = (
    "two words",
    "it's",
    'say "hi"',
    "$HOME",
    "a;b && c",
    "100%",
    "*",
    "[a-z]?",
    "back\\slash",
    "~",
    "#1",
    "書",
    "e\u0301",
    "😀",
    "\u202eright to left",
    "a.b.c",
    " leading",
    "trailing ",
    "trailing.",
    "(a|b)",
    "b&amp;",
    "=1+1",
    "@x",
    "`id`",
    "-".join(map(str, range(100, 145))),
)
REFUSED_NAMES = (
    "-rf",
    ".hidden",
    "a{b}",
    "new\nline",
    "models",
    "Takes",
    "shelf",
    "<b>",
    "book.wav",
    "-".join(map(str, range(100, 165))),
)


@dataclass
class Outcome:
    """What came of the tries of one fault."""

    fault: str
    tries: int = 0
    survived: int = 0
    refused: int = 0
    lost: int = 0
    wrong: int = 0
    note: str = ""

    def row(self) -> str:
        """A row of the table."""
        figures = (self.tries, self.survived, self.refused, self.lost, self.wrong)
        return f"| {self.fault} | {' | '.join(map(str, figures))} | {self.note} |"


def kept(project: Project) -> dict[str, str]:
    """Sha256 of all that a build keeps, by path, but logs, files set aside, full paths, and sidecars with times."""
    results = project.root / "results"
    left_out = {"logs", "benchmarks", "damaged", "runtime.yaml"}
    return {
        str(path.relative_to(results)): sha256_file(path)
        for path in sorted(results.rglob("*"))
        if path.is_file() and not left_out & set(path.parts) and not path.match("takes/*/*/*/*.json")
    }


def judge(outcome: Outcome, project: Project, good: dict[str, str], target: str) -> None:
    """Build to the end, three runs at most, and compare what was made with an undisturbed build."""
    takes = {name: sha256 for name, sha256 in kept(project).items() if name.startswith("takes/")}
    outcome.tries += 1
    for _ in range(3):
        result = project.snakemake(target, timeout=3_600)
        output = result.stdout + result.stderr
        if result.returncode == 0:
            break
        if "error: " not in output or "Traceback" in output:
            outcome.wrong += 1
            print(output[-3_000:], file=sys.stderr)
            return
    now = kept(project)
    outcome.lost += sum(1 for name in takes if now.get(name) != takes[name] and takes[name] == good.get(name))
    names = [name for name in good if name in now or f"results/{name}" == target]
    different = [name for name in names if now.get(name) != good[name]]
    if result.returncode != 0 or different:
        outcome.wrong += 1
        print(outcome.fault, different, output[-3_000:], file=sys.stderr)
    else:
        outcome.survived += 1


def start(project: Project, target: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a build in a process group of its own."""
    return subprocess.Popen(
        [BIN / "snakemake", "-j2", target, *arguments],
        cwd=project.root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def seconds_of(project: Project, programs: str) -> float:
    """How long the slowest of these programs took, by the benchmarks of the build."""
    lines = [
        path.read_text().splitlines()[1]
        for path in (project.root / "results").rglob("benchmarks/**/*.tsv")
        if re.fullmatch(programs, path.stem) or re.fullmatch(programs, path.parent.name)
    ]
    return max((float(line.split("\t")[0]) for line in lines), default=3.0)


def kill_in(project: Project, stage: str, chance: random.Random, *, group: bool) -> None:
    """Kill a build at a chance moment of a stage: all of it, or snakemake alone, which leaves its jobs."""
    programs, patterns, target = STAGES[stage]
    seconds = seconds_of(project, programs)
    killed = False
    while not killed:
        undo(project, patterns)
        running = start(project, target)
        wait_for_program(running, re.compile(rf"scripts/({programs})\.py"))
        time.sleep(chance.uniform(0, seconds))
        killed = running.poll() is None
        if killed and group:
            os.killpg(running.pid, 9)
        else:
            running.kill()
        running.wait()
        # It was done before: sooner, then.
        seconds /= 2
    project.snakemake("--unlock")


def wait_for_program(running: subprocess.Popen[bytes], pattern: re.Pattern[str]) -> None:
    """Return as soon as a build runs a program, or has ended."""
    while running.poll() is None:
        for child in psutil.Process(running.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if pattern.search(" ".join(child.cmdline())):
                    return
        time.sleep(0.02)


def kills(base: Project, folder: Path, count: int, stages: Sequence[str]) -> Iterator[Outcome]:
    """`count` kills in each stage, one after the other in the same project, as a user would meet them."""
    for stage in stages:
        outcome = Outcome(f"killed in stage {stage}")
        project, good = base.copied(folder / f"kill-{stage}"), kept(base)
        for number in range(count):
            kill_in(project, stage, random.Random(f"{stage}{number}"), group=number % 2 == 0)
            judge(outcome, project, good, STAGES[stage][2])
        yield outcome


def two_at_once(base: Project, folder: Path, count: int) -> Iterator[Outcome]:
    """Two builds of the same book in the same folder, without snakemake's lock."""
    outcome = Outcome("two snakemakes at once, --nolock")
    good = kept(base)
    for number in range(count):
        project = base.copied(folder / f"two-{number}")
        undo(project, (*STAGES["synth"][1], "voices/*/*"))
        for running in [start(project, BOOK, "--nolock") for _ in range(2)]:
            running.wait()
        judge(outcome, project, good, BOOK)
    yield outcome


def symlinked(base: Project, folder: Path) -> Iterator[Outcome]:
    """`results/` is a link to a folder elsewhere, and then a link into a folder that is gone."""
    outcome = Outcome("results/ is a symlink")
    project, elsewhere = base.copied(folder / "linked"), folder / "elsewhere"
    shutil.move(project.root / "results", elsewhere)
    (project.root / "results").symlink_to(elsewhere)
    undo(project, JOINED)
    judge(outcome, project, kept(base), BOOK)
    shutil.rmtree(elsewhere)
    result = project.snakemake(BOOK)
    outcome.tries += 1
    output = result.stdout + result.stderr
    if result.returncode != 0 and "Traceback" not in output and "results" in output:
        outcome.refused += 1
    else:
        outcome.wrong += 1
        print(output[-3_000:], file=sys.stderr)
    yield outcome


def read_only_store(base: Project, folder: Path) -> Iterator[Outcome]:
    """The store cannot be written: a book whose takes are there is built, another one is refused."""
    outcome = Outcome("read-only store")
    project = base.copied(folder / "read-only")
    store = project.root / "results/takes"
    if (
        os.geteuid() != 0
        or subprocess.run(["mount", "--bind", store, store], check=False, capture_output=True).returncode
    ):
        outcome.note = "not tried: nothing can be mounted here"
        yield outcome
        return
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", store], check=True)
        undo(project, (*JOINED, "book/takes/*"))
        judge(outcome, project, kept(base), BOOK)
        project.write_text("A text that nobody has spoken.")
        result = project.snakemake(BOOK)
        output = result.stdout + result.stderr
        outcome.tries += 1
        if result.returncode != 0 and "Traceback" not in output and "Read-only file system" in output:
            outcome.refused += 1
        else:
            outcome.wrong += 1
            print(output[-3_000:], file=sys.stderr)
    finally:
        subprocess.run(["umount", store], check=False)
    yield outcome


def odd_names(base: Project, folder: Path) -> Iterator[Outcome]:
    """Books with names that shells, globs, file systems and pages could misread: built, or refused with a sentence."""
    outcome = Outcome("odd names of books")
    project, good = base.copied(folder / "names"), base.audio()
    text = (project.root / "inputs/book.txt").read_bytes()
    for name in NAMES:
        (project.root / "inputs" / f"{name}.txt").write_bytes(text)
    project.snakemake(*(f"results/{name}.wav" for name in NAMES), timeout=7_200)
    for name in NAMES:
        outcome.tries += 1
        path = project.root / "results" / f"{name}.wav"
        if path.is_file() and sha256_file(path) == good:
            outcome.survived += 1
        else:
            outcome.wrong += 1
            print("odd name", repr(name), file=sys.stderr)
    for name in REFUSED_NAMES:
        if len(name) < 200:
            (project.root / "inputs" / f"{name}.txt").write_bytes(text)
        result = project.snakemake("-n", "--", f"results/{name}.wav")
        output = result.stdout + result.stderr
        outcome.tries += 1
        if result.returncode != 0 and "Traceback" not in output and "rror" in output:
            outcome.refused += 1
        else:
            outcome.wrong += 1
            print("refused name", repr(name), output[-1_500:], file=sys.stderr)
    yield outcome


def long_texts(base: Project, folder: Path) -> Iterator[Outcome]:
    """Texts of 300,000 words, and of 20,000 chunks and more, are planned and have a dry run. Nothing is spoken."""
    project = base.copied(folder / "long")
    for count in (300_000, 480_000):
        yield long_text(project, count)


def long_text(project: Project, count: int) -> Outcome:
    """Plan a text of so many words."""
    outcome = Outcome(f"a text of {count:,} words")
    words = synthetic_novel(count)
    (project.root / "inputs/long.txt").write_text(words, encoding="utf-8")
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    result = project.snakemake("results/long/chunks.json", timeout=3_600)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    outcome.tries += 1
    outcome.survived += result.returncode == 0
    outcome.wrong += result.returncode != 0
    planned = time.monotonic() - began
    began = time.monotonic()
    counts = project.plan("results/long.wav")
    text = (project.root / "results/long/chunks.json").read_text()
    chunks, dry = text.count('"pause": '), time.monotonic() - began
    outcome.note = (
        f"{len(words.split()):,} words, {chunks:,} chunks, {counts['synth']} jobs; planned in {planned:.0f} s, dry run"
        f" {dry:.0f} s, {after.ru_maxrss / 1024:.0f} MB, {after.ru_utime - before.ru_utime:.0f} s of CPU"
    )
    return outcome


FAULTS: dict[str, Callable[..., Iterator[Outcome]]] = {
    "symlink": symlinked,
    "read-only": read_only_store,
    "names": odd_names,
    "long": long_texts,
}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=["kills", "two", *FAULTS], default=["kills", "two", *FAULTS])
    parser.add_argument("--kills", type=int, default=10, help="in each stage")
    parser.add_argument("--stages", nargs="*", choices=list(STAGES), default=list(STAGES))
    parser.add_argument("--docs", type=Path, help="a document whose table is written again")
    args = parser.parse_args()
    outcomes = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        base = make_project(folder / "base")
        base.configure(engine="onnx", synth=BABBLED)
        if base.snakemake(BOOK, timeout=3_600).returncode != 0:
            sys.exit("the undisturbed build failed")
        for fault in args.only:
            if fault == "kills":
                running = kills(base, folder, args.kills, args.stages)
            elif fault == "two":
                running = two_at_once(base, folder, 2)
            else:
                running = FAULTS[fault](base, folder)
            for outcome in running:
                outcomes.append(outcome)
                print(outcome.row(), flush=True)
    rows = ["| fault | tries | survived | refused | takes lost | wrong | |", "|---|---|---|---|---|---|---|"]
    table = "\n".join([*rows, *(outcome.row() for outcome in outcomes)])
    if args.docs is not None:
        page = args.docs.read_text(encoding="utf-8")
        args.docs.write_text(fill_marks(page, {"faults": lambda: f"{table}\n"}), encoding="utf-8")
    sys.exit(1 if any(outcome.wrong or outcome.lost for outcome in outcomes) else 0)


if __name__ == "__main__":
    main()
