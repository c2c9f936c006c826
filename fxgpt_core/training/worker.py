"""`python -m fxgpt_core.training.worker FOLDER WHOLE`: one of the processes that torchrun starts for `distributed`."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from fxgpt_core.diffusion.model import untrained
from fxgpt_core.errors import FxgptError
from fxgpt_core.training.distributed import Job
from fxgpt_core.training.loop import fit_in
from fxgpt_core.training.snapshots import Snapshots
from fxgpt_core.training.surroundings import Surroundings


def main(folder: Path, whole: Path) -> None:
    """Train the job of a folder as the rank that torchrun gave this process; what is told goes to stdout, a line each."""
    job = Job.read(folder)
    dist.init_process_group("nccl" if job.plan.device == "cuda" else "gloo")
    rank = dist.get_rank()
    if job.plan.device == "cuda":
        torch.cuda.set_device(rank)
    surroundings = Surroundings(
        job.plan,
        progress=lambda progress: _say({"progress": asdict(progress)}),
        tell=lambda line: _say({"tell": line}) if rank == 0 else None,
        snapshots=Snapshots(folder, whole),
        rank=rank,
    )
    try:
        fit_in(untrained(job.sizes, job.seed), job.data, job.parameters, seed=job.seed, surroundings=surroundings)
    except FxgptError as error:
        # Ended on purpose: to begin again would end in the same way, so torchrun is not told of a failure.
        if rank == 0:
            _say({"error": str(error), "kind": type(error).__name__})
    dist.destroy_process_group()


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"fxgpt": message}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
