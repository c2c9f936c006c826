"""Fit a hidden Markov model of Gaussian observations to the candles of a train span, by expectation maximisation (hmmlearn).

Source: Rabiner (1989); states drawn to anchors by a conjugate prior on their means: Gauvain and Lee, Maximum a Posteriori
Estimation for Multivariate Gaussian Mixture Observations of Markov Chains (1994).
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.errors import BadInputError, RefusedError
from fxgpt_core.regimes.naming import ANCHORS, named
from fxgpt_core.regimes.observations import OBSERVATIONS, TREND, VOLATILITY, observations, standardised
from fxgpt_core.regimes.regime_model import FittedOn, RegimeModel
from fxgpt_core.regimes.regime_parameters import RegimeParameters

FloatArray = npt.NDArray[np.float64]

LEAST_CANDLES_A_STATE: Final = 100
LEAST_SHARE: Final = 0.01
"""Of the candles, below which a state was fitted to a handful of them."""
MOST_ITERATIONS: Final = 300
CONVERGED_A_CANDLE: Final = 1e-5
"""Gain of log-likelihood a candle below which the fit has ended."""
STICKINESS: Final = 0.98
"""Of staying in a state, where a fit begins."""
START_NOISE: Final = 0.3
FLOOR: Final = 1e-6
"""No step is impossible: what never happened in the train span may happen behind it."""


@dataclass(frozen=True)
class _Fit:
    hmm: Any
    log_likelihood: float
    converged: bool


def fit_regimes(candles: CandleArrays, parameters: RegimeParameters, seed: int) -> RegimeModel:
    """The likeliest of several fits to exactly these candles: give those of the train span.

    The first restart begins at the anchors, the others beside them, by the seed. A fit that did not converge is told in
    `fitted_on`. Raises `BadInputError` for too few candles and for a dead market, `RefusedError` when every fit is degenerate.
    """
    observed = observations(candles, parameters)
    known = ~np.isnan(observed[:, 0])
    rows = observed[known]
    _require_enough(len(candles), rows, parameters)
    # That nothing drifts is assumed, not estimated: return and trend are not centred.
    mean = np.where(np.arange(len(OBSERVATIONS)) == VOLATILITY, rows.mean(axis=0), 0.0)
    deviation = rows.std(axis=0)
    standard = standardised(rows, mean, deviation)
    anchors = _anchors(parameters.n_states, float(deviation[TREND]))
    rng = np.random.default_rng(seed)
    noise = [np.zeros_like(anchors), *START_NOISE * rng.standard_normal((parameters.n_restarts - 1, *anchors.shape))]
    fits = [_fitted(standard, _lengths(known), anchors, anchors + moved, parameters) for moved in noise]
    sound = [fit for fit in fits if fit is not None]
    if not sound:
        raise RefusedError(
            f"all {len(fits)} fits of {parameters.n_states} states to {len(rows)} candles are degenerate: a state has less than "
            f"{LEAST_SHARE:.0%} of them; give a longer train span, fewer states, or a larger prior_weight"
        )
    best = max(sound, key=lambda fit: fit.log_likelihood)
    fitted_on = FittedOn(
        n_candles=len(candles),
        first_us=int(candles.known_at_us[0]),
        last_us=int(candles.known_at_us[-1]),
        seed=seed,
        log_likelihoods=tuple(None if fit is None else fit.log_likelihood for fit in fits),
        n_iterations=int(best.hmm.monitor_.iter),
        converged=best.converged,
    )
    return _model(best.hmm, mean, deviation, candles, parameters, fitted_on)


def _require_enough(n_candles: int, rows: FloatArray, parameters: RegimeParameters) -> None:
    needed = LEAST_CANDLES_A_STATE * parameters.n_states
    if len(rows) < needed:
        raise BadInputError(
            f"{len(rows)} of {n_candles} candles are behind the warm-up of {parameters.trend_span}; {parameters.n_states} states "
            f"need {needed}; give a longer train span, or shorter spans"
        )
    still = [name for name, column in zip(OBSERVATIONS, rows.T, strict=True) if np.ptp(column) == 0.0]
    if still:
        raise BadInputError(
            f"{', '.join(still)} of {len(rows)} candles never changed; regimes need prices that move; give candles of an "
            "open market"
        )


def _anchors(n_states: int, trend_deviation: float) -> FloatArray:
    anchors = np.zeros((n_states, len(OBSERVATIONS)))
    anchors[:, [VOLATILITY, TREND]] = ANCHORS[:n_states]
    anchors[:, TREND] /= trend_deviation
    return anchors


def _lengths(known: npt.NDArray[np.bool_]) -> list[int]:
    """How long each run of known rows is."""
    edges = np.flatnonzero(np.diff(known.astype(np.int8), prepend=np.int8(0), append=np.int8(0)))
    lengths: list[int] = (edges[1::2] - edges[::2]).tolist()
    return lengths


def _fitted(
    standard: FloatArray, lengths: list[int], anchors: FloatArray, begin: FloatArray, parameters: RegimeParameters
) -> _Fit | None:
    """One fit from the means `begin`; None when it is degenerate."""
    from hmmlearn.hmm import GaussianHMM  # two seconds of import, for a fit only

    n_states, n_observed = anchors.shape
    tolerance = CONVERGED_A_CANDLE * len(standard)
    hmm = GaussianHMM(
        n_states,
        "full",
        n_iter=MOST_ITERATIONS,
        tol=tolerance,
        init_params="",
        # Where a stretch begins tells nothing of where states begin.
        params="tmc",
        means_prior=anchors,
        means_weight=parameters.prior_weight * len(standard) / n_states,
    )
    hmm.means_, hmm.covars_ = begin, np.tile(0.5 * np.eye(n_observed), (n_states, 1, 1))
    leaving = (1.0 - STICKINESS) / (n_states - 1)
    hmm.transmat_ = np.full((n_states, n_states), leaving) + (STICKINESS - leaving) * np.eye(n_states)
    hmm.startprob_ = np.full(n_states, 1.0 / n_states)
    with _quietly():
        try:
            hmm.fit(standard, lengths)
        except (ValueError, np.linalg.LinAlgError):
            # hmmlearn's words for a state without candles, or with a covariance that is none.
            return None
    shares = hmm.predict_proba(standard, lengths).mean(axis=0)
    if not np.isfinite(hmm.means_).all() or shares.min() < LEAST_SHARE:
        return None
    history = list(hmm.monitor_.history)
    converged = len(history) > 1 and history[-1] - history[-2] < tolerance
    return _Fit(hmm, history[-1] / len(standard), converged)


@contextmanager
def _quietly() -> Iterator[None]:
    """What hmmlearn tells by log and warning what `FittedOn` tells as a value, is not said twice."""
    told = logging.getLogger("hmmlearn")
    before = told.level
    told.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore", RuntimeWarning)
            yield
    finally:
        told.setLevel(before)


def _model(
    hmm: Any,
    mean: FloatArray,
    deviation: FloatArray,
    candles: CandleArrays,
    parameters: RegimeParameters,
    fitted_on: FittedOn,
) -> RegimeModel:
    regimes = named(hmm.means_[:, VOLATILITY], hmm.means_[:, TREND] * deviation[TREND])
    # One order for the same states, whatever numbers the fit gave them.
    order = sorted(range(len(regimes)), key=lambda state: (regimes[state], *hmm.means_[state].tolist()))
    transition = np.maximum(hmm.transmat_[np.ix_(order, order)], FLOOR)
    transition /= transition.sum(axis=1, keepdims=True)
    return RegimeModel(
        timeframe=candles.timeframe,
        parameters=parameters,
        regimes=tuple(regimes[state] for state in order),
        start=_stationary(transition),
        transition=transition,
        means=np.ascontiguousarray(hmm.means_[order]),
        covariances=np.ascontiguousarray(hmm.covars_[order]),
        observed_mean=mean,
        observed_deviation=deviation,
        fitted_on=fitted_on,
    )


def _stationary(transition: FloatArray) -> FloatArray:
    """float64[K]: how often each state is in the long run: π = π·transition, Σπ = 1, by least squares."""
    n_states = len(transition)
    equations = np.vstack((transition.T - np.eye(n_states), np.ones(n_states)))
    shares = np.maximum(np.linalg.lstsq(equations, np.append(np.zeros(n_states), 1.0), rcond=None)[0], FLOOR)
    stationary: FloatArray = shares / shares.sum()
    return stationary
