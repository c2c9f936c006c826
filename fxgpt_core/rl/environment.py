"""A gymnasium environment that is the backtest: an action is the weights of a day, a reward what the kernel says it earned.

Each step replays the episode up to its end, with all actions so far, and reads the equity there: it is the backtest by
construction, and takes some tens of microseconds a symbol.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

import gymnasium
import numpy as np
import numpy.typing as npt

from fxgpt_core import content_hash
from fxgpt_core.errors import BadInputError
from fxgpt_core.portfolio.policy import weights_of
from fxgpt_core.portfolio.policy_state import LIMIT, SIZE
from fxgpt_core.rl.accounts import RUIN, Accounts

FloatArray = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]

EPISODE_DAYS: Final = 60
"""Days of an episode at most: twelve weeks, as long as an LSTM remembers."""
FEWEST_DAYS: Final = 10
REWARD_SCALE: Final = 100.0
"""Rewards are changes of log equity in percent, so that a critic's errors are of the order of 1."""


@dataclass(frozen=True)
class EpisodeRows:
    """The rows of the universe that are trained on, [first, stop): states and what they earn; nothing of row `stop` is seen."""

    first: int
    stop: int

    @property
    def days(self) -> int:
        """Days of an episode: half of the rows at most, so that episodes differ. Raises `BadInputError` for too few rows."""
        if self.stop - self.first <= FEWEST_DAYS:
            raise BadInputError(
                f"{self.stop - self.first} FX days found to train on; {FEWEST_DAYS + 1} are needed; give more candles, "
                "or a larger calibration_share to diffusion_model"
            )
        return min(EPISODE_DAYS, max(FEWEST_DAYS, (self.stop - self.first) // 2))


class PolicyEnvironment(gymnasium.Env[Floats, Floats]):
    """Observation: the state float32[137] at the end of a day. Action: scores float32[K+1] in [−1, 1], cash last, which
    `policy.weights_of` makes weights. Reward: the change of log total equity over the next day, in percent, costs included.

    An episode begins flat on a day drawn from the rows; it is truncated after `days`, or ends in ruin.
    """

    def __init__(self, accounts: Accounts, states: FloatArray, rows: EpisodeRows) -> None:
        if states.shape != (len(accounts.universe), SIZE) or not 0 <= rows.first < rows.stop <= len(states):
            raise BadInputError(
                f"states of {states.shape} and {rows} found for {len(accounts.universe)} days; give a state of {SIZE} for each "
                "day, and rows within"
            )
        self.accounts, self.rows, self.days = accounts, rows, rows.days
        self._states = states.astype(np.float32)
        n_scores = len(accounts.universe.names) + 1
        self.observation_space = gymnasium.spaces.Box(-LIMIT, LIMIT, (SIZE,), np.float32)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (n_scores,), np.float32)
        self._start, self._equity = rows.first, 1.0
        self._nothing = np.empty((0, n_scores))
        self._weights = self._nothing

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Floats, dict[str, Any]]:
        """A new episode; the same seed draws the same episodes."""
        super().reset(seed=seed)
        del options
        latest = self.rows.stop - self.days - 1
        self.begin(int(self.np_random.integers(self.rows.first, latest + 1)))
        return self._observed(), {}

    def begin(self, start: int, weights: FloatArray | None = None) -> Floats:
        """An episode from a row of one's own choice, with the weights float64[t,K+1] of days already lived, if any."""
        self._start = start
        self._weights = self._nothing if weights is None else weights
        self._equity = self._total()
        return self._observed()

    def step(self, action: Floats) -> tuple[Floats, float, bool, bool, dict[str, Any]]:
        """The next day under the action's weights."""
        weights = weights_of(np.asarray(action, dtype=np.float64)[None])
        self._weights = np.concatenate((self._weights, weights))
        before, self._equity = self._equity, self._total()
        reward = REWARD_SCALE * math.log(self._equity / before)
        terminated, truncated = self._equity <= RUIN, len(self._weights) == self.days
        return self._observed(), reward, terminated, truncated, {"equity": self._equity, "weights": weights[0]}

    @property
    def lived(self) -> tuple[int, FloatArray]:
        """The row this episode began at, and its weights float64[t,K+1] so far; `begin` goes on from there."""
        return self._start, self._weights

    @property
    def sha256(self) -> str:
        """Content hash of all that is learned from."""
        states = content_hash.of_bytes(self._states[self.rows.first : self.rows.stop].tobytes())
        return content_hash.of_json([self.accounts.sha256, states, self.rows.first, self.rows.stop])

    def _observed(self) -> Floats:
        seen: Floats = self._states[self._start + len(self._weights)].copy()
        return seen

    def _total(self) -> float:
        """The total equity over the capital now; at the end of the episode all positions are closed."""
        if len(self._weights) == 0:
            return 1.0
        at_end = len(self._weights) == self.days
        return max(float(self.accounts.day_equity(self._weights, self._start, closed=at_end)[-1]), RUIN)
