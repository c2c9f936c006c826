"""What the demo shows at its gates and at its end."""

import io
import textwrap
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

from fxgpt_pipelines.progress import Steps

if TYPE_CHECKING:
    from fxgpt_core.registry.artifact import Artifact
    from fxgpt_core.registry.lake import Lake
    from fxgpt_pipelines.replay import Series

WIDTH = 110


def gates(steps: Steps, lake: "Lake", robustness: "Artifact") -> bool:
    """The gate board: every gate with number and limit, every failed one with what to do. True when all passed."""
    from fxgpt_core.registry.efforts import cheapest_told
    from fxgpt_core.registry.gate_results import board_of
    from fxgpt_core.registry.gates import advice

    board = board_of(lake.ledger, robustness.json()["parameter_set_id"])
    failed = [gate for gate in board if not gate.passed]
    steps.say()
    steps.say(f"gate board: {len(board) - len(failed)} of {len(board)} passed")
    for gate in board:
        verdict = "passed" if gate.passed else "FAILED"
        steps.say(f"  {verdict}  {gate.gate:<24} {gate.value:>9.4g}  must be {gate.comparison} {gate.limit:.4g}")
    for line in advice((gate.gate, gate.remedy) for gate in failed):
        steps.say(textwrap.fill(line, WIDTH, initial_indent="  ", subsequent_indent="    "))
    if failed:
        steps.say(cheapest_told(failed))
        steps.say("it would be refused; the demo deploys it on paper under an override that is recorded with its reason")
    steps.say()
    return not failed


def end(steps: Steps, lake: "Lake", series: "Series") -> None:
    """The trace of the last order, and what to open next."""
    from fxgpt_pipelines.trading import traded

    orders = [row for row in traded(lake.ledger, series.symbol, series.timeframe).orders if row["state"] == "FILLED"]
    steps.say()
    if orders:
        last = orders[-1]["client_order_id"]
        steps.say(f"trace of the last order, {last}:")
        steps.say(_trace(last))
    else:
        steps.say("no order was filled: no decision of the released candles wanted to trade; `fxgpt orders` shows every intent")
    steps.say(f"done in {steps.seconds:.0f} s. Next:")
    steps.say("  make ui                        Dagster and MLflow in the browser, gateway and daemon running")
    for order in orders[-1:]:
        steps.say(f"  fxgpt trace {order['client_order_id']}")
    steps.say(f"  fxgpt gates --symbol {series.symbol} --timeframe {series.timeframe}")


def _trace(order: str) -> str:
    """What `fxgpt trace` prints, so that the demo shows the very command."""
    from fxgpt_core.cli.orders import trace

    text = io.StringIO()
    with redirect_stdout(text):
        trace(order)
    return text.getvalue()
