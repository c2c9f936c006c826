"""The report of a search as a file below the data root, written once for each artifact it tells of."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from fxgpt_core.registry.artifact import Artifact
    from fxgpt_core.registry.lake import Making
    from fxgpt_core.reports.walk_forward import Verdicts
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
