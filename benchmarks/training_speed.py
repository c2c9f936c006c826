"""How many windows a second the training loop takes, and how many the loop takes that one would write first.

    python -m benchmarks.training_speed
    python -m benchmarks.training_speed --preset base --force precision=fp32 --json

The naive loop: a data set of single windows, DataLoader (num_workers=0) with batches of 16, eager, fp32, AdamW weight by weight,
the loss read (`.item()`) and the moving average updated weight by weight in every step. Ours: the plan of this machine with the
preset's batch, with batches of 16 and of 1,024. Both train the same network on the same made-up windows, in turn, `--repeats`
times; the median counts. On a GPU (or with --loss) also: seconds until both reach the same validation loss, the share of time in
which a kernel runs, and the share of the device's arithmetic that is used (MFU).
"""

import argparse
import copy
import json
import statistics
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from fxgpt_core.diffusion.loss import velocity_loss
from fxgpt_core.diffusion.model import DenoisingNetwork, untrained
from fxgpt_core.errors import FxgptError
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.training.acceleration import accelerated
from fxgpt_core.training.hardware import detected
from fxgpt_core.training.loop import validation_losses
from fxgpt_core.training.plan import TrainPlan, planned
from fxgpt_core.training.preview import made_up
from fxgpt_core.training.state import TrainingState, fresh
from fxgpt_core.training.stepping import Stepper
from fxgpt_core.training.surroundings import Surroundings
from fxgpt_core.training.training_parameters import TrainingParameters, preset
from fxgpt_core.training.windows import Windows

NAIVE_BATCH = 16
LARGE_BATCH = 1_024
WARM_UP_STEPS = 3
SEED = 7
LOSS_SHARE = 0.98
MOST_STEPS = 4_000
JUDGED_EVERY = 25
Steps = Generator[DenoisingNetwork, None, None]
PEAK_TFLOPS = {"NVIDIA H200": 989.0, "NVIDIA H100": 989.0, "NVIDIA A100": 312.0}
"""Dense bf16, from the maker's data sheets; by the beginning of the device's name."""


class SingleWindows(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """A data set as one writes it first: one window an item."""

    def __init__(self, data: Windows) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, item: int) -> tuple[torch.Tensor, torch.Tensor]:
        origin = int(self.data.origins[item])
        return self.data.inputs[origin - self.data.context + 1 : origin + 1], self.data.targets[item]


def learnable(parameters: TrainingParameters, n_candles: int) -> Windows:
    """Windows of noise whose paths follow the sign of their latest input, so that a loss can fall."""
    data = made_up(parameters, Timeframe.H1, n_candles)
    return replace(data, targets=0.8 * data.targets + 0.6 * data.inputs[data.origins, :1].sign())


def naive_steps(network: DenoisingNetwork, data: Windows, parameters: TrainingParameters, device: str) -> Steps:
    """The loop that one would write first, step by step: the averaged network behind each."""
    torch.set_num_threads(parameters.threads)
    network.to(device).train()
    averaged = copy.deepcopy(network).requires_grad_(False).eval()
    optimizer = torch.optim.AdamW(network.parameters(), lr=parameters.learning_rate, foreach=False, fused=False)
    loader = DataLoader(SingleWindows(data), batch_size=NAIVE_BATCH, shuffle=True, num_workers=0, drop_last=True)
    total = 0.0
    while True:
        for contexts, clean in loader:
            optimizer.zero_grad()
            generator = torch.Generator(device)
            loss = velocity_loss(network, clean.to(device), contexts.to(device), parameters.schedule, generator)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), parameters.gradient_clip, foreach=False)
            optimizer.step()
            total += loss.item()
            with torch.no_grad():
                for slow, quick in zip(averaged.parameters(), network.parameters(), strict=True):
                    slow.mul_(parameters.ema_decay).add_(quick, alpha=1.0 - parameters.ema_decay)
            yield averaged


def our_steps(state: TrainingState[DenoisingNetwork], data: Windows, parameters: TrainingParameters, plan: TrainPlan) -> Steps:
    """The training loop's steps: the averaged network behind each."""
    own = data.to(plan.device) if plan.loader == "resident" else data
    with accelerated(plan, state.network) as called:
        stepper = Stepper(called, state, own, parameters, SEED, Surroundings(plan), plan.micro_batch or parameters.batch)
        state.network.train()
        while True:
            stepper.step(False)
            yield state.averaged


def windows_per_s(steps: Steps, batch: int, n_windows: int, device: str) -> float:
    """Windows a second behind a warm-up."""
    for _ in range(WARM_UP_STEPS):
        next(steps)
    n_steps = max(2, n_windows // batch)
    _wait(device)
    began = time.perf_counter()
    for _ in range(n_steps):
        next(steps)
    _wait(device)
    spent = time.perf_counter() - began
    steps.close()
    return n_steps * batch / spent


def seconds_to(loss: float, steps: Steps, judged: Callable[[DenoisingNetwork], float]) -> float | None:
    """Seconds of training until the averaged network's validation loss is at most `loss`; None where it never is."""
    spent, began = 0.0, time.perf_counter()
    for number, averaged in enumerate(steps, start=1):
        if number % JUDGED_EVERY == 0:
            spent += time.perf_counter() - began
            if judged(averaged) <= loss:
                return spent
            began = time.perf_counter()
        if number == MOST_STEPS:
            return None
    return None


def measure(parameters: TrainingParameters, plan: TrainPlan, n_candles: int, n_windows: int, repeats: int) -> dict[str, Any]:
    """Windows a second of the naive loop and of ours, with the preset's batch, with the naive one's, and with a large one."""
    data = learnable(parameters, n_candles)
    sizes = parameters.network(data.inputs.shape[1], data.targets.shape[1])

    def ours(batch: int) -> Steps:
        own, own_plan = replace(parameters, batch=batch), replace(plan, micro_batch=batch)
        return our_steps(fresh(untrained(sizes, SEED), own, own_plan), data, own, own_plan)

    loops: dict[str, tuple[Callable[[], Steps], int]] = {
        "naive": (lambda: naive_steps(untrained(sizes, SEED), data, parameters, plan.device), NAIVE_BATCH),
        "ours": (lambda: ours(parameters.batch), parameters.batch),
        "ours_equal_batch": (lambda: ours(NAIVE_BATCH), NAIVE_BATCH),
        "ours_large_batch": (lambda: ours(LARGE_BATCH), LARGE_BATCH),
    }
    found: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(repeats):
        # In turn, so that whatever else the machine does falls on all of them.
        for name, (steps, batch) in loops.items():
            found[name].append(windows_per_s(steps(), batch, n_windows, plan.device))
    medians = {name: statistics.median(values) for name, values in found.items()}
    return {
        "device": plan.device,
        "threads": parameters.threads,
        "batch": parameters.batch,
        "naive_batch": NAIVE_BATCH,
        "large_batch": LARGE_BATCH,
        **{f"{name}_windows_per_s": value for name, value in medians.items()},
        "ratio": medians["ours"] / medians["naive"],
        "ratio_equal_batch": medians["ours_equal_batch"] / medians["naive"],
        "ratio_large_batch": medians["ours_large_batch"] / medians["naive"],
    }


def to_equal_loss(parameters: TrainingParameters, plan: TrainPlan, n_candles: int) -> dict[str, Any]:
    """Seconds of both loops until the validation loss is `LOSS_SHARE` of the untrained network's."""
    training, validation = learnable(parameters, n_candles).divided(parameters.validation_share)
    sizes = parameters.network(training.inputs.shape[1], training.targets.shape[1])

    def judged(network: DenoisingNetwork) -> float:
        return float(validation_losses(network, validation.to(plan.device), parameters, SEED).mean())

    wanted = LOSS_SHARE * judged(untrained(sizes, SEED).to(plan.device).eval())
    constant = replace(parameters, warm_up_steps=1, n_steps=MOST_STEPS)
    ours = our_steps(fresh(untrained(sizes, SEED), constant, plan), training, constant, plan)
    naive_s = seconds_to(wanted, naive_steps(untrained(sizes, SEED), training, parameters, plan.device), judged)
    ours_s = seconds_to(wanted, ours, judged)
    ratio = naive_s / ours_s if naive_s and ours_s else None
    return {"validation_loss": wanted, "naive_s_to_loss": naive_s, "ours_s_to_loss": ours_s, "ratio_to_loss": ratio}


def device_use(parameters: TrainingParameters, plan: TrainPlan, n_candles: int, rate: float) -> dict[str, Any]:
    """Arithmetic of a window, what of it is done a second, its share of the device's peak, and of time in which a kernel runs."""
    data = learnable(parameters, n_candles)
    sizes = parameters.network(data.inputs.shape[1], data.targets.shape[1])
    eager = replace(plan, compile="off")
    steps = our_steps(fresh(untrained(sizes, SEED), parameters, eager), data, parameters, eager)
    next(steps)
    with FlopCounterMode(display=False) as counter:
        next(steps)
    per_window = counter.get_total_flops() / parameters.batch
    found: dict[str, Any] = {"flop_per_window": per_window, "gflops": per_window * rate / 1e9}
    if plan.device != "cuda":
        return found
    peak = next((peak for name, peak in PEAK_TFLOPS.items() if torch.cuda.get_device_name().startswith(name)), None)
    found["mfu"] = found["gflops"] / 1e3 / peak if peak else None
    steps = our_steps(fresh(untrained(sizes, SEED), parameters, plan), data, parameters, plan)
    windows_per_s(steps, parameters.batch, 10 * parameters.batch, plan.device)
    _wait(plan.device)
    began = time.perf_counter()
    with profile(activities=[ProfilerActivity.CUDA]) as kernels:
        for _ in range(50):
            next(steps)
        _wait(plan.device)
        spent = time.perf_counter() - began
    found["kernel_time_share"] = sum(event.device_time_total for event in kernels.events()) / 1e6 / spent
    return found


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="demo")
    parser.add_argument("--denoiser", default="temporal_unet")
    parser.add_argument("--candles", type=int, default=5_000)
    parser.add_argument("--windows", type=int, default=4_096, help="windows that each loop is timed on")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1, help="of both loops")
    parser.add_argument("--force", nargs="*", default=[], help="rows of the plan, such as precision=fp32")
    parser.add_argument("--loss", action="store_true", help="also seconds to an equal validation loss; always on a GPU")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    try:
        parameters = replace(preset(asked.preset), denoiser=asked.denoiser, threads=asked.threads)
        forced = {name: value for name, _, value in (each.partition("=") for each in asked.force)}
        plan, _ = planned(detected(Path.cwd()), parameters, forced)
        found = measure(parameters, plan, asked.candles, asked.windows, asked.repeats)
        found |= device_use(parameters, plan, asked.candles, found["ours_windows_per_s"])
        if asked.loss or plan.device == "cuda":
            found |= to_equal_loss(parameters, plan, asked.candles)
    except FxgptError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if asked.json:
        print(json.dumps({"preset": asked.preset, "denoiser": asked.denoiser, **found}))
        return 0
    for name, value in found.items():
        print(f"{name:<26} {value:,.4g}" if isinstance(value, float) else f"{name:<26} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
