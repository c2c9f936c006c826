"""A trained policy as plain arrays: from the state of each day to weights of the symbols and cash, without torch.

Every sum has one order, so that a day's weights are the same to the last bit alone or among thousands. An LSTM begins anew at
days that the calendar alone tells, so that it too depends on a bounded past. K symbols, D days, H hidden numbers.
"""

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from fxgpt_core.compiled import compiled
from fxgpt_core.errors import BadInputError
from fxgpt_core.portfolio.policy_state import PAST_DAYS, SIZE

FloatArray = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Days = npt.NDArray[np.int32]

SCORE_SCALE: Final = 4.0
"""Scores run from −1 to 1; times this they are logits: a weight is at most e⁸ times another."""

MEMORY_DAYS: Final = 84
"""An LSTM forgets everything each twelve weeks, counted from the epoch; episodes of its training are no longer."""

PAST_CALENDAR_DAYS: Final = PAST_DAYS * 2 + MEMORY_DAYS
"""Weights depend on so many calendar days of candles at most: those of the state, half of them closed days, and the memory."""


class Layer(NamedTuple):
    """A linear layer: x · `weight` float32[C,C'] + `bias` float32[C']."""

    weight: Floats
    bias: Floats


class Memory(NamedTuple):
    """An LSTM (Hochreiter & Schmidhuber 1997) of H cells, gates in the order input, forget, cell, output.

    `enter` float32[C,4H] of the state, `keep` float32[H,4H] of its own last output, `bias` float32[4H].
    """

    enter: Floats
    keep: Floats
    bias: Floats


@dataclass(frozen=True, eq=False)
class PlainPolicy:
    """The actor of `symbols`: `memory` or none, then `layers` with tanh between them; the last gives K+1 scores, cash last."""

    symbols: tuple[str, ...]
    layers: tuple[Layer, ...]
    memory: Memory | None = None

    def __post_init__(self) -> None:
        width, wanted = SIZE, len(self.symbols) + 1
        shapes = [layer.weight.shape for layer in self.layers]
        if self.memory is not None:
            shapes = [(self.memory.enter.shape[0], self.memory.keep.shape[0]), *shapes]
        for came, goes in shapes:
            if came != width:
                break
            width = goes
        else:
            if width == wanted and self.layers:
                return
        raise BadInputError(
            f"layers of {shapes} found; they must lead from a state of {SIZE} to {wanted} scores; export the policy again"
        )


def policy_weights(policy: PlainPolicy, states: FloatArray, day: Days) -> FloatArray:
    """float64[D,K+1]: the weights chosen at the end of each day, cash last; they are positive and their sum is 1.

    `states` float64[D,137] and `day` int32[D], ascending, are those of consecutive rows of a universe. With an LSTM a row
    depends on the rows since its `MEMORY_DAYS` began. Raises `BadInputError` for another shape.
    """
    if states.shape != (len(day), SIZE):
        raise BadInputError(
            f"states of {states.shape} found for {len(day)} days; ({len(day)}, {SIZE}) is needed; use policy_state"
        )
    hidden = np.ascontiguousarray(states, dtype=np.float64)
    if policy.memory is not None:
        hidden = _remembered(policy.memory, hidden, memory_begins(day))
    for layer in policy.layers[:-1]:
        hidden = _through(layer, hidden, True)
    return weights_of(_through(policy.layers[-1], hidden, False))


def memory_begins(day: Days) -> npt.NDArray[np.bool_]:
    """bool[D]: the rows at which an LSTM begins anew: the first, and the first of each `MEMORY_DAYS`."""
    period = np.asarray(day, dtype=np.int64) // MEMORY_DAYS
    begins: npt.NDArray[np.bool_] = np.diff(period, prepend=period[:1] - 1) != 0
    return begins


@compiled
def weights_of(scores: FloatArray) -> FloatArray:
    """float64[D,K+1]: weights of scores float64[D,K+1]: cut at ±1, times `SCORE_SCALE`, softmax."""
    found = np.empty_like(scores)
    for day in range(len(scores)):
        total = 0.0
        for place in range(scores.shape[1]):
            found[day, place] = math.exp(SCORE_SCALE * min(max(scores[day, place], -1.0), 1.0))
            total += found[day, place]
        for place in range(scores.shape[1]):
            found[day, place] /= total
    return found


@compiled
def _through(layer: Layer, x: FloatArray, bent: bool) -> FloatArray:
    """float64[D,C']: a layer of x float64[D,C], and tanh of it if `bent`."""
    found = np.empty((len(x), len(layer.bias)))
    for row in range(len(x)):
        found[row] = layer.bias
        _add_product(found[row], x[row], layer.weight)
        if bent:
            for place in range(found.shape[1]):
                found[row, place] = math.tanh(found[row, place])
    return found


@compiled
def _add_product(found: FloatArray, x: FloatArray, weight: Floats) -> None:
    """Adds x float64[C] · weight float32[C,C'] to what is found, float64[C']."""
    for i in range(len(x)):
        for j in range(len(found)):
            found[j] += x[i] * weight[i, j]


@compiled
def _remembered(memory: Memory, x: FloatArray, begins: npt.NDArray[np.bool_]) -> FloatArray:
    """float64[D,H]: the outputs of the LSTM, day after day."""
    size = len(memory.keep)
    found, cell, gates = np.zeros((len(x), size)), np.zeros(size), np.empty(4 * size)
    for row in range(len(x)):
        gates[:] = memory.bias
        _add_product(gates, x[row], memory.enter)
        if begins[row]:
            cell[:] = 0.0
        else:
            _add_product(gates, found[row - 1], memory.keep)
        for place in range(size):
            take, keep = _logistic(gates[place]), _logistic(gates[size + place])
            cell[place] = keep * cell[place] + take * math.tanh(gates[2 * size + place])
            found[row, place] = _logistic(gates[3 * size + place]) * math.tanh(cell[place])
    return found


@compiled
def _logistic(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))
