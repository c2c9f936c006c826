"""fxgpt backtest --folds: one parameter set on fold after fold, and its measures over all of them."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fxgpt_core.cli.answer import say, tell_table
from fxgpt_core.errors import BadInputError, RefusedError

if TYPE_CHECKING:
    from fxgpt_core.backtest.walk_forward import FoldRun, OverFolds
    from fxgpt_core.cli.stored import StoredProblem
    from fxgpt_core.strategy.parameters import StrategyParameters
    from fxgpt_core.validation.folds import FoldParameters

FoldsOption = Annotated[
    str | None,
    typer.Option(
        "--folds",
        metavar="TRAIN/TEST/STEP",
        help="Walk forward too, in whole days such as 30/7/7: each test window from a fresh account (5 if one has no trade).",
    ),
]
LENGTHS = 3
HIDDEN = ("train", "error")


def fold_lengths(text: str | None) -> "FoldParameters | None":
    """The lengths of an option such as 30/7/7: days of train and test window, and of the step; None without one.

    Nothing is fitted on the train days, so nothing is purged either. Raises `BadInputError` for anything but three whole numbers.
    """
    if text is None:
        return None
    days = text.split("/")
    if len(days) != LENGTHS or not all(part.isascii() and part.isdecimal() for part in days):
        raise BadInputError(
            f"--folds {text} found; the days of train window, test window and step are needed as three whole numbers; "
            "write them as 30/7/7"
        )
    from fxgpt_core.validation.folds import FoldParameters

    train, test, step = map(int, days)
    return FoldParameters(train_days=train, test_days=test, step_days=step, purge_candles=0)


@dataclass(frozen=True, eq=False)
class Walk:
    """One parameter set on every fold; `over` is None where a fold has no result, and `refusal` says which."""

    lengths: "FoldParameters"
    runs: "tuple[FoldRun, ...]"
    over: "dict[str, OverFolds] | None"
    refusal: str

    def to_json(self) -> dict[str, Any]:
        """Lengths in days, a row for each fold, and the measures over all of them."""
        return {
            **{name: getattr(self.lengths, name) for name in ("train_days", "test_days", "step_days")},
            "rows": [_row(run) for run in self.runs],
            "over_folds": self.over and {name: asdict(spread) for name, spread in self.over.items()},
            "refusal": self.refusal,
        }

    def tell(self) -> None:
        """Print the folds and what they amount to."""
        train, test, step = self.lengths.train_days, self.lengths.test_days, self.lengths.step_days
        say(f"{len(self.runs)} folds, one every {step} days: {test} days from a fresh account, after {train} that are not played")
        tell_table([_told(run) for run in self.runs], "no fold")
        if self.over is None:
            say(self.refusal)
            return
        tell_table([{"over folds": name} | asdict(spread) for name, spread in self.over.items()], "no measure")


def walked(stored: "StoredProblem", parameters: "StrategyParameters", lengths: "FoldParameters") -> Walk:
    """A parameter set on the folds of the unseen candles: the test windows are those of a search with the same lengths.

    Raises `BadInputError` when not one fold fits.
    """
    from fxgpt_core.backtest.engine import execution_parameters
    from fxgpt_core.backtest.sets import Replay
    from fxgpt_core.backtest.walk_forward import over_folds, walk_forward
    from fxgpt_core.validation import folds

    problem = stored.problem
    fitting = folds.walk_forward(problem.bands.known_at_us, lengths)
    rows = stored.unseen.slice(problem.candles.known_at_us)
    replay = Replay(problem.candles.select(rows), problem.costs_at(rows), problem.account, problem.finer)
    execution = execution_parameters(parameters, problem.candles.timeframe)
    runs = walk_forward(replay, problem.decisions(parameters, stored.unseen), execution, fitting)
    try:
        return Walk(lengths, runs, over_folds(runs), "")
    except RefusedError as refused:
        # The folds that have a result are told all the same.
        return Walk(lengths, runs, None, str(refused))


def _row(run: "FoldRun") -> dict[str, object]:
    found = run.metrics
    return {
        "fold": run.fold.index,
        "train": str(run.fold.train),
        "test": str(run.fold.test),
        "candles": len(run.candles),
        "trades": len(run.result.trades),
        "sharpe_ratio": found.sharpe_ratio if found else None,
        "total_return_pct": found.total_return_pct if found else None,
        "max_drawdown_pct": found.max_drawdown_pct if found else None,
        "error": run.error,
    }


def _told(run: "FoldRun") -> dict[str, object]:
    """The row without what its neighbours say already."""
    row = {name: value for name, value in _row(run).items() if name not in HIDDEN}
    return row | {"error": run.cause}
