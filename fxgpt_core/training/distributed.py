"""Training by several processes of one machine: torchrun starts them, all begin again from the snapshot when one is killed."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from safetensors.torch import load_file, save

from fxgpt_core import atomic_file, content_hash
from fxgpt_core.diffusion.model import untrained
from fxgpt_core.errors import BadInputError, FxgptError, NotReadyError
from fxgpt_core.networks.network_parameters import NetworkParameters
from fxgpt_core.training.loop import Fitted, fit_in
from fxgpt_core.training.plan import TrainPlan
from fxgpt_core.training.snapshots import Snapshots
from fxgpt_core.training.surroundings import Surroundings, TrainingProgress
from fxgpt_core.training.training_parameters import TrainingParameters
from fxgpt_core.training.windows import TENSORS, Windows

JOB: Final = "job.safetensors"
ORDER: Final = "job.json"
RESTARTS: Final = 3
PARTS: Final = ("training", "validation")
_TAIL: Final = 15


@dataclass(frozen=True, eq=False)
class Job:
    """What processes train together: a network of these sizes, by this plan, on training and validation windows."""

    sizes: NetworkParameters
    data: tuple[Windows, Windows]
    parameters: TrainingParameters
    plan: TrainPlan
    seed: int

    def write(self, folder: Path) -> None:
        """Put the job into a folder, for `read`."""
        named = zip(PARTS, self.data, strict=True)
        tensors = {f"{part}.{name}": getattr(data, name).clone() for part, data in named for name in TENSORS}
        order = {"sizes": asdict(self.sizes), "parameters": asdict(self.parameters), "plan": asdict(self.plan), "seed": self.seed}
        order |= {"reach": self.data[0].reach, "context": self.data[0].context}
        atomic_file.write_atomically(folder / JOB, save(tensors))
        atomic_file.write_atomically(folder / ORDER, content_hash.canonical_json(order).encode())

    @classmethod
    def read(cls, folder: Path) -> "Job":
        """The job that was put into a folder."""
        tensors, order = load_file(folder / JOB), json.loads((folder / ORDER).read_text())
        training, validation = (
            Windows(context=order["context"], reach=order["reach"], **{name: tensors[f"{part}.{name}"] for name in TENSORS})
            for part in PARTS
        )
        sizes, parameters = NetworkParameters(**order["sizes"]), TrainingParameters(**order["parameters"])
        return cls(sizes, (training, validation), parameters, TrainPlan(**order["plan"]), order["seed"])


def fit_together(
    sizes: NetworkParameters,
    data: tuple[Windows, Windows],
    parameters: TrainingParameters,
    *,
    seed: int,
    surroundings: Surroundings,
) -> Fitted:
    """`fit_in` of an untrained network by `plan.world` processes; by fewer, and in the end by this one alone, when they fail.

    Raises what `fit_in` raises, and `BadInputError` for several processes without snapshots.
    """
    plan, snapshots = surroundings.plan, surroundings.snapshots
    world = plan.world
    if world > 1 and snapshots is None:
        raise BadInputError(f"{world} processes train together by their snapshots, and there is no folder for them; give one")
    while world > 1 and snapshots is not None:
        Job(sizes, data, parameters, replace(plan, world=world), seed).write(snapshots.folder)
        if _ended_well(snapshots, world, surroundings):
            break
        surroundings.tell(f"{world} processes failed; {world // 2} go on from the snapshot")
        world //= 2
    # What the processes have finished is only read from their snapshot here.
    alone = replace(surroundings, plan=replace(plan, world=1))
    return fit_in(untrained(sizes, seed), data, parameters, seed=seed, surroundings=alone)


def _ended_well(snapshots: Snapshots, world: int, surroundings: Surroundings) -> bool:
    """Run the processes and hand on what they tell. Raises what they raised on purpose."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={world}"]
    command += [f"--max-restarts={RESTARTS}", "-m", "fxgpt_core.training.worker"]
    command += [str(snapshots.folder), str(snapshots.stop_file.parent)]
    said: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:  # noqa: S603
        try:
            for line in process.stdout or ():
                message = _message(line)
                if message is None:
                    said = [*said, line.rstrip()][-_TAIL:]
                else:
                    _hand_on(message, surroundings)
        finally:
            process.terminate()
    if process.returncode != 0:
        surroundings.tell("\n".join(said))
    return process.returncode == 0


def _message(line: str) -> dict[str, Any] | None:
    """What a worker told, or None for any other line of its output."""
    if not line.startswith('{"fxgpt":'):
        return None
    message: dict[str, Any] = json.loads(line)["fxgpt"]
    return message


def _hand_on(message: Mapping[str, Any], surroundings: Surroundings) -> None:
    if "progress" in message:
        surroundings.progress(TrainingProgress(**message["progress"]))
    elif "tell" in message:
        surroundings.tell(message["tell"])
    else:
        kinds = {kind.__name__: kind for kind in (BadInputError, NotReadyError)}
        raise kinds.get(message["kind"], FxgptError)(message["error"])
