"""fxgpt optimize report: what a stored run searched and found, as a page or as a PDF."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fxgpt_core.cli.answer import JsonFlag, answer, say
from fxgpt_core.cli.written_file import require_place
from fxgpt_core.errors import BadInputError
from fxgpt_core.settings import Settings, read_settings

if TYPE_CHECKING:
    from fxgpt_core.reports.optimization import OptimizationReport

RunArgument = Annotated[int, typer.Argument(metavar="RUN", help="Number of a run, as `fxgpt optimize list` shows it.")]
PageOption = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="The page, FILE.html; by default below reports/ of the data root.")
]
PdfOption = Annotated[Path | None, typer.Option("--pdf", metavar="FILE", help="The same as a PDF, FILE.pdf.")]


def report(run: RunArgument, *, out: PageOption = None, pdf: PdfOption = None, json: JsonFlag = False) -> None:
    """What a run searched and found: history, Pareto front, hypervolume, importances, slices, the proposed set, and its gates.

    One page that needs no network; charts answer to the mouse. Where the run made a stored parameter set, its choices are played
    again on their test windows, beside what is deployed. A run that has not ended is told as far as it is.

    Example: fxgpt optimize report 3 --out run3.html --pdf run3.pdf
    """
    from fxgpt_core.reports.report_file import HTML, PDF, write_report

    _require_ending("--out", out, HTML)
    _require_ending("--pdf", pdf, PDF)
    settings = read_settings()
    found = reported(settings, run, datetime.now(UTC))
    page = out or settings.report_root / found.run.symbol / found.run.timeframe / f"optimization-{run}{HTML}"
    written = [page] if pdf is None else [page, pdf]
    for path in written:
        write_report(found, path)
    payload = _payload(found) | {"page": str(page), "pdf": pdf and str(pdf)}

    def tell() -> None:
        place = f"{found.run.symbol} {found.run.timeframe}"
        say(f"run {run} of {place}: {len(found.evaluations)} trials in {len(found.searches)} searches")
        if found.played is None:
            say("its choices were not played again: no stored parameter set was made by it")
        for path in written:
            say(f"report written to {path}")

    answer(payload, json, tell)


VERBS: dict[str, Callable[..., Any]] = {"report": report}


def reported(settings: Settings, run: int, made_at: datetime) -> "OptimizationReport":
    """The report of a run, with its choices played again where a stored parameter set was made by it. Raises `MissingError`."""
    from fxgpt_core.cli.judged_run import judged_run
    from fxgpt_core.cli.stored import opened_ledger, read_only_lake
    from fxgpt_core.optimization.contest import champion
    from fxgpt_core.registry.gate_results import board_of
    from fxgpt_core.registry.stored_run import stored_run
    from fxgpt_core.reports.stored_optimization import stored_optimization, with_choices_played
    from fxgpt_core.reports.walk_forward import Verdicts

    ledger = opened_ledger(settings)
    lake, asked = read_only_lake(settings, ledger), stored_run(ledger, run)
    if not any(each.summary["run_id"] == run for each in lake.every("optimized_parameters", asked.symbol)):
        return stored_optimization(ledger, run, made_at)
    judged = judged_run(asked.symbol, asked.timeframe, run)
    told = stored_optimization(ledger, run, made_at, judged.parameter_set.json()["search"])
    verdicts = Verdicts(board_of(ledger, judged.parameter_set.id))
    return with_choices_played(told, judged.problem, judged.outcome, verdicts, champion(lake, asked.symbol, asked.timeframe))


def _require_ending(option: str, path: Path | None, ending: str) -> None:
    if path is not None and path.suffix != ending:
        raise BadInputError(f"{option} {path} ends with {path.suffix or 'nothing'}; {ending} is needed; name it so")
    require_place(option, path)


def _payload(found: "OptimizationReport") -> dict[str, Any]:
    measured = found.played.measured.metrics.to_json() if found.played else None
    return {
        "run_id": found.run.run_id,
        "symbol": found.run.symbol,
        "timeframe": found.run.timeframe,
        "status": found.run.status,
        "evaluations": len(found.evaluations),
        "feasible": int(found.feasible.sum()),
        "searches": [
            {
                "search": found.name(each),
                "done": int(found.of_search(each).sum()),
                "planned": each.n_planned,
                "hypervolume": each.hypervolume,
                "chosen": found.chosen.get(each.search),
                "ended": each.reason,
            }
            for each in found.searches
        ],
        "out_of_sample": measured,
        "folds_won": found.contest and found.contest.folds_won,
    }
