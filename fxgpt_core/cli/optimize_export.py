"""fxgpt optimize export: a stored run as studies that the dashboard of Optuna opens."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, answer, say, tell_pairs
from fxgpt_core.cli.optimize_report import RunArgument
from fxgpt_core.cli.written_file import require_place
from fxgpt_core.settings import read_settings

ToOption = Annotated[Path, typer.Option("--to", metavar="FILE", help="A new SQLite file for the studies.")]
MostOption = Annotated[
    int, typer.Option("--most", min=1, help="Trials of each search at most; each takes about a tenth of a second.")
]


def export(run: RunArgument, *, to: ToOption, most: MostOption = 100, json: JsonFlag = False) -> None:
    """Write the searches of a run as studies of Optuna: of each its front, what it kept, and the best others.

    Objectives, limits, parameters, numbers and hashes are those of the ledger; nothing is played. The dashboard is a program of
    its own (docs/optimization_report.md): optuna-dashboard sqlite:///FILE --host 127.0.0.1

    Example: fxgpt optimize export 3 --to run3.db --most 100
    """
    from fxgpt_core.cli.countdown import on_terminal
    from fxgpt_core.cli.stored import opened_ledger
    from fxgpt_core.optimization.fitted import fitted_in
    from fxgpt_core.optimization.optuna_export import ExportedRun
    from fxgpt_core.optimization.optuna_export import export as export_to
    from fxgpt_core.registry.stored_run import stored_run
    from fxgpt_core.registry.trials import TrialStore

    require_place("--to", to)
    ledger = opened_ledger(read_settings())
    told, store = stored_run(ledger, run), TrialStore(ledger)
    name = f"{told.symbol} {told.timeframe} run {run}"
    exported = ExportedRun(name, tuple(store.searches(run)), store.evaluations(run), fitted_in(told.proposed))
    written = export_to(exported, to, most, on_terminal("trials written"))
    payload = {"run_id": run, "file": str(to), "studies": written, "trials": sum(written.values())}

    def tell() -> None:
        tell_pairs(written)
        say(f"{payload['trials']} trials written to {to}; look at them: optuna-dashboard sqlite:///{to} --host 127.0.0.1")

    answer(payload, json, tell)


VERBS: dict[str, Callable[..., Any]] = {"export": export}
