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

from fxgpt_core.compiled import compiled, uncounted
from fxgpt_core.conformal.bands import Bands
from fxgpt_core.errors import BadInputError

FloatArray = npt.NDArray[np.float64]
Side = npt.NDArray[np.int8]

_SAME_DRIFT = 1e-9
_SQRT_2 = math.sqrt(2.0)
# In deviations of the step: barriers so near that one is met for certain (to 1e-8), an image too far to add 1e-18, and a tail of 0.
_SOON, _NEVER, _NEVER_AT_ALL = 0.5, 9.0, 37.0


@dataclass(frozen=True, eq=False)
class Scenarios:
    """Probabilities float64[N]. `bull`, `bear`, `base`: the return at the step is above the cost, below minus the cost, between.

    Of the wished side, and NaN where there is none: `target`, `stop`: the return lies beyond them at the step; `target_met`,
    `stop_met`: they are met by then, and before the other; `target_first`: the target is met before the stop, whenever that is.
    """

    bull: FloatArray
    base: FloatArray
    bear: FloatArray
    target: FloatArray
    stop: FloatArray
    target_met: FloatArray
    stop_met: FloatArray
    target_first: FloatArray


def probability_below(bands: Bands, step: int, log_return: FloatArray) -> FloatArray:
    """float64[N]: the probability that the cumulative log-return at `step` candles ahead is below `log_return` float64[N].

    NaN where that is. Raises `BadInputError` for a step that the bands do not have.
    """
    at = _at(bands, step)
    values = np.ascontiguousarray(np.broadcast_to(log_return, len(at.median)), dtype=np.float64)
    return _each_below(at, values)


def moments(bands: Bands, step: int) -> tuple[FloatArray, FloatArray]:
    """Mean and variance, float64[N] each, of the distribution of the cumulative log-return. Raises `BadInputError`."""
    return _each_moments(_at(bands, step))


def scenarios(bands: Bands, step: int, side: Side, cost: float, target: FloatArray, stop: FloatArray) -> Scenarios:
    """The scenarios of N wishes: `side` int8[N] (1, 0, −1), the round-trip `cost`, and the distances of target and stop.

    Cost and distances (float64[N] each) are fractions of the close. Which is met first is asked of a Brownian motion with the mean
    and the variance of the band at the step: until then (first passage of two barriers; Borodin & Salminen 2002, II.3.0), or for
    as long as it takes (ruin of a gambler; Karlin & Taylor 1975, 15.3). It assumes that drift and volatility are even, and price
    does not jump over a level. Raises `BadInputError` for a step that the bands do not have, and for a cost or a distance
    outside [0, 1).
    """
    for name, value in (("cost", np.array([cost])), ("target", target), ("stop", stop)):
        if ((value < 0.0) | (value >= 1.0)).any():
            raise BadInputError(
                f"the {name} reaches from {np.nanmin(value)} to {np.nanmax(value)}; a fraction of the close from 0 to below 1 is "
                "needed; divide a distance in quote currency by the close"
            )
    return Scenarios(*_each_scenarios(_at(bands, step), side, float(cost), target, stop))


class _AtStep(NamedTuple):
    """The bands of one step: `median` float64[N], `lower`, `upper` float64[N,C], `tails` float64[C]: what lies beyond an edge."""

    median: FloatArray
    lower: FloatArray
    upper: FloatArray
    tails: FloatArray


def _at(bands: Bands, step: int) -> _AtStep:
    found = np.flatnonzero(bands.steps == step)
    if len(found) == 0:
        raise BadInputError(f"the bands have no step {step}; they have {bands.steps.tolist()}; choose one of them")
    index = int(found[0])
    return _AtStep(bands.median[:, index], bands.lower[:, index], bands.upper[:, index], (1.0 - bands.coverages) / 2.0)


@compiled
def _each_below(at: _AtStep, values: FloatArray) -> FloatArray:
    below = np.empty(len(values))
    for row in range(len(values)):
        below[row] = _below(at, row, values[row])
    return below


@compiled
def _each_moments(at: _AtStep) -> tuple[FloatArray, FloatArray]:
    mean, variance = np.empty(len(at.median)), np.empty(len(at.median))
    for row in range(len(at.median)):
        mean[row], variance[row] = _moments(at, row)
    return mean, variance


@compiled
def _each_scenarios(at: _AtStep, side: Side, cost: float, target: FloatArray, stop: FloatArray) -> FloatArray:
    """float64[8,N] in the order of `Scenarios`."""
    found = np.full((8, len(side)), np.nan)
    rises, falls = math.log1p(cost), math.log1p(-cost)
    for row in range(len(side)):
        found[0, row], found[2, row] = _above(at, row, rises), _below(at, row, falls)
        found[1, row] = 1.0 - found[0, row] - found[2, row]
        if side[row] == 0:
            continue
        mean, variance = _moments(at, row)
        if side[row] > 0:
            up, down = math.log1p(target[row]), -math.log1p(-stop[row])
            found[3, row], found[4, row] = _above(at, row, up), _below(at, row, -down)
            found[5, row], found[6, row] = _met(mean, variance, up, down), _met(-mean, variance, down, up)
            found[7, row] = _first(mean, variance, up, down)
        else:
            up, down = math.log1p(stop[row]), -math.log1p(-target[row])
            found[3, row], found[4, row] = _below(at, row, -down), _above(at, row, up)
            found[5, row], found[6, row] = _met(-mean, variance, down, up), _met(mean, variance, up, down)
            found[7, row] = _first(-mean, variance, down, up)
    return found


@uncounted
def _below(at: _AtStep, row: int, value: float) -> float:
    distance = value - at.median[row]
    return 1.0 - _beyond(at, row, distance) if distance >= 0.0 else _beyond(at, row, distance)


@uncounted
def _above(at: _AtStep, row: int, value: float) -> float:
    distance = value - at.median[row]
    return _beyond(at, row, distance) if distance >= 0.0 else 1.0 - _beyond(at, row, distance)


@uncounted
def _beyond(at: _AtStep, row: int, distance: float) -> float:
    """The probability to end farther from the median than a signed distance, on its side."""
    if math.isnan(distance):
        return math.nan
    edges, far = at.upper if distance >= 0.0 else at.lower, abs(distance)
    near, left_near, width, fall = 0.0, 0.5, 0.0, 1.0
    for c in range(len(at.tails)):
        edge, left = float(abs(edges[row, c] - at.median[row])), float(at.tails[c])
        if far < edge:
            return left + (edge - far) / (edge - near) * (left_near - left)
        width, fall = edge - near, left_near / left
        near, left_near = edge, left
    # Two widest edges in one place: nothing is known to lie beyond them.
    if width == 0.0:
        return 0.0
    return left_near * math.exp(-math.log(fall) * (far - near) / width)


@uncounted
def _moments(at: _AtStep, row: int) -> tuple[float, float]:
    below, below_squared = _side_moments(at, row, at.lower)
    above, above_squared = _side_moments(at, row, at.upper)
    shift = above - below
    return at.median[row] + shift, above_squared + below_squared - shift * shift


@uncounted
def _side_moments(at: _AtStep, row: int, edges: FloatArray) -> tuple[float, float]:
    """The parts of one side in the mean distance from the median, and in the mean square of it."""
    near, left_near, width, fall = 0.0, 0.5, 0.0, 1.0
    mean, square = 0.0, 0.0
    for c in range(len(at.tails)):
        edge, left = float(abs(edges[row, c] - at.median[row])), float(at.tails[c])
        mean += (left_near - left) * (near + edge) / 2.0
        square += (left_near - left) * (near * near + near * edge + edge * edge) / 3.0
        width, fall = edge - near, left_near / left
        near, left_near = edge, left
    length = width / math.log(fall)
    return mean + left_near * (near + length), square + left_near * (near * near + 2.0 * near * length + 2.0 * length * length)


@uncounted
def _first(mean: float, variance: float, far: float, near: float) -> float:
    """That a Brownian motion meets `far` before minus `near`; mean and variance are those of one span of time."""
    if not (variance > 0.0 and far + near > 0.0):
        return math.nan
    drift = 2.0 * mean / variance
    reach = drift * (far + near)
    if abs(reach) < _SAME_DRIFT:
        return near / (far + near)
    # Each form has no exponential that could grow beyond all bounds.
    if drift > 0.0:
        return math.expm1(-drift * near) / math.expm1(-reach)
    return math.exp(drift * far) * math.expm1(drift * near) / math.expm1(reach)


@uncounted
def _met(mean: float, variance: float, far: float, near: float) -> float:
    """The same, within the span of time: images of the barrier at `far` in both barriers, with alternating signs."""
    if not (variance > 0.0 and far + near > 0.0):
        return math.nan
    deviation = math.sqrt(variance)
    level, drift, width = far / deviation, mean / deviation, (far + near) / deviation
    if width < _SOON:
        return _first(mean, variance, far, near)
    met, image = _passage(level, drift, level), 2.0 * width
    while image - level < _NEVER + abs(drift):
        met += _passage(level, drift, image + level) - _passage(level, drift, image - level)
        image += 2.0 * width
    return min(max(met, 0.0), 1.0)


@uncounted
def _passage(level: float, drift: float, image: float) -> float:
    """exp(drift · (level − image)) times the probability to pass a single barrier at `image` in a unit of time, of unit variance."""
    speed = abs(drift)
    passed = math.exp(drift * level - speed * image) * 0.5 * math.erfc((image - speed) / _SQRT_2)
    # Where the tail is zero, the exponential beside it may be beyond all bounds.
    if image + speed < _NEVER_AT_ALL:
        passed += math.exp(drift * level + speed * image) * 0.5 * math.erfc((image + speed) / _SQRT_2)
    return passed
