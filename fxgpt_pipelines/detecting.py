"""The regimes of one series: fitted on its train span, told of all of it."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from fxgpt_pipelines.reading import arrays_of, spans_to_json, spans_under
from fxgpt_pipelines.recording import table

if TYPE_CHECKING:
    from fxgpt_core.candles.arrays import CandleArrays
    from fxgpt_core.regimes.regime_model import RegimeModel
    from fxgpt_core.regimes.regime_parameters import RegimeParameters
    from fxgpt_core.regimes.regime_series import Transition
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
    from fxgpt_core.regimes.regime_statistics import regime_statistics, transition_shares

    arrays = arrays_of(candles)
    series = model.series(arrays)
    n_train = model.fitted_on.n_candles
    log = series.transitions
    summary = {
        "rows": len(series),
        "candles_needed": model.candles_needed,
        "converged": model.fitted_on.converged,
        "fitted_on": model.values()["fitted_on"],
        "spans": spans,
        "look_ahead": seen,
        "states": _states(model),
        "train": [asdict(row) for row in regime_statistics(series, arrays, slice(0, n_train))],
        "behind": [asdict(row) for row in regime_statistics(series, arrays, slice(n_train, None))],
        "went_to": [[None if math.isnan(share) else share for share in row] for row in transition_shares(series).tolist()],
        "n_transitions": len(log),
        "transitions": [_told(transition) for transition in log[-KEPT_TRANSITIONS:]],
        "first": _moment(int(series.known_at_us[0])),
        "last": _moment(int(series.known_at_us[-1])),
    }
    return making.write_json(model.values(), summary)


def tables(summary: Mapping[str, Any]) -> dict[str, Any]:
    """What a person reads of the regimes."""
    from fxgpt_core.regimes.regime import REGIMES

    by_span = [{"span": span} | row for span in ("train", "behind") for row in summary[span]]
    went = [
        {"from": before} | {f"to {after}": share for after, share in zip(REGIMES, shares, strict=True)}
        for before, shares in zip(REGIMES, summary["went_to"], strict=True)
    ]
    return {
        "dagster/row_count": summary["rows"],
        "n_transitions": summary["n_transitions"],
        "statistics": table(by_span),
        "states": table(summary["states"]),
        "went_to": table(went),
        "transitions": table(summary["transitions"][::-1]),
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


def _states(model: "RegimeModel") -> list[dict[str, Any]]:
    """Each hidden state in units a person knows: how often and how long, and the mean of what is seen of its candles."""
    from fxgpt_core.regimes.observations import OBSERVATIONS
    from fxgpt_core.regimes.regime import regime_name

    means = model.means * model.observed_deviation + model.observed_mean
    return [
        {
            "regime": regime_name(code),
            "share": float(model.start[state]),
            "mean_candles": float(1.0 / (1.0 - model.transition[state, state])),
            **{f"{name} mean": float(mean) for name, mean in zip(OBSERVATIONS, means[state], strict=True)},
        }
        for state, code in enumerate(model.regimes)
    ]


def _told(transition: "Transition") -> dict[str, Any]:
    from fxgpt_core.regimes.regime import regime_name

    return {
        "known_at": _moment(transition.known_at_us),
        "from": regime_name(transition.before),
        "to": regime_name(transition.after),
        "probability": transition.probability,
    }


def _moment(time_us: int) -> str:
    return datetime.fromtimestamp(time_us / 1e6, UTC).isoformat()
