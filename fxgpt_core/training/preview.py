"""`python -m fxgpt_core.training.preview ORDER`: minutes and memory of a training before it begins, from real steps of its plan.

ORDER is a JSON object: preset, timeframe, candles, force, folder. The answer is a JSON object on stdout. It runs in a process of
its own, so that the memory it tells is that of a training.
"""

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import torch

from fxgpt_core.diffusion.model import untrained
from fxgpt_core.errors import BadInputError, FxgptError
from fxgpt_core.forecasts.horizons import longest_step, token_candles
from fxgpt_core.forecasts.relative_volatility import COLUMNS
from fxgpt_core.market.timeframes import Timeframe, timeframe
from fxgpt_core.training.acceleration import accelerated
from fxgpt_core.training.hardware import HardwareProfile, detected
from fxgpt_core.training.loop import REPORTS, validation_losses
from fxgpt_core.training.memory import fitting
from fxgpt_core.training.plan import ROWS, Decision, TrainPlan, planned
from fxgpt_core.training.state import fresh
from fxgpt_core.training.stepping import Stepper
from fxgpt_core.training.surroundings import Surroundings
from fxgpt_core.training.training_parameters import TrainingParameters, preset
from fxgpt_core.training.windows import Windows

WARM_UP_STEPS: Final = 2
TIMED_STEPS: Final = 5
NOT_TRIED: Final = ("device", "compile", "world", "threads")
"""What would take minutes, or other processes, or another machine to try."""
STATUS: Final = Path("/proc/self/status")


def preview(
    parameters: TrainingParameters, length: Timeframe, n_candles: int, forced: Mapping[str, str], profile: HardwareProfile
) -> dict[str, Any]:
    """The plan's rows with what was measured, and minutes and memory of the whole training of so many candles.

    Windows are made up: how long a step takes does not depend on the prices. Raises `BadInputError` for what cannot be forced and
    for too few candles, `NotReadyError` when memory is too small.
    """
    data = made_up(parameters, length, n_candles)
    plan, decisions = planned(profile, parameters, forced)
    sizes = parameters.network(data.inputs.shape[1], data.targets.shape[1])
    plan = fitting(Surroundings(plan), untrained(sizes, 0), data, parameters).plan
    step_s, report_s = timed(plan, data, parameters)
    peak = torch.cuda.max_memory_allocated() if plan.device == "cuda" else _peak_bytes()
    whole_s = parameters.members * (parameters.n_steps * step_s + min(REPORTS, parameters.n_steps) * report_s)
    return {
        "hardware": profile.facts(),
        "windows": len(data),
        "weights": sum(weight.numel() for weight in untrained(sizes, 0).parameters()),
        "plan": [_with_measure(row, data, parameters, forced, profile).told() for row in decisions],
        "micro_batch": plan.micro_batch,
        "windows_per_s": parameters.batch / step_s,
        "minutes": whole_s / 60.0,
        "data_bytes": data.n_bytes,
        "peak_bytes": peak,
    }


def made_up(parameters: TrainingParameters, length: Timeframe, n_candles: int) -> Windows:
    """Windows of noise in the shapes that so many candles give. Raises `BadInputError` for fewer than one batch."""
    generator, context, reach = torch.Generator().manual_seed(0), parameters.context, longest_step(length)
    n, n_tokens = n_candles - context - reach, len(token_candles(length))
    if n < parameters.batch:
        raise BadInputError(f"{n_candles} candles give {max(0, n)} windows, less than a batch of {parameters.batch}; give more")
    inputs = torch.randn(n_candles, parameters.n_features + len(COLUMNS), generator=generator)
    targets = torch.randn(n, n_tokens, generator=generator)
    return Windows(inputs, targets, torch.ones(n, n_tokens), torch.arange(context, n + context), context, reach)


def timed(plan: TrainPlan, data: Windows, parameters: TrainingParameters) -> tuple[float, float]:
    """Seconds of one step, the median of `TIMED_STEPS` behind a warm-up, and of one report."""
    sizes = parameters.network(data.inputs.shape[1], data.targets.shape[1])
    state = fresh(untrained(sizes, 0), parameters, plan)
    own = data.to(plan.device) if plan.loader == "resident" else data
    surroundings = Surroundings(replace(plan, world=1))
    with accelerated(plan, state.network) as called:
        stepper = Stepper(called, state, own, parameters, 0, surroundings, plan.micro_batch or parameters.batch)
        state.network.train()
        spent = [_seconds(plan, lambda: stepper.step(False)) for _ in range(WARM_UP_STEPS + TIMED_STEPS)][WARM_UP_STEPS:]
        report_s = _seconds(plan, lambda: validation_losses(state.averaged, own, parameters, 0))
    return sorted(spent)[len(spent) // 2], report_s


def _seconds(plan: TrainPlan, work: Any) -> float:
    began = time.perf_counter()
    work()
    if plan.device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def _with_measure(
    row: Decision, data: Windows, parameters: TrainingParameters, forced: Mapping[str, str], profile: HardwareProfile
) -> Decision:
    """The row with windows a second of what is used and of each alternative that this machine has."""
    if row.name in NOT_TRIED or not ROWS[row.name].values:
        return replace(row, measured="not tried")
    told = []
    for value in ROWS[row.name].values:
        try:
            plan, _ = planned(profile, parameters, {**forced, row.name: value})
        except BadInputError:
            continue
        told.append(f"{value} {parameters.batch / timed(plan, data, parameters)[0]:.0f}")
    return replace(row, measured=", ".join(told) + " windows/s")


def _peak_bytes() -> int:
    """The most memory that this process had so far; 0 where the system does not say."""
    if not STATUS.exists():
        return 0
    lines = (line.split() for line in STATUS.read_text().splitlines())
    return next((int(words[1]) * 1024 for words in lines if words[0] == "VmHWM:"), 0)


def main(order: Mapping[str, Any]) -> int:
    """Answer an order; errors that are told on purpose are part of the answer."""
    try:
        parameters, length = preset(order["preset"]), timeframe(order["timeframe"])
        profile = detected(Path(order["folder"]))
        answer = preview(parameters, length, order["candles"], order["force"], profile)
    except FxgptError as error:
        answer = {"error": str(error), "exit_code": error.exit_code}
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
