"""fxgpt backtest: a parameter set over the stored forecasts, by the kernel or by backtesting.py."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, SymbolOption, TimeframeOption, answer, say, tell_pairs, tell_table
from fxgpt_core.cli.closed_vault import OpenVaultOption
from fxgpt_core.cli.folds import FoldsOption, fold_lengths, walked
from fxgpt_core.cli.modes import MEANING, AccountOption, ChargesOption, ModeOption, chosen_charges
from fxgpt_core.cli.written_file import require_place
from fxgpt_core.errors import BadInputError, RefusedError
from fxgpt_core.market.modes import Mode
from fxgpt_core.settings import read_settings

if TYPE_CHECKING:
    from fxgpt_core.backtest.stress import StressResult
    from fxgpt_core.cli.closed_vault import Playable
    from fxgpt_core.cli.folds import Walk
    from fxgpt_core.cli.stored import StoredProblem
    from fxgpt_core.market.charges import Charges
    from fxgpt_core.optimization.problem import Evaluation, Problem
    from fxgpt_core.strategy.parameters import StrategyParameters
    from fxgpt_core.validation.folds import FoldParameters, Window

SHOWN_TRADES = 10
TOLD = ("entry_time", "exit_time", "side", "size", "entry_price", "exit_price", "reason", "profit")
SHOWN_METRICS = ("total_trades", "total_return_pct", "sharpe_ratio", "max_drawdown_pct", "profit_factor", "win_rate")


class Engine(StrEnum):
    """Which engine plays the decisions."""

    KERNEL = "kernel"
    REFERENCE = "reference"


DetailOption = Annotated[
    str | None,
    typer.Option("--detail", metavar="TIMEFRAME", help="Shorter candles, such as 1m, that tell if stop or target came first."),
]
ParamsOption = Annotated[
    Path | None, typer.Option("--params", metavar="FILE", help="JSON object of the parameters to change; others stay at default.")
]
EngineOption = Annotated[Engine, typer.Option("--engine", help="kernel: compiled; reference: backtesting.py. Equal trades.")]
ReportOption = Annotated[
    Path | None, typer.Option("--report", metavar="FILE", help="Write a report there: .html, one page for a browser, or .pdf.")
]
WithoutOption = Annotated[
    str | None, typer.Option("--without", metavar="PARTS", help="Components to leave out, such as patterns,regimes.")
]
StressFlag = Annotated[bool, typer.Option("--stress", help="Add synthetic shocks to the report, beside dearer costs and crises.")]


def backtest(
    *,
    symbol: SymbolOption,
    timeframe: TimeframeOption,
    params: ParamsOption = None,
    engine: EngineOption = Engine.KERNEL,
    mode: ModeOption = Mode.PARITY,
    detail: DetailOption = None,
    account: AccountOption = None,
    charges: ChargesOption = None,
    folds: FoldsOption = None,
    report: ReportOption = None,
    stress: StressFlag = False,
    without: WithoutOption = None,
    open_vault: OpenVaultOption = None,
    json: JsonFlag = False,
) -> None:
    """Play a parameter set over the test span of the latest stored forecasts, which the model has not seen, but the vault.

    Example: fxgpt backtest --symbol EURUSD --timeframe 1h --mode fx --folds 30/7/7 --report backtest.html
    """
    from fxgpt_core.cli.stored import global_alone, parts_named, read_parameters

    _require_report(report)
    _require_known_to(engine, mode, detail)
    _require_kernel(engine, folds)
    _require_played_again(stress, detail, report)
    lengths, paid, left_out = fold_lengths(folds), chosen_charges(mode, account, charges), parts_named(without)
    read_parameters(params)
    stored = _stored(symbol, timeframe, detail, paid, left_out)
    parameters = read_parameters(params, stored.problem.components.fitted)
    run = _play(_playable(stored, parameters, left_out, open_vault), parameters, engine, lengths)
    _write_report(run, report, _stressed(run, stress) if report and detail is None else ())
    payload = _payload(run) | {"engine": str(engine), "report": report}
    payload["note"] = global_alone(params).removeprefix(", ") if params else ""
    answer(payload, json, lambda: _tell(run, payload))
    if run.walk is not None and run.walk.refusal:
        raise typer.Exit(RefusedError.exit_code)


VERBS: dict[str, Callable[..., Any]] = {"backtest": backtest}


@dataclass(frozen=True, eq=False)
class _Run:
    playable: "Playable"
    parameters: "StrategyParameters"
    played: "Evaluation"
    walk: "Walk | None"

    @property
    def stored(self) -> "StoredProblem":
        return self.playable.stored

    @property
    def place(self) -> str:
        return f"{self.stored.problem.symbol} {self.played.candles.timeframe}"


def _require_known_to(engine: Engine, mode: Mode, detail: str | None) -> None:
    if engine is Engine.REFERENCE and (mode is Mode.FX or detail is not None):
        raise BadInputError(
            f"--engine reference with {'--mode fx' if mode is Mode.FX else '--detail'}: backtesting.py knows neither two-sided "
            "quotes nor finer candles; leave one of them out"
        )


def _require_kernel(engine: Engine, folds: str | None) -> None:
    if engine is Engine.REFERENCE and folds is not None:
        raise BadInputError(
            "--engine reference with --folds: fold after fold is played by the kernel, and the reference is there to check the "
            "kernel over the whole span; leave one of them out"
        )


def _require_played_again(stress: bool, detail: str | None, report: Path | None) -> None:
    if stress and report is None:
        raise BadInputError("--stress adds to a report, and there is none; name its file with --report, or run `fxgpt stress`")
    if stress and detail is not None:
        raise BadInputError("--stress with --detail: shorter candles know nothing of a shock; leave one of them out")


def _stored(
    symbol: str, timeframe: str, detail: str | None, charges: "Charges | None", left_out: tuple[str, ...]
) -> "StoredProblem":
    from fxgpt_core.cli.quoted import with_detail, with_quotes
    from fxgpt_core.cli.stored import stored_problem

    settings = read_settings()
    stored = stored_problem(settings, symbol, timeframe, without=left_out)
    if charges is not None:
        stored = with_quotes(stored, settings, charges)
    return stored if detail is None else with_detail(stored, settings, detail)


def _playable(
    stored: "StoredProblem", parameters: "StrategyParameters", left_out: tuple[str, ...], reason: str | None
) -> "Playable":
    from fxgpt_core import content_hash
    from fxgpt_core.cli.closed_vault import Player, playable

    # Without a component it is another strategy, and its look at the vault is another look.
    sha256 = content_hash.of_json([parameters.sha256, *sorted(left_out)]) if left_out else parameters.sha256
    return playable(read_settings(), stored, Player(sha256, "backtest", reason))


def _play(playable: "Playable", parameters: "StrategyParameters", engine: Engine, lengths: "FoldParameters | None") -> _Run:
    stored = playable.stored
    problem, span = stored.problem, stored.unseen
    walk = None if lengths is None else walked(stored, parameters, lengths)
    is_reference = engine is Engine.REFERENCE
    played = _by_reference(problem, parameters, span) if is_reference else problem.evaluate(parameters, span)
    return _Run(playable, parameters, played, walk)


def _by_reference(problem: "Problem", parameters: "StrategyParameters", window: "Window") -> "Evaluation":
    """What `Problem.evaluate` returns, played by backtesting.py."""
    from fxgpt_core.backtest.engine import execution_parameters
    from fxgpt_core.backtest.reference import reference_backtest
    from fxgpt_core.optimization.problem import Evaluation
    from fxgpt_core.performance.measures import metrics

    candles = problem.candles.select(window.slice(problem.candles.known_at_us))
    execution = execution_parameters(parameters, candles.timeframe)
    result = reference_backtest(candles, problem.decisions(parameters, window), execution, problem.costs, problem.account)
    return Evaluation(candles, result, metrics(result, candles))


def _payload(run: _Run) -> dict[str, Any]:
    from fxgpt_core.backtest.ledger import trade_dicts
    from fxgpt_core.performance.cost_parts import cost_parts

    problem, played = run.stored.problem, run.played
    trades = played.result.trades
    return {
        "symbol": problem.symbol,
        "timeframe": str(played.candles.timeframe),
        "candles": len(played.candles),
        "parameters_sha256": run.parameters.sha256,
        "artifacts": run.stored.artifacts,
        "vault": run.playable.to_json(),
        "mode": str(played.result.mode),
        "charges": run.stored.charges and run.stored.charges.to_json(),
        "final_equity": played.result.final_equity,
        "metrics": played.metrics.to_json(),
        "costs": cost_parts(trades).to_json(),
        "ambiguous_exits": int(trades.ambiguous.sum()),
        "decisions": problem.decisions(run.parameters, run.stored.unseen).reason_counts(),
        "trades": trade_dicts(trades),
        "folds": run.walk and run.walk.to_json(),
    }


def _require_report(file: Path | None) -> None:
    if file is not None:
        from fxgpt_core.reports.report_file import require_form

        require_form(file)
    require_place("--report", file)


def _stressed(run: _Run, with_shocks: bool) -> "tuple[StressResult, ...]":
    from fxgpt_core.optimization.survival import SEED, StressPlan, stressed

    plan = StressPlan(SEED if with_shocks else None)
    return stressed(run.stored.problem, [(run.parameters, run.stored.unseen)], plan)


def _write_report(run: _Run, file: Path | None, stress: "tuple[StressResult, ...]") -> None:
    if file is None:
        return
    from fxgpt_core.registry.code_identity import code_identity
    from fxgpt_core.reports.contents import BacktestReport, Heading
    from fxgpt_core.reports.report_file import write_report
    from fxgpt_core.reports.walk_forward import fold_rows

    problem, played = run.stored.problem, run.played
    costs = problem.costs_at(run.stored.unseen.slice(problem.candles.known_at_us))
    heading = Heading(
        symbol=problem.symbol,
        made_at=datetime.now(UTC),
        parameters_sha256=run.parameters.sha256,
        about="One parameter set over the test span of the latest stored forecasts, which the model has not seen; "
        f"{run.playable.sentence}.",
        artifacts=run.stored.artifacts,
        code=code_identity(),
    )
    rows = fold_rows(run.walk.runs, run.parameters.sha256) if run.walk else ()
    write_report(BacktestReport(heading, played.candles, played.result, costs, problem.account, folds=rows, stress=stress), file)


def _tell(run: _Run, payload: dict[str, Any]) -> None:
    result, engine = run.played.result, payload["engine"]
    say(f"{run.place}: {len(result.trades)} trades over {len(run.played.candles)} unseen candles, by the {engine}")
    say(MEANING[result.mode])
    for line in filter(None, (payload["note"], run.playable.sentence)):
        say(line)
    tell_pairs({name: payload["metrics"][name] for name in SHOWN_METRICS})
    tell_table([_short(trade) for trade in payload["trades"][-SHOWN_TRADES:]], "no trade: every decision was to stay out")
    if len(payload["trades"]) > SHOWN_TRADES:
        say(f"the last {SHOWN_TRADES} of {len(payload['trades'])} trades; --json tells all of them")
    if run.walk is not None:
        run.walk.tell()
    if payload["report"] is not None:
        say(f"report written to {payload['report']}")


def _short(trade: dict[str, object]) -> dict[str, object]:
    return {name: trade[name] for name in TOLD}
