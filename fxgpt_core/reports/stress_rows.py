"""Stress as rows for people: the table of the command line and of the page of an asset."""

from collections.abc import Iterable, Sequence

from fxgpt_core.backtest.stress import StressResult

SURVIVED = {True: "yes", False: "NO", None: "not judged"}


def stress_rows(results: Iterable[StressResult]) -> list[dict[str, object]]:
    """A row for each stress, in percent of the equity before its window; None where nothing could be played."""
    return [_row(result) for result in results]


def stress_verdict(results: Sequence[StressResult]) -> str:
    """How many were survived of those that could be judged, in a sentence."""
    judged = [result for result in results if result.survived is not None]
    survived = sum(result.survived is True for result in judged)
    left = len(results) - len(judged)
    return f"survived {survived} of {len(judged)} stresses that could be judged" + (f"; {left} were not judged" if left else "")


def _row(result: StressResult) -> dict[str, object]:
    found = result.numbers
    return {
        "stress": result.label,
        "window": str(result.window or ""),
        "trades": found.trades if found else None,
        "return_pct": found.return_pct if found else None,
        "drawdown_pct": found.max_drawdown_pct if found else None,
        "kept_pct": found.kept_pct if found else None,
        "survived": SURVIVED[result.survived],
        "note": result.why,
    }
