"""Jobs as tasks of Ray (https://docs.ray.io), on this machine or on a cluster.

A task is the run itself, in the worker's process: where that is killed, its lock on the run folder ends with
it, and Ray starts the task again elsewhere. There the run goes on from its checkpoint, to the same bits. So
all machines need the project, and the files of the jobs under the same paths (a shared folder).

Needs the extra `ray`, which is imported where an engine is made.
"""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from pipelines import openmp, stopping
from pipelines.errors import InterruptedRun, RunError, UsageError, shortened
from pipelines.jobs.job import Done, Job, failure
from pipelines.jobs.judges import Judges, share

RETRIES = 3
"""How often a task is started again whose worker was killed."""
POLL_SECONDS = 1.0
STOP_SECONDS = 300.0
"""How long to wait for the checkpoints of runs that were told to stop."""
STORE_BYTES = 100 * 2**20
"""Of Ray's object store on this machine alone: results are single lines."""


class Ray:
    """The engine that hands jobs to Ray.

    Args:
        address: Of a cluster, as `ray.init` takes it ("auto", "ray://host:10001", "host:6379"); "" for a
            Ray of its own on this machine, or the cluster of RAY_ADDRESS.
        at_once: Jobs at a time; None for as many as the cores hold.
        threads: Cores of each job.
        device: Of `--device`; a job has one GPU where the cluster has any, unless this is "cpu".

    Raises:
        UsageError: When Ray is not installed.
    """

    def __init__(
        self, address: str = "", at_once: int | None = None, threads: int = 1, device: str = "auto"
    ) -> None:
        try:
            import ray
        except ImportError:
            raise UsageError("--engine ray: Ray is not installed: pip install '.[ray]'") from None
        self._ray: Any = ray
        self.address = address
        self.at_once = at_once
        self.threads = threads
        self.device = device

    def run(self, jobs: Sequence[Job], done: Done, finished: Sequence[Job] = ()) -> None:
        """As `Engine.run`.

        Raises:
            RunError: When no cluster answers at the address.
        """
        judges = Judges([*jobs, *finished])
        started = self._start()
        try:
            with stopping.like_interrupt():
                self._work(judges.first(jobs), judges, lambda job, why: None)
                self._work(jobs, judges, done)
        except KeyboardInterrupt:
            raise InterruptedRun("interrupted; the same command goes on") from None
        finally:
            if started:
                self._ray.shutdown()

    def _start(self) -> bool:
        """Connect, unless that was done before; returns whether it was done now."""
        ray = self._ray
        if ray.is_initialized():
            return False
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        settings: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if self.address:
            settings["address"] = self.address
        elif "RAY_ADDRESS" not in os.environ:
            cores = None if self.at_once is None else self.at_once * self.threads
            settings |= {"num_cpus": cores, "object_store_memory": STORE_BYTES, "include_dashboard": False}
        try:
            ray.init(**settings)
        except (ConnectionError, RuntimeError, ValueError) as error:
            where = f"--address {self.address}" if self.address else "Ray"
            raise RunError(
                f"{where}: cannot be used: {shortened(' '.join(str(error).split()), 200)}"
            ) from None
        return True

    def _work(self, jobs: Sequence[Job], judges: Judges, done: Done) -> None:
        ray = self._ray
        gpus = 1 if self.device != "cpu" and ray.cluster_resources().get("GPU", 0) else 0
        task = ray.remote(
            num_cpus=self.threads,
            num_gpus=gpus,
            max_calls=1,  # a process for each run, as everywhere
            max_retries=RETRIES,
        )(bring)
        todo = list(jobs)
        waiting: dict[Any, Job] = {}
        try:
            while todo or waiting:
                while todo and len(waiting) < (self.at_once or len(jobs)):
                    job = todo.pop(0)
                    donors = tuple(folder.absolute() for folder in judges.donors(job))
                    asked = task.remote(job.absolute(), donors, self.device, self.threads, Path.cwd())
                    waiting[asked] = job
                ended, _ = ray.wait(list(waiting), num_returns=1, timeout=POLL_SECONDS)
                for reference in ended:
                    done(waiting.pop(reference), self._outcome(reference))
        except BaseException:
            for reference in waiting:
                ray.cancel(reference)
            if waiting:
                ray.wait(list(waiting), num_returns=len(waiting), timeout=STOP_SECONDS)
            raise

    def _outcome(self, reference: Any) -> str:
        """Why a task failed, "" where it did not."""
        try:
            return str(self._ray.get(reference))
        except self._ray.exceptions.RayError as error:
            words = str(error).split("\n")[0]
            return f"lost by Ray ({type(error).__name__}: {shortened(words, 200)})"


def bring(job: Job, donors: Sequence[Path], device: str, threads: int, folder: Path) -> str:
    """Bring a job up to date in this process, a worker's; returns why it failed, "" where it did not.

    Args:
        job: With absolute paths.
        donors: Folders of runs with the same judge.
        device: Of `--device`.
        threads: Of torch.
        folder: What paths among the job's assignments are relative to.

    Raises:
        FileNotFoundError: When the machine of the worker has no such folder.
    """
    openmp.sleep_soon()
    import torch

    os.environ["OMP_NUM_THREADS"] = str(threads)
    torch.set_num_threads(threads)
    os.chdir(folder)
    share(job.folder, donors)
    job.log.parent.mkdir(parents=True, exist_ok=True)
    before = sys.argv
    with job.log.open("a", buffering=1, encoding="utf-8") as log, redirect_stdout(log), redirect_stderr(log):
        sys.argv = ["scan", *job.arguments(device)]
        try:
            runpy.run_module("pipelines", run_name="__main__")  # as a process of `Local` begins
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        finally:
            sys.argv = before
    return failure(code, job.log)
