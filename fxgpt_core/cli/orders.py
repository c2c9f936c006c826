"""fxgpt orders | trace: what was ordered, and everything an order rests on."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, answer, say, tell_table
from fxgpt_core.errors import BrokenLineageError
from fxgpt_core.settings import read_settings

MOST_ORDERS = 100_000
LastOption = Annotated[int, typer.Option("--last", min=1, max=MOST_ORDERS, help="How many of the latest.")]
OrderArgument = Annotated[str, typer.Argument(metavar="ORDER", help="Order id or client order id, as `fxgpt orders` shows it.")]


def orders(last: LastOption = 20, json: JsonFlag = False) -> None:
    """The latest order intents with their outcome, newest first.

    Example: fxgpt orders --last 5
    """
    from fxgpt_core.cli.stored import opened_ledger

    ledger = opened_ledger(read_settings())
    from sqlalchemy import select

    from fxgpt_core.registry.live_tables import order_intents

    names = (
        "client_order_id",
        "order_id",
        "symbol",
        "side",
        "units",
        "state",
        "stop_price",
        "target_price",
        "reason",
        "created_at",
    )
    newest = select(*(order_intents.c[name] for name in names)).order_by(
        order_intents.c.created_at.desc(), order_intents.c.client_order_id
    )
    with ledger.reading() as connection:
        rows = [dict(row._mapping) for row in connection.execute(newest.limit(last))]
    answer({"orders": rows}, json, lambda: tell_table(rows, "no order was ever planned"))


def trace(order: OrderArgument, json: JsonFlag = False) -> None:
    """Walk back from an order to the candles it rests on; every hash on the way is computed again (6 if one differs).

    Example: fxgpt trace fx1-0123456789abcdef0123456789abcdef
    """
    from fxgpt_core.cli.stored import opened_ledger, read_only_lake

    settings = read_settings()
    ledger = opened_ledger(settings)
    from fxgpt_core.live import genealogy

    found = genealogy.trace(read_only_lake(settings, ledger), order, genealogy.mlflow_check(settings.mlflow_url))
    answer(found.to_json(), json, lambda: say(genealogy.as_text(found)))
    if not found.ok:
        raise typer.Exit(BrokenLineageError.exit_code)


VERBS: dict[str, Callable[..., Any]] = {"orders": orders, "trace": trace}
