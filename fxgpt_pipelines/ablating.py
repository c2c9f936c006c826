"""The ablation of a partition's strategy, and how it is shown."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from fxgpt_pipelines import searching

if TYPE_CHECKING:
    from fxgpt_core.registry.artifact import Artifact
    from fxgpt_core.registry.lake import Making

COLORS = {"helps": "#15803d", "hurts": "#b91c1c"}
GREY = "#94a3b8"


def ablated(making: "Making", config: Mapping[str, Any], tell: Callable[[str], None]) -> "Artifact":
    """Every play on the test span before its vault, stored."""
    from fxgpt_core.optimization.ablation import ablation
    from fxgpt_core.optimization.plan import before_vault
    from fxgpt_core.strategy.parameters import StrategyParameters
    from fxgpt_core.validation.folds import Window

    used = searching.used_of(making, config)
    problem = searching.problem_of(making, searching.charges_of(config), used)
    known_at = problem.bands.known_at_us
    span = before_vault(known_at, config["vault_share"])
    parameters = StrategyParameters.default().replace(**problem.components.fitted).replace(**config["parameters"])
    found = ablation(problem, parameters, span, config["seed"], lambda done, total: tell(f"play {done} of {total}"))
    stored = {
        "plays": found.table,
        "span": [span.start_us, span.stop_us],
        "vault": str(Window(span.stop_us, int(known_at[-1]) + 1)) if config["vault_share"] else None,
        "parameters_sha256": parameters.sha256,
        "components": used.to_json(),
        "mode": "parity" if problem.paid is None else "fx",
    }
    return making.write_json(stored, {"plays": len(found.table), "components": list(used.parts), "span": str(span)})


def played(stored: Mapping[str, Any]) -> dict[str, str]:
    """What was played, for people: one set, and which days were left out."""
    from fxgpt_core.validation.folds import Window

    vault = f"left out: {stored['vault']}, which no search sees" if stored["vault"] else "none is kept"
    one = f"{stored['parameters_sha256'][:16]}, everywhere: sets by regime are not played here"
    return {"span": str(Window(*stored["span"])), "vault": vault, "parameter set": one}


def rows(stored: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The plays as rows for people."""
    from fxgpt_core.optimization.ablation import shown

    return [shown(row) for row in stored["plays"]]


def picture_of(stored: Mapping[str, Any]) -> dg.MarkdownMetadataValue:
    """What each component adds to all others, in percent a year, with its interval."""
    from fxgpt_pipelines.pictures import picture

    told = [row for row in stored["plays"] if row["gain_pct_a_year"] is not None and row["how"] != "alone"][::-1]

    def draw(axes: Any) -> None:
        for place, row in enumerate(told):
            color = COLORS.get(row["verdict"], GREY)
            axes.plot([row["gain_low"], row["gain_high"]], [place, place], color=color, linewidth=2.0)
            axes.plot([row["gain_pct_a_year"]], [place], "o", color=color)
        axes.axvline(0.0, color=GREY, linewidth=0.8)
        axes.set_yticks(range(len(told)), [row["component"] for row in told])
        axes.set_xlabel("% a year that it adds to all others, with 95 % of resamples")

    return picture("what each component adds", draw)
