"""Jobs on this machine: processes of their own, so that one that is killed for memory ends no other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from pipelines import stopping
from pipelines.errors import InterruptedRun
from pipelines.jobs.job import Done, Job, failure
from pipelines.jobs.judges import Judges, share


class Local:
    """The engine that takes this machine alone.

    Args:
        at_once: Jobs at a time; None for as many as the cores hold.
        threads: Of each job; 0 for an equal share of the cores where several run at a time (one each where
            `at_once` is None), and else as many as the run takes by itself. OMP_NUM_THREADS comes before it.
        device: Of `--device`.
    """

    def __init__(self, at_once: int | None = 1, threads: int = 0, device: str = "auto") -> None:
        assert at_once is None or at_once > 0, at_once
        if at_once != 1:
            from pipelines.devices import usable_cores  # torch

            cores = usable_cores()
            at_once = at_once or max(1, cores // max(1, threads))
            threads = threads or max(1, cores // at_once)
        self.at_once = at_once
        self.threads = threads
        self.device = device

    def run(self, jobs: Sequence[Job], done: Done, finished: Sequence[Job] = ()) -> None:
        """As `Engine.run`."""
        judges = Judges([*jobs, *finished])
        processes = Processes(self.threads)

        def bring(job: Job) -> str:
            share(job.folder, judges.donors(job))
            job.log.parent.mkdir(parents=True, exist_ok=True)
            return failure(processes.call(job.arguments(self.device), job.log), job.log)

        pool = ThreadPoolExecutor(self.at_once)
        try:
            with stopping.like_interrupt():
                if self.at_once > 1:
                    list(pool.map(bring, judges.first(jobs)))
                asked = {pool.submit(bring, job): job for job in jobs}
                for ended in as_completed(asked):
                    done(asked[ended], ended.result())
        except BaseException as error:
            processes.stop()
            if isinstance(error, KeyboardInterrupt):
                raise InterruptedRun("interrupted; the same command goes on") from None
            raise
        finally:
            pool.shutdown(cancel_futures=True)


class Processes:
    """Starts `scan` commands, and stops what runs.

    Args:
        threads: Of each process; 0 leaves it to them.
    """

    def __init__(self, threads: int = 0) -> None:
        self.threads = threads
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def call(self, arguments: Sequence[str], log: Path) -> int:
        """The exit code of a `scan` command whose output is appended to a log."""
        with log.open("ab") as output:
            with self._lock:
                if self._stopped:
                    return stopping.INTERRUPTED
                process = subprocess.Popen(
                    [sys.executable, "-m", "pipelines", *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=self._environment(),
                    start_new_session=True,  # Ctrl-C reaches it once, by `stop`
                )
                self._running.add(process)
            code = process.wait()
        with self._lock:
            self._running.discard(process)
        return code

    def stop(self) -> None:
        """Tell all that run to write a checkpoint and end, wait for that, and start no more."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            process.wait()

    def _environment(self) -> dict[str, str]:
        threads = {"OMP_NUM_THREADS": str(self.threads)} if self.threads else {}
        return {**threads, **os.environ}
