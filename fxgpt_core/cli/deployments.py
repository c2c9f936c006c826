"""fxgpt deploy | deployments | rollback | pause | resume | history: what trades, what trades nothing new, and the way back."""

import getpass
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, SymbolOption, TimeframeOption, answer, minute, say, tell_pairs, tell_table
from fxgpt_core.cli.registry import ReasonOption, names, opened_lake
from fxgpt_core.settings import read_settings

if TYPE_CHECKING:
    from fxgpt_core.registry.deployment_records import Deployment
    from fxgpt_core.registry.lake import Lake

BrokerOption = Annotated[str, typer.Option("--broker", help="paper is the only broker of this release.")]
ApproveOption = Annotated[str | None, typer.Option("--approve", metavar="REASON", help="Approve it, with your name, and why.")]
OverrideOption = Annotated[
    str | None,
    typer.Option("--paper-override", metavar="REASON", help="Deploy on paper in spite of failed gates."),
]
ToOption = Annotated[
    int | None, typer.Option("--to", metavar="ID", help="Which deployment, as `fxgpt deployments` names it; else the one before.")
]
BY_HAND = "cli"
HASH_LENGTH = 64


def deploy(
    *,
    symbol: SymbolOption,
    timeframe: TimeframeOption,
    broker: BrokerOption = "paper",
    approve: ApproveOption = None,
    paper_override: OverrideOption = None,
    json: JsonFlag = False,
) -> None:
    """Let the latest optimized parameter set trade. Refused (5) when a gate failed, unless overridden, on paper, with a reason,
    and when nobody approved it: `fxgpt approve`, --approve, or the policy `auto`.

    Example: fxgpt deploy --symbol EURUSD --timeframe 1h --approve "every gate passed, the folds look alike"
    """
    lake = opened_lake()
    symbol, timeframe = names(symbol, timeframe)
    from fxgpt_core.cli.stored import PROJECT_ROOT
    from fxgpt_core.registry.code_identity import code_identity
    from fxgpt_core.registry.deployments import Deployments
    from fxgpt_core.registry.judged import Asked, deployment_request, judged

    asked = Asked(broker, getpass.getuser(), paper_override, approve)
    request = deployment_request(judged(lake, symbol, timeframe), asked, code_identity(PROJECT_ROOT), BY_HAND)
    known = Deployments(lake.ledger)
    in_force = {deployment.id for deployment in known.active(symbol, timeframe)}
    made = known.deploy(request)
    if made.id in in_force:
        _answer_deployment(
            made, json, f"already in force since {made.activated_at:%Y-%m-%d %H:%M} UTC, nothing changed", changed=False
        )
        return
    _answer_deployment(made, json, "deployed", warning=_champion(lake, made))


def deployments(json: JsonFlag = False) -> None:
    """Every deployment, the active ones marked.

    Example: fxgpt deployments --json
    """
    from fxgpt_core.cli.stored import opened_ledger

    ledger = opened_ledger(read_settings())
    from fxgpt_core.registry.deployments import Deployments

    rows = [asdict(deployment) for deployment in Deployments(ledger).list()]
    answer({"deployments": rows}, json, lambda: tell_table([_told(row) for row in rows], "nothing was ever deployed"))


def rollback(
    symbol: SymbolOption, timeframe: TimeframeOption, reason: ReasonOption, to: ToOption = None, json: JsonFlag = False
) -> None:
    """Put an earlier deployment back in force, as it was: nothing is trained or searched. What is left counts as rejected.

    Example: fxgpt rollback --symbol EURUSD --timeframe 1h --to 3 --reason "coverage drifted"
    """
    symbol, timeframe = names(symbol, timeframe)
    lake = opened_lake()
    from fxgpt_core.registry.deployments import Deployments

    restored = Deployments(lake.ledger).rollback(symbol, timeframe, getpass.getuser(), reason, to)
    _answer_deployment(restored, json, "in force again", warning=_champion(lake, restored))


def pause(symbol: SymbolOption, timeframe: TimeframeOption, reason: ReasonOption, json: JsonFlag = False) -> None:
    """Trade nothing new on a symbol and timeframe until it is resumed, whatever is deployed meanwhile; positions run on.

    Example: fxgpt pause --symbol EURUSD --timeframe 1h --reason "the central bank speaks at two"
    """
    symbol, timeframe = names(symbol, timeframe)
    lake = opened_lake()
    from fxgpt_core.registry.pauses import POSITIONS_KEEP, Pauses

    made = Pauses(lake.ledger).pause(symbol, timeframe, by=getpass.getuser(), reason=reason)
    payload = {"pause": asdict(made), "paused": True, "open_positions": POSITIONS_KEEP}
    answer(payload, json, lambda: say(f"{made.refusal}\nno new signal is traded; {POSITIONS_KEEP}"))


def resume(symbol: SymbolOption, timeframe: TimeframeOption, reason: ReasonOption, json: JsonFlag = False) -> None:
    """End the pause of a symbol and timeframe: the next decision may trade; wishes that were denied stay denied.

    Example: fxgpt resume --symbol EURUSD --timeframe 1h --reason "spreads are back to normal"
    """
    symbol, timeframe = names(symbol, timeframe)
    lake = opened_lake()
    from fxgpt_core.registry.pauses import Pauses

    ended = Pauses(lake.ledger).resume(symbol, timeframe, by=getpass.getuser(), reason=reason)
    payload = {"pause": asdict(ended), "paused": False}
    answer(payload, json, lambda: say(f"{symbol} {timeframe} trades again from its next decision on"))


def history(symbol: SymbolOption, timeframe: TimeframeOption, json: JsonFlag = False) -> None:
    """Every deployment, rollback, pause, resume, verdict and policy of a symbol and timeframe: when, who, why.

    Example: fxgpt history --symbol EURUSD --timeframe 1h --json
    """
    symbol, timeframe = names(symbol, timeframe)
    lake = opened_lake()
    from fxgpt_core.registry.deployment_history import history as moves_of

    moves = [asdict(move) for move in moves_of(lake.ledger, symbol, timeframe)]
    rows = [
        {"at": minute(move["at"]), "move": move["kind"], "what": _what(move), "by": move["by"], "reason": move["reason"]}
        for move in moves
    ]
    answer({"moves": moves}, json, lambda: tell_table(rows, f"nothing was ever deployed for {symbol} {timeframe}"))


VERBS: dict[str, Callable[..., Any]] = {
    "deploy": deploy,
    "deployments": deployments,
    "rollback": rollback,
    "pause": pause,
    "resume": resume,
    "history": history,
}


def _what(move: Mapping[str, Any]) -> str:
    facts = move["facts"]
    if move["kind"] == "rollback":
        return f"deployment {facts['from_id']} to {facts['to_id']}"
    if move["kind"] == "approval":
        return f"{facts['verdict']} {facts['parameter_set_id'][:16]} ({facts['ground']})"
    if move["kind"] == "policy":
        return str(facts["policy"])
    return f"deployment {facts['deployment_id']}" if "deployment_id" in facts else f"pause {facts['pause_id']}"


def _answer_deployment(
    deployment: "Deployment", json: bool, done: str, *, changed: bool = True, warning: str | None = None
) -> None:
    told = asdict(deployment)

    def tell() -> None:
        say(f"deployment {deployment.id} of {deployment.symbol} {deployment.timeframe}: {done}")
        tell_pairs(_told(told))
        if warning is not None:
            say(warning)

    answer({"deployment": told, "changed": changed, "warning": warning}, json, tell)


def _champion(lake: "Lake", deployment: "Deployment") -> str | None:
    """Let MLflow call the deployed version its champion; what went wrong with that, if anything."""
    from fxgpt_core.registry.tracking import Tracking, name_champion

    settings = read_settings()
    return name_champion(Tracking(settings.mlflow_url, settings.mlflow_artifacts), lake.get(deployment.model_id))


def _told(row: dict[str, Any]) -> dict[str, object]:
    return {name: _short(value) for name, value in row.items() if not isinstance(value, dict)}


def _short(value: object) -> object:
    # The hashes of a table are recognised by their beginning.
    return value[:16] if isinstance(value, str) and len(value) == HASH_LENGTH else value
