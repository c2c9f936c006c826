"""fxgpt policy show: the stored policy of portfolio weights, what it would hold now, and what it is worth."""

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, SymbolOption, TimeframeOption, answer, say, tell_pairs, tell_table
from fxgpt_core.settings import read_settings

if TYPE_CHECKING:
    from fxgpt_core.registry.artifact import Artifact

HELP = """Look at the policy of portfolio weights.

Example: fxgpt policy show --symbol EURUSD --timeframe 1h
"""
app = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)

EPOCH = date(1970, 1, 1)
TOLD = (
    "symbols",
    "days_lived",
    "days_trained_on",
    "entries_trained_on",
    "days_tested",
    "days_in_vault",
    "entries_tested",
    "seed",
)


@app.callback()
def group() -> None:
    """A group of one verb still takes its name."""


@app.command("show")
def show(symbol: SymbolOption, timeframe: TimeframeOption, json: JsonFlag = False) -> None:
    """The latest policy: its parameters, its last weights, and what it earned on unseen days beside weights that never change.

    Example: fxgpt policy show --symbol EURUSD --timeframe 1h --json
    """
    from fxgpt_core.cli.stored import opened_ledger, read_only_lake
    from fxgpt_core.market import symbols, timeframes

    settings = read_settings()
    wanted, length = symbols.symbol(symbol), timeframes.timeframe(timeframe)
    stored = read_only_lake(settings, opened_ledger(settings)).latest("rl_agent", wanted.name, str(length))
    payload = _payload(stored)

    def tell() -> None:
        say(f"policy {stored.id[:16]} of {stored.symbol} {stored.timeframe}, made {stored.created_at:%Y-%m-%d %H:%M}")
        tell_pairs({**payload["about"], **payload["parameters"]})
        say(f"weights at the end of {payload['last_day']}:")
        tell_pairs(payload["last_weights"])
        say("best static weights of its training days:")
        tell_pairs(payload["best_static_weights"])
        tell_table(payload["unseen_days"], "it was never judged")

    answer(payload, json, tell)


def _payload(stored: "Artifact") -> dict[str, Any]:
    from fxgpt_core.portfolio.policy_file import policy_of_bytes

    policy = policy_of_bytes(stored.bytes(), stored.sha256, str(stored.path))
    summary, names = stored.summary, [*policy.symbols, "cash"]
    about = {name: summary[name] for name in TOLD if name in summary} | {"seed": stored.seed}
    return {
        "symbol": stored.symbol,
        "timeframe": stored.timeframe,
        "policy": stored.id,
        "sha256": stored.sha256,
        "about": about | {"symbols": ", ".join(policy.symbols)},
        "parameters": summary["parameters"],
        "last_day": (EPOCH + timedelta(days=summary["test_days"][-1])).isoformat(),
        "last_weights": dict(zip(names, summary["test_weights"][-1], strict=True)),
        "best_static_weights": dict(zip(names, summary["best_static"], strict=True)),
        "unseen_days": summary["judged"],
    }
