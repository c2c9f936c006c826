"""fxgpt stress: a parameter set at dearer costs, in the crises its unseen candles cover, and under synthetic shocks."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, SymbolOption, TimeframeOption, answer, say, tell_table
from fxgpt_core.cli.closed_vault import OpenVaultOption
from fxgpt_core.cli.countdown import on_terminal
from fxgpt_core.cli.modes import MEANING, AccountOption, AsSearchedOption, ChargesOption, chosen_charges
from fxgpt_core.cli.parameter_set import Choice, DeployedFlag, FileOption, RunOption, chosen
from fxgpt_core.market.modes import Mode
from fxgpt_core.settings import read_settings

if TYPE_CHECKING:
    from fxgpt_core.backtest.stress import StressResult
    from fxgpt_core.cli.closed_vault import Playable
    from fxgpt_core.cli.parameter_set import Chosen

PlacesOption = Annotated[int, typer.Option("--places", min=1, help="At how many held candles each shock is put.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed of those places; the same again gives the same.")]
HIDDEN = ("window", "note")
LOAD = (
    "a crisis is judged where it lies in the test span, which no model has seen: load the candles it wants with `fxgpt candles "
    "sync` or `fxgpt candles import`, and make the model and what follows again"
)


def stress(
    *,
    symbol: SymbolOption,
    timeframe: TimeframeOption,
    params: FileOption = None,
    run: RunOption = None,
    deployed: DeployedFlag = False,
    mode: AsSearchedOption = None,
    account: AccountOption = None,
    charges: ChargesOption = None,
    places: PlacesOption = 5,
    seed: SeedOption = 7,
    open_vault: OpenVaultOption = None,
    json: JsonFlag = False,
) -> None:
    """Stress a strategy, without options the latest optimized one, over the candles that no model has seen, but the vault.

    Costs 1.5, 2 and 3 times as high, every crisis that those candles cover, and synthetic shocks while it holds a position. A
    crisis they do not cover is told as not judged, with the candles it wants. The exit code does not depend on what was survived.

    Example: fxgpt stress --symbol EURUSD --timeframe 1h --mode fx
    """
    choice, asked = Choice(params, run, deployed), chosen_charges(mode or Mode.PARITY, account, charges)
    from fxgpt_core.backtest.stress_parameters import StressParameters
    from fxgpt_core.cli.closed_vault import Player, playable
    from fxgpt_core.cli.quoted import with_quotes
    from fxgpt_core.cli.stored import read_parameters, stored_problem
    from fxgpt_core.market import symbols, timeframes
    from fxgpt_core.optimization.survival import StressPlan, stressed

    settings = read_settings()
    played = chosen(choice, settings, symbols.symbol(symbol).name, str(timeframes.timeframe(timeframe)))
    stored = stored_problem(settings, symbol, timeframe, played.used)
    if choice.file is not None:
        played = replace(played, strategy=read_parameters(choice.file, stored.problem.components.fitted))
    paid = played.charges if mode is None else asked
    if paid is not None:
        stored = with_quotes(stored, settings, paid)
    may = playable(settings, stored, Player(played.strategy.sha256, "stress", open_vault))
    met = Mode.PARITY if paid is None else Mode.FX
    plan = StressPlan(seed, StressParameters(places=places), on_terminal)
    results = stressed(may.stored.problem, [(played.strategy, may.stored.unseen)], plan)
    payload = _payload(may, played, results) | {"mode": str(met), "seed": seed}
    answer(payload, json, lambda: _tell(payload, results, (MEANING[met], may.sentence)))


VERBS: dict[str, Callable[..., Any]] = {"stress": stress}


def _payload(may: "Playable", played: "Chosen", results: "Sequence[StressResult]") -> dict[str, Any]:
    from fxgpt_core.reports.stress_rows import stress_verdict

    stored = may.stored
    return {
        "symbol": stored.problem.symbol,
        "timeframe": str(stored.problem.candles.timeframe),
        "origin": played.origin,
        "parameters_sha256": played.strategy.sha256,
        "span": str(stored.unseen),
        "vault": may.to_json(),
        "charges": stored.charges and stored.charges.to_json(),
        "verdict": stress_verdict(results),
        "stresses": [result.to_json() for result in results],
        "remedies": _remedies(results, may),
        "artifacts": stored.artifacts,
    }


def _tell(payload: dict[str, Any], results: "Sequence[StressResult]", about: tuple[str, ...]) -> None:
    from fxgpt_core.reports.stress_rows import stress_rows

    say(f"{payload['symbol']} {payload['timeframe']}: {payload['origin']}, {payload['span']}")
    for line in about:
        say(line)
    shown = stress_rows(result for result in results if result.numbers is not None)
    tell_table([{name: value for name, value in row.items() if name not in HIDDEN} for row in shown], "nothing was played")
    for result in results:
        if result.why:
            say(f"{result.label}: {payload['remedies'].get(result.name, result.why)}")
    if payload["remedies"]:
        say(LOAD)
    say(payload["verdict"])


def _remedies(results: "Sequence[StressResult]", may: "Playable") -> dict[str, str]:
    """By crisis that was not judged for want of candles that may be played, what it wants."""
    from fxgpt_core.validation.spans import begin_for_test

    problem, unseen, remedies = may.stored.problem, may.stored.unseen, {}
    known_at = problem.candles.known_at_us
    for result in results:
        window = result.window
        if result.kind != "crisis" or result.survived is not None or window is None:
            continue
        if unseen.start_us <= window.start_us and window.stop_us <= unseen.stop_us:
            continue
        if may.vault is not None and unseen.start_us <= window.start_us and window.stop_us <= may.vault.stop_us:
            remedies[result.name] = f"not judged: {window} reaches into the vault, which is closed; --open-vault REASON plays it"
            continue
        stop_us = max(int(known_at[-1]), window.stop_us)
        begin_us = begin_for_test(window.start_us, stop_us, problem.candles.timeframe)
        remedies[result.name] = f"not judged: {window} is not within the unseen candles; wants " + (
            f"{problem.symbol} {problem.candles.timeframe} from {_day(begin_us)} to {_day(stop_us)}"
            if begin_us < int(known_at[0]) or stop_us > int(known_at[-1])
            else "a model of the stored candles made anew"
        )
    return remedies


def _day(time_us: int) -> str:
    return f"{datetime.fromtimestamp(time_us / 1e6, tz=UTC):%Y-%m-%d}"
