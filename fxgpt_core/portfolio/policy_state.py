"""What the policy of portfolio weights sees at the end of each FX day: 137 numbers of the market, and none of the account.

The layout is that of the integration specification (section 4.6.4: returns of 20 days, volatility, correlations, VaR, CVaR,
Sharpe, Sortino, VIX, sentiment) for up to five symbols, in the order of the universe; docs/policy.md has it as a table. The
account's own equity is left out, so that live and backtest see the same numbers.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from fxgpt_core.compiled import compiled
from fxgpt_core.errors import BadInputError
from fxgpt_core.portfolio.daily_context import DailyContext
from fxgpt_core.portfolio.universe import Universe

FloatArray = npt.NDArray[np.float64]

SLOTS: Final = 5
RETURN_DAYS: Final = 20
RISK_DAYS: Final = 60
VIX_DAYS: Final = 252
FEWEST_VIX: Final = 20
LIMIT: Final = 5.0
"""No number of a state is farther from 0."""

PAST_DAYS: Final = VIX_DAYS
"""A state depends on this many days at most, its own included; `RISK_DAYS` + 1 of them are closes."""

TRADING_DAYS: Final = 260.0
USUAL_VOLATILITY: Final = 0.10
USUAL_VIX: Final = 20.0
TAIL: Final = 0.05

RISK_NAMES: Final = ("var", "cvar", "sharpe", "sortino")
NAMES: Final = (
    *(f"return_{slot}_{ago}" for slot in range(SLOTS) for ago in range(RETURN_DAYS)),
    *(f"volatility_{slot}" for slot in range(SLOTS)),
    *(f"correlation_{one}_{other}" for one in range(SLOTS) for other in range(one + 1, SLOTS)),
    *RISK_NAMES,
    *("vix_level", "vix_percentile"),
    *(f"crowd_long_{slot}" for slot in range(SLOTS)),
    *(f"crowd_confidence_{slot}" for slot in range(SLOTS)),
    *(f"news_{slot}" for slot in range(SLOTS)),
    "presence",
)
"""The 137 names, slot = place of the symbol in the universe, ago = days before the state's own."""

SIZE: Final = len(NAMES)
_VOLATILITY, _CORRELATION, _RISK, _VIX, _CROWD, _CONFIDENCE, _NEWS, _PRESENCE = (
    NAMES.index(name)
    for name in (
        *("volatility_0", "correlation_0_1", "var", "vix_level", "crowd_long_0", "crowd_confidence_0", "news_0", "presence"),
    )
)


def states(universe: Universe, context: DailyContext | None = None) -> FloatArray:
    """float64[D,137]: the state at the end of each day, by `NAMES`; each row depends on the last `PAST_DAYS` rows only.

    Returns are in units of the symbol's standard deviation of these 20 days; volatility is ln(annual / 10 %), level ln(VIX /
    20), the percentile runs from −1 to 1 over the last 252 days; VaR and CVaR (the worst 5 % of 60 days, historical) in
    percent, Sharpe and Sortino annual and without risk-free rate, of the portfolio of equal weights. Everything is cut at
    ±`LIMIT`, and what is not known, or no symbol, is 0. Raises `BadInputError` for more than five symbols, or a context of
    another shape.
    """
    n_days, n_symbols = universe.close.shape
    if n_symbols > SLOTS:
        raise BadInputError(
            f"{n_symbols} symbols found ({', '.join(universe.names)}); the policy's state has places for {SLOTS}; name fewer"
        )
    known = context or DailyContext.nothing(n_days, n_symbols)
    _check_shapes(known, n_days, n_symbols)
    found = np.zeros((n_days, SIZE))
    _markets(universe.returns, found)
    _vix(known.vix, found)
    for first, values in (
        (_CROWD, 2.0 * known.crowd_long - 1.0),
        (_CONFIDENCE, known.crowd_confidence),
        (_NEWS, known.news),
    ):
        found[:, first : first + n_symbols] = np.nan_to_num(values, nan=0.0)
    found[:, _PRESENCE] = np.isfinite(universe.close).sum(axis=1) / SLOTS
    return np.clip(found, -LIMIT, LIMIT)


def _check_shapes(context: DailyContext, n_days: int, n_symbols: int) -> None:
    wanted = {"vix": (n_days,)} | dict.fromkeys(("crowd_long", "crowd_confidence", "news"), (n_days, n_symbols))
    for name, shape in wanted.items():
        found = getattr(context, name).shape
        if found != shape:
            raise BadInputError(
                f"{name} has shape {found}; {n_days} days of {n_symbols} symbols need {shape}; join it by day first"
            )


@compiled
def _markets(returns: FloatArray, found: FloatArray) -> None:
    """Fills what depends on the returns float64[D,K]; row by row and oldest first, so that no row knows how many there are."""
    for day in range(len(returns)):
        last = returns[max(0, day - RETURN_DAYS + 1) : day + 1]
        for slot in range(returns.shape[1]):
            _of_symbol(last, slot, found[day])
        place = _CORRELATION
        for one in range(SLOTS):
            for other in range(one + 1, SLOTS):
                if other < returns.shape[1]:
                    found[day, place] = _correlation(last, one, other)
                place += 1
        _risk(returns[max(0, day - RISK_DAYS + 1) : day + 1], found[day])


@compiled
def _of_symbol(last: FloatArray, slot: int, row: FloatArray) -> None:
    """Returns and volatility of a symbol; nothing until all 20 are known."""
    deviation = _deviation(last, slot)
    if deviation > 0.0:
        for ago in range(RETURN_DAYS):
            row[slot * RETURN_DAYS + ago] = last[RETURN_DAYS - 1 - ago, slot] / deviation
        row[_VOLATILITY + slot] = math.log(deviation * math.sqrt(TRADING_DAYS) / USUAL_VOLATILITY)


@compiled
def _deviation(last: FloatArray, slot: int) -> float:
    """The standard deviation of 20 returns, 0 where one of them is not known."""
    if len(last) < RETURN_DAYS:
        return 0.0
    mean = _mean(last, slot)
    total = 0.0
    for day in range(len(last)):
        total += (last[day, slot] - mean) ** 2
    return math.sqrt(total / (len(last) - 1)) if total > 0.0 else 0.0


@compiled
def _mean(last: FloatArray, slot: int) -> float:
    total = 0.0
    for day in range(len(last)):
        total += last[day, slot]
    return total / len(last)


@compiled
def _correlation(last: FloatArray, one: int, other: int) -> float:
    """Of the 20 returns of two symbols, 0 where it is not known."""
    deviations = _deviation(last, one) * _deviation(last, other)
    if not deviations > 0.0:
        return 0.0
    mean, mean_other, total = _mean(last, one), _mean(last, other), 0.0
    for day in range(len(last)):
        total += (last[day, one] - mean) * (last[day, other] - mean_other)
    return total / (len(last) - 1) / deviations


@compiled
def _risk(last: FloatArray, row: FloatArray) -> None:
    """VaR, CVaR, Sharpe and Sortino of equal weights; nothing until 60 days are known."""
    if len(last) < RISK_DAYS:
        return
    portfolio = np.empty(RISK_DAYS)
    for day in range(RISK_DAYS):
        total, n = 0.0, 0
        for slot in range(last.shape[1]):
            if not math.isnan(last[day, slot]):
                total += last[day, slot]
                n += 1
        if n == 0:
            return
        portfolio[day] = total / n
    total, below = 0.0, 0.0
    for day in range(RISK_DAYS):
        total += portfolio[day]
        below += min(portfolio[day], 0.0) ** 2
    mean, squares = total / RISK_DAYS, 0.0
    for day in range(RISK_DAYS):
        squares += (portfolio[day] - mean) ** 2
    worst, n_worst, tail = np.sort(portfolio), int(RISK_DAYS * TAIL), 0.0
    for place in range(n_worst):
        tail += worst[place]
    row[_RISK] = -100.0 * worst[n_worst - 1]
    row[_RISK + 1] = -100.0 * tail / n_worst
    year = math.sqrt(TRADING_DAYS)
    if squares > 0.0:
        row[_RISK + 2] = mean / math.sqrt(squares / (RISK_DAYS - 1)) * year
    if below > 0.0:
        row[_RISK + 3] = mean / math.sqrt(below / RISK_DAYS) * year


@compiled
def _vix(vix: FloatArray, found: FloatArray) -> None:
    """Level, and where it stands among the last 252 days."""
    for day in range(len(vix)):
        if not vix[day] > 0.0:
            continue
        found[day, _VIX] = math.log(vix[day] / USUAL_VIX)
        known, below = 0, 0
        for past in range(max(0, day - VIX_DAYS + 1), day + 1):
            known += vix[past] > 0.0
            below += vix[past] <= vix[day]
        if known >= FEWEST_VIX:
            found[day, _VIX + 1] = 2.0 * below / known - 1.0
