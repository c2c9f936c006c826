"""Probabilities of scenarios: what calibrated bands say of a return beyond a cost, a target or a stop.

Half of what a band leaves out is taken to lie on each side of it. Between edges the distribution is linear; beyond the widest
band each tail is exponential, and goes on falling as it fell between the two widest edges. It is elementwise: row i of a result
depends on row i of the bands and levels only, to the last bit.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fxgpt_core.compiled import compiled, inlined, uncounted
from fxgpt_core.conformal.bands import Bands
from fxgpt_core.errors import BadInputError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Side = npt.NDArray[np.int8]

_SAME_DRIFT = 1e-9
_NEGLIGIBLE = 1e-8
# Levels so near each other, in deviations of the step, that one of them is met within it for certain.
_SOON = 0.2
_LARGEST_POWER = 700.0


@dataclass(frozen=True, eq=False)
class Scenarios:
    """Probabilities float64[N]. `bull`, `bear`, `base`: the return at the step is above the cost, below minus the cost, between.

    Of the wished side, and NaN where there is none: `target`, `stop`: the return lies beyond them at the step; `target_met`,
    `stop_met`: they are met by then, and before the other; `target_first`: the target is met before the stop, at any time.
    """

    bull: FloatArray
    base: FloatArray
    bear: FloatArray
    target: FloatArray
    stop: FloatArray
    target_met: FloatArray
    stop_met: FloatArray
    target_first: FloatArray


class AtStep(NamedTuple):
    """The bands of one step: `median` float64[N], `lower`, `upper` float64[N,C], `tails` float64[C]: what lies beyond an edge.

    `fall` is the logarithm of how much less lies beyond the widest edges than beyond those before.
    """

    median: FloatArray
    lower: FloatArray
    upper: FloatArray
    tails: FloatArray
    fall: float


def at_step(bands: Bands, step: int) -> AtStep:
    """The bands of one step, as views. Raises `BadInputError` for a step that they do not have."""
    found = np.flatnonzero(bands.steps == step)
    if len(found) == 0:
        raise BadInputError(f"the bands have no step {step}; they have {bands.steps.tolist()}; choose one of them")
    index, tails = int(found[0]), (1.0 - bands.coverages) / 2.0
    fall = math.log((tails[-2] if len(tails) > 1 else 0.5) / tails[-1])
    return AtStep(bands.median[:, index], bands.lower[:, index], bands.upper[:, index], tails, fall)


def probability_below(bands: Bands, step: int, log_return: FloatArray) -> FloatArray:
    """float64[N]: the probability that the cumulative log-return at `step` candles ahead is below `log_return` float64[N].

    NaN where that is. Raises `BadInputError` for a step that the bands do not have.
    """
    at = at_step(bands, step)
    values = np.ascontiguousarray(np.broadcast_to(log_return, len(at.median)), dtype=np.float64)
    return _each_below(at, values)


def moments(bands: Bands, step: int) -> tuple[FloatArray, FloatArray]:
    """Mean and variance, float64[N] each, of the distribution of the cumulative log-return. Raises `BadInputError`."""
    return _each_moments(at_step(bands, step))


def scenarios(bands: Bands, step: int, side: Side, cost: float, target: FloatArray, stop: FloatArray) -> Scenarios:
    """The scenarios of N wishes: `side` int8[N] (1, 0, −1), the round-trip `cost`, and the distances of target and stop.

    Cost and distances (float64[N] each) are fractions of the close. Within the step, what is met first follows from where walks
    end: of those that met a level half end beyond it (reflection principle, with images in both levels; Feller 1971, X.5),
    whatever volatility does on the way; drift tilts this as it does for a Brownian motion. At any time, it is the ruin of a
    gambler (Karlin & Taylor 1975, 15.3) with the mean and the variance of the step. Price does not jump over a level. Raises
    `BadInputError` for a step that the bands do not have, and for a cost or a distance outside [0, 1).
    """
    at = at_step(bands, step)
    return scenarios_of(at, np.arange(len(at.median)), Wished(side, cost, target, stop))


class Wished(NamedTuple):
    """N wishes, as `scenarios` takes them."""

    side: Side
    cost: float
    target: FloatArray
    stop: FloatArray


def scenarios_of(at: AtStep, rows: IntArray, wished: Wished) -> Scenarios:
    """`scenarios` of wishes at rows int64[N] of the bands of one step, read where they lie. Raises `BadInputError`."""
    side, cost, target, stop = wished
    for name, value in (("cost", np.array([cost])), ("target", target), ("stop", stop)):
        if ((value < 0.0) | (value >= 1.0)).any():
            raise BadInputError(
                f"the {name} reaches from {np.nanmin(value)} to {np.nanmax(value)}; a fraction of the close from 0 to below 1 is "
                "needed; divide a distance in quote currency by the close"
            )
    return Scenarios(*_each_scenarios(at, rows, Wished(side, float(cost), target, stop)))


@compiled
def _each_below(at: AtStep, values: FloatArray) -> FloatArray:
    below = np.empty(len(values))
    for row in range(len(values)):
        below[row] = _below(at, row, values[row])
    return below


@compiled
def _each_moments(at: AtStep) -> tuple[FloatArray, FloatArray]:
    mean, variance = np.empty(len(at.median)), np.empty(len(at.median))
    for row in range(len(at.median)):
        mean[row], variance[row] = _moments(at, row)
    return mean, variance


@compiled
def _each_scenarios(at: AtStep, rows: IntArray, wished: Wished) -> FloatArray:
    """float64[8,N] in the order of `Scenarios`."""
    side, cost, target, stop = wished
    found = np.full((8, len(side)), np.nan)
    rises, falls = math.log1p(cost), math.log1p(-cost)
    for i in range(len(side)):
        row = rows[i]
        found[0, i], found[2, i] = _above(at, row, rises), _below(at, row, falls)
        found[1, i] = 1.0 - found[0, i] - found[2, i]
        if side[i] == 0:
            continue
        high, low = _levels(side[i], target[i], stop[i])
        above, below = _above(at, row, high), _below(at, row, low)
        found[3, i], found[4, i] = (above, below) if side[i] > 0 else (below, above)
        found[5, i], found[6, i], found[7, i] = met_levels(at, row, side[i], target[i], stop[i])
    return found


@uncounted
def met_levels(at: AtStep, row: int, side: int, target: float, stop: float) -> tuple[float, float, float]:
    """`target_met`, `stop_met` and `target_first` of one wish with a side, at a row of the bands; see `scenarios`."""
    high, low = _levels(side, target, stop)
    met_high, met_low, high_first = _passages(at, row, high, low)
    return (met_high, met_low, high_first) if side > 0 else (met_low, met_high, 1.0 - high_first)


@uncounted
def first_level(at: AtStep, row: int, side: int, target: float, stop: float) -> float:
    """`target_first` of one wish alone, as `met_levels` tells it: it needs no images."""
    high, low = _levels(side, target, stop)
    mean, variance = _moments(at, row)
    if not (variance > 0.0 and high - low > 0.0):
        return math.nan
    high_first = _first(2.0 * mean / variance, high, -low)
    return high_first if side > 0 else 1.0 - high_first


@inlined
def _levels(side: int, target: float, stop: float) -> tuple[float, float]:
    """The log-returns of the higher and the lower one."""
    up, down = (target, stop) if side > 0 else (stop, target)
    return math.log1p(up), math.log1p(-down)


@uncounted
def _below(at: AtStep, row: int, value: float) -> float:
    distance = value - at.median[row]
    return 1.0 - _beyond(at, row, distance) if distance >= 0.0 else _beyond(at, row, distance)


@uncounted
def _above(at: AtStep, row: int, value: float) -> float:
    distance = value - at.median[row]
    return _beyond(at, row, distance) if distance >= 0.0 else 1.0 - _beyond(at, row, distance)


@uncounted
def _beyond(at: AtStep, row: int, distance: float) -> float:
    """The probability to end farther from the median than a signed distance, on its side."""
    if math.isnan(distance):
        return math.nan
    edges, far = at.upper if distance >= 0.0 else at.lower, abs(distance)
    near, left_near, width = 0.0, 0.5, 0.0
    for c in range(len(at.tails)):
        edge, left = float(abs(edges[row, c] - at.median[row])), float(at.tails[c])
        if far < edge:
            return left + (edge - far) / (edge - near) * (left_near - left)
        width, near, left_near = edge - near, edge, left
    # Two widest edges in one place: nothing is known to lie beyond them.
    if width == 0.0:
        return 0.0
    return left_near * math.exp(-at.fall * (far - near) / width)


@uncounted
def _moments(at: AtStep, row: int) -> tuple[float, float]:
    below, below_squared = _side_moments(at, row, at.lower)
    above, above_squared = _side_moments(at, row, at.upper)
    shift = above - below
    return at.median[row] + shift, above_squared + below_squared - shift * shift


@uncounted
def _side_moments(at: AtStep, row: int, edges: FloatArray) -> tuple[float, float]:
    """The parts of one side in the mean distance from the median, and in the mean square of it."""
    near, left_near, width = 0.0, 0.5, 0.0
    mean, square = 0.0, 0.0
    for c in range(len(at.tails)):
        edge, left = float(abs(edges[row, c] - at.median[row])), float(at.tails[c])
        mean += (left_near - left) * (near + edge) / 2.0
        square += (left_near - left) * (near * near + near * edge + edge * edge) / 3.0
        width, near, left_near = edge - near, edge, left
    length = width / at.fall
    return mean + left_near * (near + length), square + left_near * (near * near + 2.0 * near * length + 2.0 * length * length)


@uncounted
def _passages(at: AtStep, row: int, high: float, low: float) -> tuple[float, float, float]:
    """That `high` is met within the step and before `low`, the reverse, and that `high` is met first, whenever that is."""
    mean, variance = _moments(at, row)
    if not (variance > 0.0 and high - low > 0.0):
        return math.nan, math.nan, math.nan
    first = _first(2.0 * mean / variance, high, -low)
    if high - low < _SOON * math.sqrt(variance):
        return first, 1.0 - first, first
    tilt = _tilt(at, row, mean, variance)
    met_high, met_low = _met(at, row, tilt, high, low), _met(at, row, tilt, low, high)
    # Between edges the distribution is no mixture of normal ones, and the images may add up to a little more than certainty.
    total = max(met_high + met_low, 1.0)
    return met_high / total, met_low / total, first


@uncounted
def _first(drift: float, high: float, low: float) -> float:
    """That a Brownian motion of this drift, in units of half the variance, meets `high` before minus `low`."""
    reach = drift * (high + low)
    if abs(reach) < _SAME_DRIFT:
        return low / (high + low)
    # Each form has no exponential that could grow beyond all bounds.
    if drift > 0.0:
        return math.expm1(-drift * low) / math.expm1(-reach)
    return math.exp(drift * high) * math.expm1(drift * low) / math.expm1(reach)


@uncounted
def _met(at: AtStep, row: int, tilt: float, far: float, near: float) -> float:
    """That `far` (negative: below) is met within the step and before `near` on the other side: images of it in both."""
    level, width = abs(far), abs(far) + abs(near)
    # It ends, since bands are ordered: each turn goes at least 0.4 deviations farther out (`_SOON`), and beyond the widest edges
    # less and less is left, at no less than twice the rate at which drift lets it grow (`_tilt`).
    met, image = _passage(at, row, tilt, far, level), 2.0 * width
    while True:
        beyond, before = _passage(at, row, tilt, far, image + level), _passage(at, row, tilt, far, image - level)
        met += beyond - before
        image += 2.0 * width
        if not max(beyond, before) > _NEGLIGIBLE:
            return min(max(met, 0.0), 1.0)


@uncounted
def _passage(at: AtStep, row: int, tilt: float, far: float, image: float) -> float:
    """The part of one image: the walk ends beyond it, or was mirrored by it and ends as far on the other side."""
    above, below = _above(at, row, image), _below(at, row, -image)
    # The tails fall faster than these grow, and are zero long before.
    up, down = min(tilt * (far - image), _LARGEST_POWER), min(tilt * (far + image), _LARGEST_POWER)
    return math.exp(up) * above + math.exp(down) * below


@uncounted
def _tilt(at: AtStep, row: int, mean: float, variance: float) -> float:
    """Drift over variance; at most half the rate at which the tails fall, so that farther images count less."""
    last, limit = len(at.tails) - 1, math.inf
    for edges in (at.lower, at.upper):
        before = edges[row, last - 1] if last > 0 else at.median[row]
        width = abs(edges[row, last] - before)
        if width > 0.0:
            limit = min(limit, 0.5 * at.fall / width)
    return min(max(mean / variance, -limit), limit)
