"""What a person asks of a regime model: its states, what regimes were like in and behind the train span, and transitions."""

import math
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import RefusedError
from fxgpt_core.regimes.observations import OBSERVATIONS
from fxgpt_core.regimes.regime import REGIMES, regime_name
from fxgpt_core.regimes.regime_model import RegimeModel
from fxgpt_core.regimes.regime_series import RegimeSeries, Transition
from fxgpt_core.regimes.regime_statistics import regime_statistics, transition_shares


def regime_report(model: RegimeModel, candles: CandleArrays, n_transitions: int) -> dict[str, Any]:
    """Values of JSON: fitted_on, states, statistics by span (train, behind), went_to, n_transitions, and the latest transitions.

    The candles begin with those that the model was fitted on; else `RefusedError` is raised.
    """
    made = model.fitted_on
    if len(candles) < made.n_candles or candles.known_at_us[made.n_candles - 1] != made.last_us:
        raise RefusedError(
            f"a regime model fitted on {made.n_candles} candles to {moment(made.last_us)} and {len(candles)} candles that do not "
            "begin with them found; what was the train span cannot be told; materialize regimes again"
        )
    series = model.series(candles)
    spans = {"train": slice(0, made.n_candles), "behind": slice(made.n_candles, None)}
    log = series.transitions
    return {
        "fitted_on": {
            "n_candles": made.n_candles,
            "first": moment(made.first_us),
            "last": moment(made.last_us),
            "seed": made.seed,
            "log_likelihoods": list(made.log_likelihoods),
            "n_iterations": made.n_iterations,
            "converged": made.converged,
        },
        "states": _states(model),
        "statistics": [
            {"span": span} | asdict(row) for span, rows in spans.items() for row in regime_statistics(series, candles, rows)
        ],
        "went_to": _went_to(series),
        "n_transitions": len(log),
        "transitions": [_told(transition) for transition in log[::-1][:n_transitions]],
    }


def moment(time_us: int) -> str:
    """A time in µs as ISO 8601 text, in UTC."""
    return datetime.fromtimestamp(time_us / 1e6, UTC).isoformat()


def _states(model: RegimeModel) -> list[dict[str, Any]]:
    """How often each hidden state is, how long it lasts, and the mean of what is seen of its candles, in its own units."""
    means = model.means * model.observed_deviation + model.observed_mean
    return [
        {
            "regime": regime_name(code),
            "share": float(model.start[state]),
            "mean_candles": float(1.0 / (1.0 - model.transition[state, state])),
            **{f"mean {name}": float(mean) for name, mean in zip(OBSERVATIONS, means[state], strict=True)},
        }
        for state, code in enumerate(model.regimes)
    ]


def _went_to(series: RegimeSeries) -> list[dict[str, Any]]:
    return [
        {"from": before} | {f"to {name}": None if math.isnan(share) else share for name, share in zip(REGIMES, row, strict=True)}
        for before, row in zip(REGIMES, transition_shares(series).tolist(), strict=True)
    ]


def _told(transition: Transition) -> dict[str, Any]:
    return {
        "known_at": moment(transition.known_at_us),
        "from": regime_name(transition.before),
        "to": regime_name(transition.after),
        "probability": transition.probability,
    }
