"""fxgpt gates | deploy | deployments | rollback: what may trade, what trades, and the way back."""

import getpass
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, SymbolOption, TimeframeOption, answer, say, tell_pairs, tell_table
from fxgpt_core.settings import read_settings

if TYPE_CHECKING:
    from fxgpt_core.registry.deployments import Deployment
    from fxgpt_core.registry.lake import Lake

BrokerOption = Annotated[str, typer.Option("--broker", help="paper is the only broker of this release.")]
OverrideOption = Annotated[
    str | None,
    typer.Option("--paper-override", metavar="REASON", help="Deploy on paper in spite of failed gates."),
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept with your name in the ledger.")]
BY_HAND = "cli"
HASH_LENGTH = 64


def gates(symbol: SymbolOption, timeframe: TimeframeOption, json: JsonFlag = False) -> None:
    """The gate board of the latest optimized parameter set: number, limit, verdict, and what to do about a failure.

    Example: fxgpt gates --symbol EURUSD --timeframe 1h
    """
    lake = _lake()
    symbol, timeframe = _names(symbol, timeframe)
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


def deploy(
    symbol: SymbolOption,
    timeframe: TimeframeOption,
    broker: BrokerOption = "paper",
    paper_override: OverrideOption = None,
    json: JsonFlag = False,
) -> None:
    """Let the latest optimized parameter set trade. Refused (5) when a gate failed, unless overridden, on paper, with a reason.

    Example: fxgpt deploy --symbol EURUSD --timeframe 1h --paper-override "to watch the bands for a week"
    """
    lake = _lake()
    symbol, timeframe = _names(symbol, timeframe)
    from fxgpt_core.cli.stored import PROJECT_ROOT
    from fxgpt_core.registry.code_identity import code_identity
    from fxgpt_core.registry.deployments import Deployments
    from fxgpt_core.registry.judged import deployment_request, judged

    request = deployment_request(
        judged(lake, symbol, timeframe),
        broker=broker,
        deployed_by=getpass.getuser(),
        override_reason=paper_override,
        code=code_identity(PROJECT_ROOT),
        dagster_run_id=BY_HAND,
    )
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


def rollback(symbol: SymbolOption, timeframe: TimeframeOption, reason: ReasonOption, json: JsonFlag = False) -> None:
    """Put the previous deployment of a symbol and timeframe back in force.

    Example: fxgpt rollback --symbol EURUSD --timeframe 1h --reason "coverage drifted"
    """
    symbol, timeframe = _names(symbol, timeframe)
    lake = _lake()
    from fxgpt_core.registry.deployments import Deployments

    restored = Deployments(lake.ledger).rollback(symbol, timeframe, by=getpass.getuser(), reason=reason)
    _answer_deployment(restored, json, "in force again", warning=_champion(lake, restored))


VERBS: dict[str, Callable[..., Any]] = {"gates": gates, "deploy": deploy, "deployments": deployments, "rollback": rollback}


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


def _lake() -> "Lake":
    from fxgpt_core.cli.stored import opened_ledger, read_only_lake

    settings = read_settings()
    return read_only_lake(settings, opened_ledger(settings))


def _names(symbol: str, timeframe: str) -> tuple[str, str]:
    from fxgpt_core.market import symbols, timeframes

    return symbols.symbol(symbol).name, str(timeframes.timeframe(timeframe))
