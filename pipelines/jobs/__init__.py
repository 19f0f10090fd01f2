"""Many runs: a job is one `scan run`, and an engine works through a list of them.

    engine = Local(at_once=2)
    engine.run([Job("rooms-mini", (f"seed={seed}",), folder / f"seed-{seed}") for seed in range(5)], done)

What uses an engine (`scan compare`, `scan sweep`, the experiments) does not know where its jobs run.
"""

from pipelines.jobs.job import Done as Done
from pipelines.jobs.job import Engine as Engine
from pipelines.jobs.job import Job as Job
from pipelines.jobs.local import Local as Local
