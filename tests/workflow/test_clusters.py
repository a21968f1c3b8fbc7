"""Books that are built on more than this machine: by SLURM with a shared disk, and by nodes that share nothing.

What runs here is real: SLURM on this machine, an S3 server on the loopback, and nodes with a file system of their own.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from support import BIN, ROOT
from support.slurm import Slurm, running_slurm
from support.workflow import BABBLED, PARAGRAPHS, Project, exported_project, make_project

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("clusters")]

PLUGINS = ROOT / "tests" / "support" / "plugins"
EDITED = (*PARAGRAPHS[:2], "The road was white and wet.", *PARAGRAPHS[3:])


def wait_for(condition: Callable[[], Any], seconds: float = 300) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.3)
    return value


@dataclass
class Head:
    """Snakemake as a user starts it for a cluster, in a project."""

    project: Project
    options: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        with (self.project.root / "head.log").open("w") as log:
            process = subprocess.Popen(
                [BIN / "snakemake", *self.options, *arguments],
                cwd=self.project.root,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def end(self) -> None:
        """End what still runs after a test that failed; snakemake cancels its jobs."""
        for process in self.started:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(60)
                process.kill()
                process.wait(30)

    def log(self) -> str:
        return (self.project.root / "head.log").read_text()

    def build(self, *arguments: str) -> str:
        """Build, and return what snakemake printed."""
        code = self.start(*arguments).wait(1500)
        assert code == 0, self.log()
        return self.log()

    def spoken(self) -> int:
        """How many synth jobs the last run has finished."""
        return len(re.findall(r"Finished jobid: \d+ \(Rule: synth\)", self.log()))


# --- SLURM, with a shared disk --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="the extra `cluster` is not installed")
    with running_slurm(tmp_path_factory.mktemp("slurm") / "slurm") as running:
        yield running


@pytest.fixture
def on_slurm(slurm: Slurm, project: Project) -> Iterator[Head]:
    options = (
        *("--workflow-profile", "profiles/slurm", "--default-resources", "slurm_partition=main"),
        *("--slurm-no-account", "--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "1"),
        *("--seconds-between-status-checks", "1", "--latency-wait", "10", "--jobs", "2"),
    )
    head = Head(project, options, slurm.environment)
    yield head
    head.end()
    slurm.cancel_all()


def test_a_book_of_slurm_has_the_bytes_of_a_local_one(on_slurm: Head, built_once: Project) -> None:
    output = on_slurm.build("results/book.wav")
    assert on_slurm.project.audio() == built_once.audio()
    submitted = re.findall(r"Job \d+ has been submitted with SLURM jobid \d+", output)
    # The voice, the takes, joining, mastering and measuring; small steps run where snakemake does.
    assert len(submitted) == 5, output
    assert on_slurm.project.plan("results/book.wav", "--config", "synth={batch_chunks: 256}") == {}
    assert "synth" not in on_slurm.project.plan("results/book.wav"), "batches of a different size read the same packs"


def test_a_hundred_chunks_of_engine_onnx(on_slurm: Head, tmp_path: Path) -> None:
    project = on_slurm.project = exported_project().copied(tmp_path / "exported")
    project.write_text(*(f"Traveler number {number} went down the white road." for number in range(100)))
    project.configure(engine="onnx", synth={**BABBLED, "batch_chunks": 16})
    local = project.copied(project.root.with_name("local"))
    local.build()
    on_slurm.build("results/book.wav", "--config", "synth={batch_chunks: 16}")
    assert on_slurm.spoken() >= 4
    assert project.audio() == local.audio()


def test_a_cancelled_job_is_submitted_again(on_slurm: Head, slurm: Slurm, built_once: Project) -> None:
    running = on_slurm.start("results/book.wav")
    wait_for(lambda: list((on_slurm.project.root / "results/book/logs").glob("synth/*.log")))
    for job in slurm.jobs("RUNNING", "PENDING"):
        slurm.run("scancel", job)
    assert running.wait(1500) == 0, on_slurm.log()
    assert "Trying to restart job" in on_slurm.log()
    assert on_slurm.project.audio() == built_once.audio()


def test_a_node_that_dies_costs_its_job_once_more(on_slurm: Head, slurm: Slurm, built_once: Project) -> None:
    running = on_slurm.start("results/book.wav")
    wait_for(lambda: list((on_slurm.project.root / "results/book/logs").glob("synth/*.log")))
    slurm.kill("slurmd")
    time.sleep(12)
    slurm.start_slurmd()
    assert running.wait(1500) == 0, on_slurm.log()
    assert on_slurm.project.audio() == built_once.audio()


def test_a_killed_head_goes_on_after_unlock(on_slurm: Head, slurm: Slurm, built_once: Project) -> None:
    """Its jobs run to their end without it, and what they have made is not made again."""
    running = on_slurm.start("results/book.wav")
    wait_for(lambda: list((on_slurm.project.root / "results/book/logs").glob("synth/*.log")))
    os.killpg(running.pid, signal.SIGKILL)
    running.wait(30)
    wait_for(lambda: not slurm.jobs("RUNNING", "PENDING", "COMPLETING"))
    spoken = on_slurm.project.takes()
    assert spoken
    assert on_slurm.start("--unlock").wait(100) == 0
    on_slurm.build("results/book.wav")
    assert on_slurm.project.audio() == built_once.audio()
    assert on_slurm.project.takes() == spoken


def test_any_scheduler_can_be_given_the_jobs(project: Project) -> None:
    pytest.importorskip("snakemake_executor_plugin_cluster_generic", reason="the extra `cluster` is not installed")
    counts = project.plan(
        *("results/book.wav", "--executor", "cluster-generic", "--cluster-generic-submit-cmd", "submit", "--jobs", "4")
    )
    assert counts["synth"] == 1


# --- nodes that share nothing, with files in S3 ---------------------------------------------------------------------


@dataclass
class Bucket:
    """The storage of a build."""

    address: str
    name: str = "books"

    def _bucket(self) -> Any:
        import boto3

        keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
        return boto3.resource("s3", endpoint_url=self.address, **keys).Bucket(self.name)

    def read(self, name: str) -> bytes:
        data: bytes = self._bucket().Object(f"shelf/{name}").get()["Body"].read()
        return data

    def names(self, folder: str) -> set[str]:
        objects = self._bucket().objects.filter(Prefix=f"shelf/{folder}/")
        return {item.key.removeprefix("shelf/") for item in objects}


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    pytest.importorskip("snakemake_storage_plugin_s3", reason="the extra `cluster` is not installed")
    server = pytest.importorskip("moto.server", reason="the extra `cluster` is not installed")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    bucket = Bucket(f"http://{host}:{port}")
    # moto keeps what an earlier server of this process had.
    urllib.request.urlopen(urllib.request.Request(f"{bucket.address}/moto-api/reset", method="POST")).close()
    yield bucket
    running.stop()


def make_checkout(root: Path) -> Project:
    """A project with all sources in it, under version control: so they travel to nodes."""
    project = make_project(root)
    (root / "tests").unlink()
    for name in ("Snakefile", "rules", "scripts", "profiles", "envs"):
        (root / name).unlink()
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, root / name)
    for name in ("space.npz", "evaluation.json"):
        (root / "models/bundled" / name).unlink(missing_ok=True)
    # As if they were too large for the sources, which leave out what has more than 10 MB: jobs get them as files.
    (root / ".gitignore").write_text("*.safetensors\n")
    for command in (["init", "-q"], ["add", "Snakefile", "rules", "scripts", "models", "voices", "config.yaml"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    return project


@pytest.fixture
def on_nodes(bucket: Bucket, tmp_path: Path) -> Iterator[Head]:
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], check=False).returncode != 0:
        pytest.skip("mount namespaces are not allowed here")
    options = (
        *("--executor", "nodes", "--nodes-logs", str(tmp_path / "nodes"), "--jobs", "3", "--retries", "2"),
        *("--default-storage-provider", "s3", "--default-storage-prefix", f"s3://{bucket.name}/shelf"),
        *("--keep-going", "--show-failed-logs", "--seconds-between-status-checks", "1"),
    )
    environment = {
        "PYTHONPATH": str(PLUGINS),
        "SNAKEMAKE_STORAGE_S3_ENDPOINT_URL": bucket.address,
        "SNAKEMAKE_STORAGE_S3_ACCESS_KEY": "key",
        "SNAKEMAKE_STORAGE_S3_SECRET_KEY": "secret",
    }
    head = Head(make_checkout(tmp_path / "project"), options, environment)
    yield head
    head.end()


def lose(logs: Path, rule: str) -> None:
    """Kill the first node of a rule while it works."""
    pid = wait_for(lambda: list(logs.glob(f"{rule}-*.pid")))[0]
    wait_for(lambda: "Shell command: python scripts/" in pid.with_suffix(".log").read_text())
    os.killpg(int(pid.read_text()), signal.SIGKILL)


def test_a_book_of_nodes_has_the_bytes_of_a_local_one_and_an_edit_speaks_one_chunk(
    on_nodes: Head, bucket: Bucket, built_once: Project, tmp_path: Path
) -> None:
    running = on_nodes.start("results/book.wav")
    lose(tmp_path / "nodes", "synth")
    assert running.wait(1500) == 0, on_nodes.log()
    assert "Trying to restart job" in on_nodes.log()
    assert bucket.read("results/book.wav") == (built_once.root / "results/book.wav").read_bytes()
    assert not on_nodes.project.takes(), "no take was spoken here"
    packs = bucket.names("results/book/takes")
    assert len(packs) == 2

    on_nodes.project.write_text(*EDITED)
    on_nodes.build("results/book.wav")
    local = built_once.copied(tmp_path / "local")
    local.write_text(*EDITED)
    local.build()
    assert bucket.read("results/book.wav") == (local.root / "results/book.wav").read_bytes()
    (receipt,) = [name for name in bucket.names("results/book/takes") - packs if name.endswith(".json")]
    assert len(json.loads(bucket.read(receipt))["takes"]) == 1
    assert on_nodes.spoken() == 1
    assert "Nothing to be done" in on_nodes.build("results/book.wav")


def test_engine_onnx_finds_its_bundle_on_every_node(on_nodes: Head, bucket: Bucket, tmp_path: Path) -> None:
    on_nodes.project.configure(engine="onnx", synth={**BABBLED, "batch_chunks": 2})
    local = on_nodes.project.copied(tmp_path / "local")
    local.build()
    on_nodes.build("results/book.wav")
    assert bucket.read("results/book.wav") == (local.root / "results/book.wav").read_bytes()
    assert on_nodes.spoken() >= 2
    assert "Nothing to be done" in on_nodes.build("results/book.wav")


# --- stores that machines share -------------------------------------------------------------------------------------

RACE = """
import fcntl, os, sys
from dataclasses import replace
from pathlib import Path
import numpy as np

def refuse(*_):
    raise OSError(37, "No locks available")

fcntl.flock = refuse
from pockettts.errors import PocketTTSError
from pockettts.takes import Take, TakeStore, measure_take

store, number = TakeStore(Path(sys.argv[1])), int(sys.argv[2])
samples = np.full(24_000, 1000 + number, np.int16)
key, lost = "ab" * 16, 0
take = Take(key, "text", "", 0, len(samples), "x", True, 1, 0, measure_take(samples))
print("pid", os.getpid(), flush=True)
for turn in range(150):
    try:
        store.put(samples, take)
        lost += store.get(key) is None
    except PocketTTSError as error:
        lost += 1
        print(error, flush=True)
print("lost", lost, flush=True)
"""


def test_two_machines_with_the_same_process_ids_share_a_store_that_cannot_lock(tmp_path: Path) -> None:
    """Each in a process namespace of its own, as in two pods: 150 times each, 0 of 300 are lost."""
    if os.geteuid() != 0:
        pytest.skip("process namespaces need root")
    command = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", RACE, str(tmp_path / "takes")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    racers = [
        subprocess.Popen([*command, str(number)], env=environment, stdout=subprocess.PIPE, text=True)
        for number in range(2)
    ]
    outputs = [racer.communicate(timeout=300)[0].split("\n") for racer in racers]
    assert outputs[0][0] == outputs[1][0], "the process ids are the same"
    assert [output[-2] for output in outputs] == ["lost 0", "lost 0"]
    assert not (tmp_path / "damaged").exists()


def test_two_books_are_built_at_once_and_share_takes(project: Project, built_once: Project) -> None:
    """By two snakemakes in one project that ask for no lock."""
    assert project.snakemake("results/voices/bundled/bundled.safetensors").returncode == 0
    project.write_text(*PARAGRAPHS[1:], name="second.txt")
    running = [
        subprocess.Popen(
            [BIN / "snakemake", "-j1", "--nolock", f"results/{name}.wav"],
            cwd=project.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name in ("book", "second")
    ]
    outputs = [one.communicate(timeout=600)[0] for one in running]
    assert [one.returncode for one in running] == [0, 0], outputs
    assert project.audio() == built_once.audio()
    assert len(project.takes()) == len(built_once.takes()), "the same takes"
    assert not (project.root / "results/damaged").exists()
    for name in ("book", "second"):
        assert project.plan(f"results/{name}.wav") == {}


@pytest.mark.parametrize(
    "change", ["moved", "copied without dates", "results on a different disk", "dates in the future"]
)
def test_places_and_dates_make_nothing_again(built_once: Project, tmp_path: Path, change: str) -> None:
    keep = shutil.copyfile if change == "copied without dates" else shutil.copy2
    root = Path(shutil.copytree(built_once.root, tmp_path / "project", symlinks=True, copy_function=keep))
    if change == "results on a different disk":
        with tempfile.TemporaryDirectory(dir="/dev/shm") as disk:
            (root / "results").rename(tmp_path / "moved")
            shutil.copytree(tmp_path / "moved", Path(disk) / "results")
            (root / "results").symlink_to(Path(disk) / "results")
            assert Project(root).plan("results/book.wav") == {}
        return
    if change == "dates in the future":
        for path in [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]:
            os.utime(path, (time.time() + 300_000,) * 2)
    assert Project(root).plan("results/book.wav") == {}
