"""What a person sees of the shadow on the page of the asset: the differences of trades with their causes, and a picture."""

from typing import TYPE_CHECKING, Any

from fxgpt_pipelines.pictures import bars
from fxgpt_pipelines.recording import table

if TYPE_CHECKING:
    from fxgpt_pipelines.shadowing import Compared

COLUMNS = ("deployment_id", "decided_at_us", "field", "live", "backtest", "cause", "pips", "detail")


def metadata(compared: "Compared") -> dict[str, Any]:
    """How many trades were compared, the causes of their differences counted and in pips, and every difference."""
    rows = [{name: row[name] for name in COLUMNS} for row in compared.fill_differences]
    shown: dict[str, Any] = {
        "trades": compared.n_trades,
        "fill_differences": len(rows),
        "by_cause": table(
            [{"cause": cause, "differences": n, "pips_worse": compared.pips.get(cause)} for cause, n in compared.causes.items()]
        ),
        "differing_fills": table(rows),
    }
    if rows:
        counts = list(map(float, compared.causes.values()))
        shown["causes"] = bars("differences of live trades by cause", list(compared.causes), counts, "differences")
    return shown
