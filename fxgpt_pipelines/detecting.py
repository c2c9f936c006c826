"""The regimes of one series: fitted on its train span, told of all of it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from fxgpt_pipelines.reading import arrays_of, spans_to_json, spans_under
from fxgpt_pipelines.recording import table

if TYPE_CHECKING:
    from fxgpt_core.candles.arrays import CandleArrays
    from fxgpt_core.regimes.regime_model import RegimeModel
    from fxgpt_core.regimes.regime_parameters import RegimeParameters
    from fxgpt_core.registry.artifact import Artifact
    from fxgpt_core.registry.lake import Making

SHARES = ("train_share", "calibration_share", "seed")
KEPT_TRANSITIONS = 200
LATEST_CANDLES = 500


def fitted(candles: "Artifact", config: Mapping[str, Any]) -> "tuple[RegimeModel, dict[str, Any]]":
    """The model of the candles' train span, and the spans as JSON values."""
    from fxgpt_core.regimes.hidden_markov import fit_regimes

    arrays = arrays_of(candles)
    spans = spans_under(config, arrays)
    train = arrays.slice(0, spans.train.slice(arrays.known_at_us).stop)
    return fit_regimes(train, _parameters(config, arrays), config["seed"]), spans_to_json(spans)


def _parameters(config: Mapping[str, Any], candles: "CandleArrays") -> "RegimeParameters":
    """The configured ones; spans of 0 are those that suit the timeframe."""
    from fxgpt_core.regimes.regime_parameters import RegimeParameters, spans_for

    given = {name: value for name, value in config.items() if name not in SHARES}
    volatility_span, trend_span = spans_for(candles.timeframe)
    given["volatility_span"] = given["volatility_span"] or volatility_span
    given["trend_span"] = given["trend_span"] or trend_span
    return RegimeParameters(**given)


def stored(
    making: "Making", candles: "Artifact", model: "RegimeModel", spans: Mapping[str, Any], seen: Mapping[str, Any]
) -> "Artifact":
    """The artifact of a model that was found not to look ahead, with what its regimes were like in and behind the train span."""
    from fxgpt_core.regimes.regime_report import moment, regime_report

    arrays = arrays_of(candles)
    summary = regime_report(model, arrays, KEPT_TRANSITIONS) | {
        "rows": len(arrays),
        "candles_needed": model.candles_needed,
        "spans": spans,
        "learned_until_us": spans["train"][1],
        "look_ahead": seen,
        "first": moment(int(arrays.known_at_us[0])),
        "last": moment(int(arrays.known_at_us[-1])),
    }
    return making.write_json(model.values(), summary)


def tables(summary: Mapping[str, Any]) -> dict[str, Any]:
    """What a person reads of the regimes."""
    return {
        "dagster/row_count": summary["rows"],
        "n_transitions": summary["n_transitions"],
        **{name: table(summary[name]) for name in ("statistics", "states", "went_to", "transitions")},
    }


def drawn(candles: "Artifact", model: "RegimeModel", partition: str) -> dict[str, dg.MarkdownMetadataValue]:
    """The price coloured by its regime: of all candles, and of the latest."""
    from fxgpt_pipelines.pictures import regime_line

    arrays = arrays_of(candles)
    regime = model.series(arrays).regime
    first = max(0, len(arrays) - LATEST_CANDLES)
    whole, latest = (
        f"{partition}: close by regime, fitted left of the line",
        f"{partition}: the latest {len(arrays) - first} candles",
    )
    return {
        "price": regime_line(whole, arrays, regime, model.fitted_on.last_us),
        "latest": regime_line(latest, arrays.slice(first, len(arrays)), regime[first:], None),
    }
