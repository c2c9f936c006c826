"""How long optimal weights take beside Riskfolio-Lib, on the same windows of returns; refuses unless the weights are equal.

    python -m benchmarks.allocation_speed DATA_DIR
    python -m benchmarks.allocation_speed DATA_DIR --windows 40 --json

DATA_DIR is that of `benchmarks.allocation`. Windows of 120 days are spread over the history; the first of each kind is not timed.
Windows in which no mix earns more than cash are left out for Sharpe, where Riskfolio-Lib has no answer.
"""

import argparse
import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from benchmarks.allocation import read
from fxgpt_core.errors import MissingError
from fxgpt_core.portfolio.convex import MEASURES
from fxgpt_core.portfolio.optimal_weights import NO_EXCESS, OBJECTIVES, AllocationParameters, solution
from fxgpt_core.portfolio.riskfolio_reference import reference_weights

FloatArray = npt.NDArray[np.float64]

MOST_DIFFERENCE: Final = 0.01


def measure(returns: FloatArray, windows: int) -> list[dict[str, Any]]:
    """A row for each measure and objective: median milliseconds of both, and the largest difference of a weight.

    Raises `AssertionError` where a weight differs by more than a hundredth of the capital.
    """
    rows = []
    for risk_measure, objective in itertools.product(MEASURES, OBJECTIVES):
        parameters = AllocationParameters(risk_measure, objective, max_weight=0.5)
        ours, theirs, differences = [], [], []
        for first in np.linspace(1, len(returns) - parameters.window, windows).astype(int).tolist():
            window = returns[first : first + parameters.window]
            milliseconds, found = timed(solution, window, parameters)
            if found.reason == NO_EXCESS:
                continue
            slower, reference = timed(reference_weights, window, parameters)
            ours.append(milliseconds)
            theirs.append(slower)
            differences.append(float(np.abs(found.weights - reference).max()))
        if max(differences) > MOST_DIFFERENCE:
            raise AssertionError(f"{risk_measure} {objective}: a weight differs by {max(differences)}")
        medians = {"ours_ms": statistics.median(ours[1:]), "riskfolio_ms": statistics.median(theirs[1:])}
        ratio = medians["riskfolio_ms"] / medians["ours_ms"]
        rows.append(
            {"way": f"{risk_measure} {objective}", "windows": len(ours), "largest_difference": max(differences)} | medians
        )
        rows[-1]["times_as_fast"] = ratio
    return rows


def timed(call: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    began = time.perf_counter()
    found = call(*arguments)
    return 1e3 * (time.perf_counter() - began), found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--windows", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    try:
        rows = measure(read(asked.folder).returns, asked.windows)
    except MissingError as error:
        sys.exit(str(error))
    if asked.json:
        print(json.dumps(rows))
        return
    print(f"{'way':15}{'windows':>8}{'ours ms':>9}{'Riskfolio ms':>14}{'times':>7}{'largest difference':>20}")
    for row in rows:
        print(f"{row['way']:15}{row['windows']:8}{row['ours_ms']:9.2f}{row['riskfolio_ms']:14.1f}{row['times_as_fast']:7.0f}"
              f"{row['largest_difference']:20.5f}")  # fmt: skip


if __name__ == "__main__":
    main()
