"""fxgpt allocation: how the capital would be shared among the symbols that have candles, now and over time."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, TimeframeOption, answer, say, tell_pairs, tell_table
from fxgpt_core.cli.written_file import require_place
from fxgpt_core.settings import read_settings

if TYPE_CHECKING:
    from fxgpt_core.portfolio.allocation import Allocation
    from fxgpt_core.portfolio.optimal_weights import AllocationParameters
    from fxgpt_core.portfolio.universe import Universe

SymbolsOption = Annotated[str | None, typer.Option("--symbols", help="Such as EURUSD,GBPUSD; all that have candles by default.")]
FrontierOption = Annotated[Path | None, typer.Option("--frontier", metavar="FILE", help="Draw the efficient frontier as a PNG.")]
MeasureOption = Annotated[str, typer.Option("--risk-measure", help="MV, CVaR, CDaR, EVaR or WR.")]
ObjectiveOption = Annotated[str, typer.Option("--objective", help="Sharpe, MinRisk, Utility or MaxRet.")]
ParityFlag = Annotated[bool, typer.Option("--risk-parity", help="Equal parts of the risk instead of the objective.")]
AversionOption = Annotated[float, typer.Option("--risk-aversion", help="Of the objective Utility.")]
MostOption = Annotated[float, typer.Option("--max-weight", help="The most that one symbol gets.")]
LeastOption = Annotated[float, typer.Option("--min-weight", help="The least that one symbol gets.")]
RateOption = Annotated[float, typer.Option("--risk-free-rate", help="What cash earns a year, as a fraction.")]
FrequencyOption = Annotated[int, typer.Option("--rebalance-freq", help="Calendar days between rebalances.")]


def allocation(
    *,
    timeframe: TimeframeOption,
    symbols: SymbolsOption = None,
    risk_measure: MeasureOption = "MV",
    objective: ObjectiveOption = "Sharpe",
    risk_aversion: AversionOption = 1.0,
    max_weight: MostOption = 0.3,
    min_weight: LeastOption = 0.0,
    risk_free_rate: RateOption = 0.0,
    risk_parity: ParityFlag = False,
    rebalance_freq: FrequencyOption = 7,
    frontier: FrontierOption = None,
    json: JsonFlag = False,
) -> None:
    """The share of the capital of each symbol at the end of the latest day, from the returns of the last 120 days.

    It multiplies the size of each symbol's trades: by 1 where all have the same. The last day may be unfinished.

    Example: fxgpt allocation --timeframe 1h --objective MinRisk --frontier frontier.png
    """
    require_place("--frontier", frontier)
    from fxgpt_core.portfolio.allocation import allocation as allocated
    from fxgpt_core.portfolio.optimal_weights import AllocationParameters

    parameters = AllocationParameters(
        risk_measure, objective, risk_aversion, max_weight, min_weight, risk_free_rate, risk_parity, rebalance_freq
    )
    universe = _universe(timeframe, symbols)
    found = allocated(universe, parameters)
    if frontier is not None:
        _draw(frontier, universe, parameters)
    payload = _payload(universe, found) | {"frontier": None if frontier is None else str(frontier.resolve())}
    answer(payload, json, lambda: _tell(payload))


VERBS: dict[str, Callable[..., Any]] = {"allocation": allocation}


def _universe(timeframe: str, symbols: str | None) -> "Universe":
    from fxgpt_core.candles.arrays import candle_arrays
    from fxgpt_core.cli.stored import opened_ledger, read_only_lake
    from fxgpt_core.errors import MissingError
    from fxgpt_core.market.symbols import symbol as symbol_of
    from fxgpt_core.market.timeframes import timeframe as timeframe_of
    from fxgpt_core.portfolio.universe import universe_of

    length, settings = timeframe_of(timeframe), read_settings()
    lake = read_only_lake(settings, opened_ledger(settings))
    names = lake.symbols("candles", str(length)) if symbols is None else [symbol_of(name).name for name in symbols.split(",")]
    if not names:
        raise MissingError(
            f"no symbol has candles of {length} yet; materialize the asset candles of each (`make demo` does it for one)"
        )
    return universe_of({name: candle_arrays(lake.latest("candles", name, str(length)).frame(), length) for name in names})


def _payload(universe: "Universe", found: "Allocation") -> dict[str, Any]:
    last = found.to_frame().row(-1, named=True)
    weights = {name: last[f"weight_{name}"] for name in universe.names}
    count = sum(weight is not None for weight in weights.values())
    return {
        "day": last["day"],
        "days": len(universe),
        "reason": last["reason"],
        "rebalances": int(found.rebalanced.sum()),
        "cash": 1.0 - sum(weight or 0.0 for weight in weights.values()),
        "weights": [
            {"symbol": name, "weight": weight, "multiplier": None if weight is None else weight * count}
            for name, weight in weights.items()
        ],
        "reasons": found.reason_counts(),
    }


def _draw(file: Path, universe: "Universe", parameters: "AllocationParameters") -> None:
    from fxgpt_core.atomic_file import write_atomically
    from fxgpt_core.portfolio.allocation import latest_window
    from fxgpt_core.portfolio.riskfolio_reference import frontier
    from fxgpt_core.reports.frontier_picture import frontier_png, mixes_of

    names, returns = latest_window(universe, parameters)
    write_atomically(file, frontier_png(frontier(returns, names, parameters), returns, mixes_of(returns, parameters)))


def _tell(payload: dict[str, Any]) -> None:
    say(f"at the end of {payload['day']}: {payload['reason']}")
    tell_table(payload["weights"], "no symbol")
    tell_pairs({name: payload[name] for name in ("cash", "days", "rebalances")})
    tell_table([{"days": days, "reason": reason} for reason, days in payload["reasons"].items() if days], "no day")
    if payload["frontier"]:
        say(f"the efficient frontier is drawn in {payload['frontier']}")
