"""Run jobs one after the other in this process, or as tasks of a Ray cluster (extra ``ray``)."""

import importlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from tqdm import tqdm

from srn_core.errors import NOT_NEGATIVE, UserError, check_numbers

Job = TypeVar("Job")
Result = TypeVar("Result")
# How often a job is run again whose process or machine was lost. Ray does that; a job continues from what it has written.
RETRIES = 3


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    """Where a benchmark runs its jobs."""

    ray: str | None = None
    """Run the trainings on a Ray cluster (extra ray), each on one core. local: start a cluster on this machine; auto: use one
    that runs here; or ray://HOST:10001. All its machines must see --out and the clips under the same paths."""
    ray_gpus: float = 0
    """GPUs per training on the cluster. A fraction such as 0.5 lets trainings share a GPU."""

    def __post_init__(self) -> None:
        check_numbers(self, {"ray_gpus": NOT_NEGATIVE})


def run_jobs(run: Callable[[Job], Result], jobs: Sequence[Job], address: str | None = None, gpus: float = 0) -> list[Result]:
    """The results of ``run`` for every job, in their order.

    Args:
        run: a function of a module. It must write to places that all machines see.
        jobs: plain data.
        address: None for this process; else an argument of ``ray.init``: ``local`` starts a cluster on this machine, ``auto``
            uses one that runs here, ``ray://HOST:10001`` names another machine's.
        gpus: GPUs per task, may be a fraction. Every task has one core.

    Raises:
        UserError: Ray is not installed, there is no such cluster, a job raised a UserError, or its process was lost each time.
    """
    if address is None:
        return [run(job) for job in tqdm(jobs, desc="jobs")]
    ray = require_ray()
    owned = not ray.is_initialized()
    if owned:
        _connect(ray, address)
    try:
        # One process per task, so that no job is faster because of what an earlier one left in memory.
        task = ray.remote(num_cpus=1, num_gpus=gpus, max_calls=1, max_retries=RETRIES)(_run_in)
        places = {task.remote(run, Path.cwd(), job): place for place, job in enumerate(jobs)}
        results, waiting = {}, list(places)
        with tqdm(total=len(jobs), desc="jobs") as progress:
            while waiting:
                (done,), waiting = ray.wait(waiting)
                results[places[done]] = ray.get(done)
                progress.update()
        return [results[place] for place in range(len(jobs))]
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, UserError):
            raise error.cause from None
        raise
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError, ray.exceptions.OutOfMemoryError) as error:
        lost = f"--ray {address}: a job's process was lost {RETRIES + 1} times"
        raise UserError(f"{lost} ({error}); give the machines more memory, then run the same command again") from None
    finally:
        if owned:
            ray.shutdown()


def require_ray() -> ModuleType:
    """Import Ray, or say in one line how to install it."""
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise UserError(f"ray: cannot be imported ({error}); --ray needs the extra 'ray': pip install '.[ray]'") from None


def _connect(ray: ModuleType, address: str) -> None:
    try:
        ray.init(address, log_to_driver=False)
    # Ray raises a bare Exception if its processes do not start in time, as on a machine with much other work.
    except Exception as error:
        raise UserError(
            f"--ray {address}: no cluster answers ({error}); expected local, auto where one runs, or ray://HOST:PORT"
        ) from None


def _run_in(run: Callable[[Job], Result], folder: Path, job: Job) -> Result:
    """Run a job in the command's folder, so that its relative paths hold."""
    os.chdir(folder)
    return run(job)
