"""A SLURM of one node on this machine, for as long as a test needs it: munged, slurmctld and slurmd, no accounting."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "sinfo", "squeue", "scancel")

CONF = """
ClusterName=lab
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1
ReturnToService=2
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MinJobAge=3600
SlurmdTimeout=10
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmdSpoolDir={folder}/spool
StateSaveLocation={folder}/state
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
"""


@dataclass
class Slurm:
    """A running SLURM; `environment` leads its commands to it."""

    folder: Path
    environment: dict[str, str]
    daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *arguments: str) -> None:
        """Start a daemon in the foreground."""
        program = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
        with (self.folder / f"{name}.out").open("ab") as log:
            self.daemons[name] = subprocess.Popen(
                [str(program), *arguments], env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def start_slurmd(self) -> None:
        """Start the daemon of the node, and wait until it takes jobs."""
        self.start("slurmd", "-D", "-f", str(self.folder / "slurm.conf"))
        deadline = time.monotonic() + 60
        while self.run("sinfo", "-h", "-o", "%T").strip() not in ("idle", "mixed", "allocated"):
            assert time.monotonic() < deadline, self.run("sinfo") + (self.folder / "slurmd.log").read_text()[-2000:]
            time.sleep(0.5)

    def kill(self, name: str) -> None:
        """Kill a daemon at once; the children of slurmd with it."""
        process = self.daemons.pop(name)
        family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
        for one in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        process.wait(30)

    def run(self, *command: str) -> str:
        """Run a command of SLURM and return what it prints; nothing if it fails."""
        result = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        return result.stdout

    def jobs(self, *states: str) -> list[str]:
        """Return the ids of the jobs in these states."""
        return self.run("squeue", "-h", "-o", "%A", "-t", ",".join(states)).split()

    def cancel_all(self) -> None:
        """Cancel all jobs, and wait until they have ended."""
        self.run("scancel", "--user=root")
        deadline = time.monotonic() + 30
        while self.jobs("PENDING", "RUNNING", "COMPLETING") and time.monotonic() < deadline:
            time.sleep(0.5)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextlib.contextmanager
def running_slurm(folder: Path, cpus: int = 2) -> Iterator[Slurm]:
    """Start SLURM in a folder, and end it. Skips where it is not installed or may not run."""
    path = f"{os.environ['PATH']}:/usr/sbin"
    missing = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    if missing or os.geteuid() != 0:
        pytest.skip(f"SLURM needs root and {', '.join(missing) or 'its programs'}: apt-get install slurm-wlm munge")
    folder.mkdir(parents=True)
    for name in ("spool", "state"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o400)
    memory = psutil.virtual_memory().total // 2**20
    host = socket.gethostname().split(".")[0]
    (folder / "slurm.conf").write_text(
        CONF.format(folder=folder, host=host, ports=_free_ports(2), cpus=cpus, memory=memory)
    )
    # snakemake starts a job's step without the variables of SLURM, so srun is told where its configuration is.
    srun = folder / "bin" / "srun"
    srun.parent.mkdir()
    srun.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {shutil.which("srun")} "$@"\n')
    srun.chmod(0o755)
    variables = {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": f"{srun.parent}:{os.environ['PATH']}"}
    slurm = Slurm(folder, {**os.environ, **variables})
    try:
        slurm.start(
            "munged",
            *("--foreground", "--force", "--num-threads=2", f"--key-file={key}", f"--socket={folder}/munge.socket"),
            *(f"--pid-file={folder}/munged.pid", f"--log-file={folder}/munged.log", f"--seed-file={folder}/munge.seed"),
        )
        deadline = time.monotonic() + 20
        while not (folder / "munge.socket").exists():
            assert time.monotonic() < deadline, (folder / "munged.out").read_text()
            time.sleep(0.2)
        slurm.start("slurmctld", "-D", "-i", "-f", str(folder / "slurm.conf"))
        slurm.start_slurmd()
        yield slurm
    finally:
        slurm.cancel_all()
        for name in list(slurm.daemons):
            slurm.kill(name)
