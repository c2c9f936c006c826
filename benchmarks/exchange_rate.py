"""The public exchange-rate benchmark: eight daily series, 30 rows ahead, in the five published windows and in fifty.

    python -m benchmarks.exchange_rate FOLDER
    python -m benchmarks.exchange_rate FOLDER --methods seasonal_naive rw_ewma sssd --json

FOLDER holds exchange_rate.txt.gz. CRPS is the weighted quantile loss of GluonTS (0.1 to 0.9, pooled), CRPS_sum that of the sum
over the series (0.05 to 0.95). `against_rw`: CRPS less that of the random walk over fifty windows, with its 95 % interval by a
bootstrap of windows; rows behind the five windows hold spikes that are errors of the data, and count. Published (5 windows):
TFT, Chronos and MOIRAI 0.007, ETS 0.0078, TSDiff 0.011 to 0.013, TimeGrad 0.011, CSDI 0.008 to 0.033. Denoisers are trained here,
on one thread, in `cpu_seconds`.
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import exchange_rate_models as models
from benchmarks.exchange_rate_data import MORE_WINDOWS, PUBLISHED_WINDOWS, Scores, origins, paired_difference, read_rates, scored
from fxgpt_core.errors import FxgptError
from fxgpt_core.training.surroundings import TrainingProgress
from fxgpt_core.training.training_parameters import TrainingParameters

WALK = "rw_ewma"
METHODS = ("seasonal_naive", WALK, "bootstrap", "garch_t", "temporal_unet", "sssd")
DENOISERS = ("temporal_unet", "sssd")
PARAMETERS = TrainingParameters(n_steps=600, learning_rate=3e-4, width=16, ema_decay=0.998, warm_up_steps=100)
COLUMNS = ("crps", "crps_sum", "crps_50", "crps_sum_50", "against_rw", "shrink", "best_step", "cpu_seconds")


def main() -> int:
    """Print the table, or JSON with `--json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where exchange_rate.txt.gz is")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--steps", type=int, default=PARAMETERS.n_steps, help="training steps of a denoiser")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    try:
        results = measured(asked.folder, asked.methods, replace(PARAMETERS, n_steps=asked.steps), asked.seed)
    except FxgptError as error:
        print(f"exchange_rate: {error}", file=sys.stderr)
        return 1
    print(json.dumps(results, indent=2) if asked.json else table(results))
    return 0


def measured(folder: Path, methods: list[str], parameters: TrainingParameters, seed: int) -> dict[str, dict[str, Any]]:
    """The scores of each method; the random walk is always among them, for the others are compared with it."""
    rates = read_rates(folder)
    known, rows = models.Known(rates), origins(MORE_WINDOWS)
    results: dict[str, dict[str, Any]] = {}
    scores: dict[str, Scores] = {}
    for name in dict.fromkeys((WALK, *methods)):
        tell(f"{name} ...")
        facts: dict[str, Any] = {}
        if name in DENOISERS:
            trained = models.diffusion(known, replace(parameters, denoiser=name), seed, progress_of(name))
            facts = {"shrink": trained.shrink, "best_step": trained.best_step, "cpu_seconds": trained.cpu_seconds}
            method = trained.forecast
        else:
            method = simple(name, known, seed)
        scores[name] = scored([method(row) for row in rows], rates, rows)
        results[name] = summary(scores[name], scores[WALK], seed) | facts
    return {name: results[name] for name in METHODS if name in results}


def simple(name: str, known: models.Known, seed: int) -> models.Method:
    """A method that is not trained."""
    made: dict[str, Callable[[], models.Method]] = {
        "seasonal_naive": lambda: models.seasonal_naive(known),
        WALK: lambda: models.random_walk(known, seed),
        "bootstrap": lambda: models.bootstrap(known, seed),
        "garch_t": lambda: models.garch_t(known, seed),
    }
    return made[name]()


def summary(ours: Scores, walk: Scores, seed: int) -> dict[str, Any]:
    """The scores of one method as JSON values."""
    difference, low, high = paired_difference(ours, walk, MORE_WINDOWS, seed)
    return {
        "crps": ours.crps(PUBLISHED_WINDOWS),
        "crps_sum": ours.crps_sum(PUBLISHED_WINDOWS),
        "crps_50": ours.crps(MORE_WINDOWS),
        "crps_sum_50": ours.crps_sum(MORE_WINDOWS),
        "against_rw": {"difference": difference, "low": low, "high": high},
    }


def progress_of(name: str) -> Callable[[TrainingProgress], None]:
    """Tells every tenth report of a training."""

    def told(progress: TrainingProgress) -> None:
        if progress.step % (progress.n_steps // 6) == 0:
            tell(f"{name}: step {progress.step} of {progress.n_steps}, about {progress.seconds_left:.0f} s left")

    return told


def tell(line: str) -> None:
    """Progress goes to standard error, so that --json stays whole."""
    print(line, file=sys.stderr, flush=True)


def table(results: dict[str, dict[str, Any]]) -> str:
    """One line a method."""
    lines = [f"{'method':<16}" + "".join(f"{column:>31}" if column == "against_rw" else f"{column:>13}" for column in COLUMNS)]
    for name, found in results.items():
        cells = [cell(column, found.get(column)) for column in COLUMNS]
        lines.append(f"{name:<16}" + "".join(cells))
    return "\n".join(lines)


def cell(column: str, value: Any) -> str:
    """A number in its column."""
    if column == "against_rw":
        return f"{value['difference']:>+12.5f} [{value['low']:+.5f}, {value['high']:+.5f}]".rjust(31)
    if value is None:
        return " " * 13
    return f"{value:>13.5f}" if column.startswith("crps") else f"{value:>13.4g}"


if __name__ == "__main__":
    sys.exit(main())
