"""fxgpt gates | approve | reject | approval-policy: what may trade, by whose word."""

import getpass
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, SymbolOption, TimeframeOption, answer, say, tell_pairs, tell_table
from fxgpt_core.settings import read_settings

if TYPE_CHECKING:
    from fxgpt_core.registry.lake import Lake

ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept with your name in the ledger.")]
SetOption = Annotated[str | None, typer.Option("--set", metavar="POLICY", help="approval (a person approves each) or auto.")]
ImprovementOption = Annotated[
    float, typer.Option("--improvement", help="auto: by what fraction the out-of-sample Sharpe must be better; 0.1 is 10 %.")
]
PolicyReasonOption = Annotated[str, typer.Option("--reason", help="Why, with --set; kept with your name in the ledger.")]


def gates(symbol: SymbolOption, timeframe: TimeframeOption, json: JsonFlag = False) -> None:
    """The gate board of the latest optimized parameter set: number, limit, verdict, and what to do about a failure.

    Example: fxgpt gates --symbol EURUSD --timeframe 1h
    """
    lake = opened_lake()
    symbol, timeframe = names(symbol, timeframe)
    parameter_set = lake.latest("optimized_parameters", symbol, timeframe)
    from fxgpt_core.registry.efforts import cheapest, cheapest_told
    from fxgpt_core.registry.gate_results import board_of
    from fxgpt_core.registry.gates import advice

    board = board_of(lake.ledger, parameter_set.id)
    rows: list[dict[str, object]] = [
        {"gate": gate.gate, "passed": gate.passed, "value": gate.value, "needs": f"{gate.comparison} {gate.limit:.6g}"}
        for gate in board
    ]
    failed = [gate for gate in board if not gate.passed]

    def tell() -> None:
        tell_table(rows, "no gates were recorded for this parameter set; materialize optimized_parameters again")
        for line in advice((gate.gate, gate.remedy) for gate in failed):
            say(line)
        if failed:
            say(cheapest_told(failed))
        say("all gates passed: it may be deployed" if board and not failed else f"{len(failed)} of {len(board)} gates failed")

    remedies, first = {gate.gate: gate.remedy for gate in failed}, cheapest(failed)
    payload = {"parameter_set_id": parameter_set.id, "passed": bool(board) and not failed, "gates": rows, "remedies": remedies}
    answer({**payload, "cheapest": first and first.gate}, json, tell)


def approve(symbol: SymbolOption, timeframe: TimeframeOption, reason: ReasonOption, json: JsonFlag = False) -> None:
    """Approve the latest optimized parameter set, by the gate board it has now; deploying it is another verb.

    Example: fxgpt approve --symbol EURUSD --timeframe 1h --reason "every gate passed, the folds look alike"
    """
    _judge(symbol, timeframe, reason, json, approved=True)


def reject(symbol: SymbolOption, timeframe: TimeframeOption, reason: ReasonOption, json: JsonFlag = False) -> None:
    """Reject the latest optimized parameter set: nothing deploys it, also no policy, until somebody approves it.

    Example: fxgpt reject --symbol EURUSD --timeframe 1h --reason "it earned in one fold only"
    """
    _judge(symbol, timeframe, reason, json, approved=False)


def approval_policy(
    *,
    symbol: SymbolOption,
    timeframe: TimeframeOption,
    policy: SetOption = None,
    improvement: ImprovementOption = 0.1,
    reason: PolicyReasonOption = "",
    json: JsonFlag = False,
) -> None:
    """Show or set how deployments are approved: by a person, or by the policy auto, when all gates passed and it is better.

    Example: fxgpt approval-policy --symbol EURUSD --timeframe 1h --set auto --improvement 0.1 --reason "three months were sound"
    """
    symbol, timeframe = names(symbol, timeframe)
    lake = opened_lake()
    from fxgpt_core.registry.approvals import Approvals, Policy

    approvals = Approvals(lake.ledger)
    if policy is not None:
        approvals.set_policy(symbol, timeframe, Policy(policy, improvement, getpass.getuser(), reason))
    stored = approvals.policy(symbol, timeframe)
    found = asdict(stored) | {"conditions": stored.conditions}
    answer({"symbol": symbol, "timeframe": timeframe, **found}, json, lambda: tell_pairs(found))


VERBS: dict[str, Callable[..., Any]] = {
    "gates": gates,
    "approve": approve,
    "reject": reject,
    "approval-policy": approval_policy,
}


def _judge(symbol: str, timeframe: str, reason: str, json: bool, *, approved: bool) -> None:
    symbol, timeframe = names(symbol, timeframe)
    lake = opened_lake()
    parameter_set = lake.latest("optimized_parameters", symbol, timeframe)
    from fxgpt_core.registry.approvals import Approvals

    known = Approvals(lake.ledger)
    verdict = known.approve if approved else known.reject
    made = verdict(symbol, timeframe, parameter_set.id, by=getpass.getuser(), reason=reason)

    def tell() -> None:
        say(f"parameter set {made.parameter_set_id[:16]} of {symbol} {timeframe} is {made.verdict} by {made.by}: {made.reason}")
        if approved:
            say("`fxgpt deploy` lets it trade, as long as its gate board stays as it is")

    answer({"approval": asdict(made)}, json, tell)


def opened_lake() -> "Lake":
    """The lake of this set-up, for reading."""
    from fxgpt_core.cli.stored import opened_ledger, read_only_lake

    settings = read_settings()
    return read_only_lake(settings, opened_ledger(settings))


def names(symbol: str, timeframe: str) -> tuple[str, str]:
    """Symbol and timeframe as they are stored. Raises `UnknownSymbolError`, `UnknownTimeframeError`."""
    from fxgpt_core.market import symbols, timeframes

    return symbols.symbol(symbol).name, str(timeframes.timeframe(timeframe))
