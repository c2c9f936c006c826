"""The reports of a search as files below the data root, written once for each artifact they tell of."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from fxgpt_core.registry.artifact import Artifact
    from fxgpt_core.registry.lake import Making
    from fxgpt_core.reports.optimization import OptimizationReport
    from fxgpt_core.reports.walk_forward import Verdicts
    from fxgpt_core.strategy.regime_sets import Strategy
    from fxgpt_pipelines.searching import Judged


def report(
    making: "Making", artifact: "Artifact", case: "Callable[[], Judged]", root: Path, verdicts: "Verdicts | None" = None
) -> dg.PathMetadataValue:
    """Where the report of an artifact lies, which is written if it is not there: `case` is its search, as judged again."""
    path = root / artifact.symbol / artifact.timeframe / f"{artifact.asset}-{artifact.sha256[:16]}.html"
    if not path.is_file():
        from fxgpt_core.reports.report_file import write_report
        from fxgpt_core.reports.walk_forward import Origin, walk_forward_report

        ids = {asset: read.id for (asset, _), read in making.read_so_far.items()}
        origin = Origin(artifact.created_at, {**ids, artifact.asset: artifact.id}, artifact.code)
        judged = case()
        write_report(walk_forward_report(judged.problem, judged.outcome, origin, verdicts), path)
    return dg.MetadataValue.path(str(path))


def search_report(told: "OptimizationReport", artifact: "Artifact", root: Path, form: str = ".html") -> dg.PathMetadataValue:
    """Where the report of the search that made a parameter set lies, as a page or, with ".pdf", as that; written if not there."""
    path = root / artifact.symbol / artifact.timeframe / f"search-{artifact.sha256[:16]}{form}"
    if not path.is_file():
        from fxgpt_core.reports.report_file import write_report

        write_report(told, path)
    return dg.MetadataValue.path(str(path))


def told_of(
    making: "Making", artifact: "Artifact", case: "Callable[[], Judged]", champion: "Strategy | None" = None
) -> "OptimizationReport":
    """What there is to tell of the search that made a parameter set, its choices played again, beside a champion if given."""
    from fxgpt_core.reports.stored_optimization import stored_optimization, with_choices_played

    proposal, judged = artifact.json(), case()
    told = stored_optimization(making.lake.ledger, proposal["run_id"], artifact.created_at, proposal["search"])
    return with_choices_played(told, judged.problem, judged.outcome, champion=champion)
