"""fxgpt vault open | show: the days that no search saw, opened once for a parameter set, and everybody who looked."""

import getpass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, SymbolOption, TimeframeOption, answer, minute, say, tell_pairs, tell_table
from fxgpt_core.settings import read_settings

if TYPE_CHECKING:
    from fxgpt_core.registry.vault import Opening

HELP = """Open the vault, the last days of the test span, which no search and no other gate sees; or see who did.

Example: fxgpt vault open --symbol EURUSD --timeframe 1h --reason "all other gates passed"
"""
app = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)

ReasonOption = Annotated[str, typer.Option("--reason", help="Why now; kept with your name in the ledger.")]
DespiteOption = Annotated[bool, typer.Option("--despite-failed-gates", help="Open it though another gate failed.")]
NUMBERS = ("sharpe", "in_sample_sharpe", "lucky_sharpe", "ratio", "psr", "n_days", "n_trades", "return_pct", "max_drawdown_pct")


@app.command("open")
def open_vault(
    symbol: SymbolOption,
    timeframe: TimeframeOption,
    reason: ReasonOption,
    despite_failed_gates: DespiteOption = False,
    json: JsonFlag = False,
) -> None:
    """Play the latest parameter set on the vault, once: it cannot be closed again, and each further set must show more there.

    The same set again gives the stored result. Refused (5) while another gate fails. The exit code does not depend on the result.

    Example: fxgpt vault open --symbol EURUSD --timeframe 1h --reason "all other gates passed"
    """
    from fxgpt_core.cli.judged_run import judged_run

    judged = judged_run(symbol, timeframe)
    from fxgpt_core.optimization.vault import Champion, opened
    from fxgpt_core.registry.vault import Vault

    champion = Champion(judged.parameter_set.id, getpass.getuser(), reason, despite_failed_gates)
    opening = opened(judged.problem, judged.outcome, Vault(judged.store.ledger), champion)
    payload = _payload(opening)

    def tell() -> None:
        say(f"the vault of {opening.request.symbol} {opening.request.timeframe}, look {opening.look} at days of {_days(opening)}")
        tell_pairs({name: (opening.result or {})[name] for name in NUMBERS})
        gate = opening.gate
        verdict = "passed" if gate.passed else gate.remedy
        say(f"vault_ratio is {gate.value:.4g}, must be {gate.comparison} {gate.limit:.4g}: {verdict}")

    answer(payload, json, tell)


@app.command("show")
def show(symbol: SymbolOption, timeframe: TimeframeOption, json: JsonFlag = False) -> None:
    """Every look at the vault of a symbol and timeframe; nothing is opened.

    Example: fxgpt vault show --symbol EURUSD --timeframe 1h --json
    """
    from fxgpt_core.cli.stored import opened_ledger
    from fxgpt_core.market import symbols, timeframes

    place = (symbols.symbol(symbol).name, str(timeframes.timeframe(timeframe)))
    ledger = opened_ledger(read_settings())
    from fxgpt_core.registry.vault import Vault

    found = Vault(ledger).openings(*place)
    payload = {"symbol": place[0], "timeframe": place[1], "openings": [_payload(opening) for opening in found]}
    answer(payload, json, lambda: tell_table([_row(opening) for opening in found], "the vault was never opened"))


def _payload(opening: "Opening") -> dict[str, Any]:
    return {**opening.to_json(), "passed": opening.gate.passed}


def _row(opening: "Opening") -> dict[str, object]:
    result = opening.result or {}
    return {
        "look": opening.look,
        "days": _days(opening),
        "set": opening.request.params_sha256[:16],
        "opened": minute(opening.opened_at),
        "by": opening.request.opened_by,
        "verb": opening.request.verb,
        "sharpe": result.get("sharpe"),
        "ratio": result.get("ratio"),
        "passed": opening.gate.passed,
        "reason": opening.request.reason,
    }


def _days(opening: "Opening") -> str:
    return f"{opening.request.window_start:%Y-%m-%d} .. {opening.request.window_end:%Y-%m-%d}"
