"""A test executor: every job on a "node" of its own, which shares no disk with the project.

A node is a mount namespace in which the project's folder is empty and the job begins in an empty folder. Sources and
files come through the storage, as on Kubernetes. A node is lost when its process group is killed.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.jobs import JobExecutorInterface
from snakemake_interface_executor_plugins.settings import CommonSettings, ExecutorSettingsBase

NODE = """
mkdir -p {workdir}
mount -t tmpfs tmpfs {workdir}
mount -t tmpfs tmpfs {project}
cd {workdir}
export HOME={workdir}
ulimit -c 0
{command}
"""


@dataclass
class ExecutorSettings(ExecutorSettingsBase):
    """Where the nodes write what they print."""

    logs: str | None = field(
        default=None,
        metadata={"help": "folder for the logs of nodes", "required": True, "parse_func": str, "unparse_func": str},
    )


common_settings = CommonSettings(
    non_local_exec=True,
    implies_no_shared_fs=True,
    job_deploy_sources=True,
    pass_default_storage_provider_args=True,
    pass_default_resources_args=True,
    pass_envvar_declarations_to_cmd=True,
    auto_deploy_default_storage_provider=False,
    init_seconds_before_status_checks=1,
)


class Executor(RemoteExecutor):
    """Starts a node for each job, and looks now and then whether it has ended."""

    def __post_init__(self) -> None:
        self.logs = Path(self.workflow.executor_settings.logs).absolute()
        self.logs.mkdir(parents=True, exist_ok=True)

    def get_python_executable(self) -> str:
        """Return the interpreter of this process: nodes have the same software."""
        return sys.executable

    def run_job(self, job: JobExecutorInterface) -> None:
        """Start a node with the command of a job."""
        name = f"{job.name}-{uuid.uuid4().hex[:8]}"
        # The step before the job fetches the sources, with whatever python is found first.
        command = self.format_job_exec(job).replace("python -m", f"{shlex.quote(sys.executable)} -m", 1)
        script = NODE.format(workdir="/workdir", project=shlex.quote(str(Path.cwd())), command=command)
        with (self.logs / f"{name}.log").open("w") as log:
            process = subprocess.Popen(
                ["unshare", "--mount", "--uts", "--propagation", "private", "bash", "-ec", script],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        (self.logs / f"{name}.pid").write_text(str(process.pid))
        self.report_job_submission(SubmittedJobInfo(job, external_jobid=name, aux={"process": process}))

    async def check_active_jobs(self, active_jobs: list[SubmittedJobInfo]) -> AsyncGenerator[SubmittedJobInfo, None]:
        """Report jobs that have ended, and yield the others."""
        for job in active_jobs:
            async with self.status_rate_limiter:
                code = self._process(job).poll()
            if code is None:
                yield job
            elif code == 0:
                self.report_job_success(job)
            else:
                self.report_job_error(job, aux_logs=[str(self.logs / f"{job.external_jobid}.log")])

    def cancel_jobs(self, active_jobs: list[SubmittedJobInfo]) -> None:
        """End the nodes of these jobs."""
        for job in active_jobs:
            os.killpg(self._process(job).pid, signal.SIGKILL)

    def _process(self, job: SubmittedJobInfo) -> Any:
        return (job.aux or {})["process"]
