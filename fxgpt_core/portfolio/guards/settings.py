"""The numbers of the guards: each with its unit, its default and what it protects from."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from fxgpt_core.errors import BadInputError

SECONDS, MINUTES, HOURS, CANDLES, PIPS = "s", "min", "h", "candles", "pips"
TIMES, OF_EQUITY, SHARE, COUNT, YES_NO = "times", "× equity", "share", "count", "yes/no"


def _number(default: float, unit: str, guard: str, protects_from: str, lowest: float = 0.0) -> Any:
    told = {"unit": unit, "guard": guard, "protects_from": protects_from, "lowest": lowest}
    return field(default=default, metadata=told)


@dataclass(frozen=True)
class GuardSettings:
    """What each guard allows. Raises `BadInputError` for a number that cannot be held."""

    max_signal_age_s: float = _number(30.0, SECONDS, "signal_age", "trading on what was true a while ago")
    max_signal_age_candles: float = _number(0.25, CANDLES, "signal_age", "the same, on short candles: the shorter of both counts")
    max_price_age_s: float = _number(5.0, SECONDS, "stale_price", "ordering blindly: a major's last price is older", 0.1)
    max_minor_price_age_s: float = _number(15.0, SECONDS, "stale_price", "the same, of symbols that are quoted less often", 0.1)
    max_spread_ratio: float = _number(3.0, TIMES, "spread", "paying for a thin market: above the median of the last hour", 1.0)
    harmless_spread_pips: float = _number(3.0, PIPS, "spread", "denying a spread that is small anyhow: up to here all may enter")
    minutes_before_close: float = _number(5.0, MINUTES, "market_hours", "entering what cannot be left again before a closure")
    max_margin_use: float = _number(
        0.8, SHARE, "margin", "binding all that is free: the next move against it is a stop-out", 0.01
    )
    max_positions_per_symbol: int = _number(1, COUNT, "positions", "entering the same wish again", 1)
    max_positions: int = _number(10, COUNT, "positions", "more positions than anybody overlooks", 1)
    max_symbol_exposure: float = _number(3.0, OF_EQUITY, "symbol_exposure", "one symbol that decides about the account", 0.01)
    max_currency_exposure: float = _number(3.0, OF_EQUITY, "currency_exposure", "one currency behind several symbols", 0.01)
    max_leverage: float = _number(3.0, OF_EQUITY, "leverage", "more than the account can bear, all positions together", 0.01)
    max_correlated_exposure: float = _number(3.0, OF_EQUITY, "correlation", "positions that are one bet by other names", 0.01)
    max_symbol_orders_per_minute: int = _number(2, COUNT, "order_rate", "a loop that orders one symbol", 1)
    max_orders_per_minute: int = _number(10, COUNT, "order_rate", "a loop that orders everything", 1)
    max_orders_per_day: int = _number(50, COUNT, "order_rate", "a slow loop, and costs that eat the account", 1)
    max_daily_loss: float = _number(0.03, SHARE, "daily_loss", "a day gone wrong: since 17:00 New York, open losses too", 0.0001)
    flatten_on_daily_loss: bool = _number(False, YES_NO, "daily_loss", "losing more with what is open: close all of it then")
    max_losing_streak: int = _number(5, COUNT, "consecutive_losses", "a strategy that has stopped working", 1)
    cool_down_hours: float = _number(24.0, HOURS, "consecutive_losses", "going on at once after a streak of losses")
    max_drawdown: float = _number(0.10, SHARE, "drawdown", "bleeding over weeks: below the highest equity", 0.0001)
    flatten_on_drawdown: bool = _number(False, YES_NO, "drawdown", "losing more with what is open: close all of it then")
    max_rejections: int = _number(5, COUNT, "reject_storm", "knocking at a door that is shut", 1)
    rejection_minutes: float = _number(10.0, MINUTES, "reject_storm", "the same: how far back rejections count", 0.1)
    clock_skew_warn_s: float = _number(2.0, SECONDS, "clock_skew", "a clock that goes wrong unseen: an alert from here on", 0.1)
    clock_skew_halt_s: float = _number(10.0, SECONDS, "clock_skew", "ages that mean nothing: no trading from here on", 0.1)

    def __post_init__(self) -> None:
        for setting in fields(self):
            _refuse_misfit(setting.name, getattr(self, setting.name), setting.metadata)
        if self.clock_skew_warn_s > self.clock_skew_halt_s:
            raise BadInputError(
                f"clock_skew_warn_s {self.clock_skew_warn_s:g} is above clock_skew_halt_s {self.clock_skew_halt_s:g}; "
                "a warning comes first: lower it, or raise the other"
            )

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """The defaults with these values in their place. Raises `BadInputError` for a name that is none of them."""
        known = [setting.name for setting in fields(cls)]
        if unknown := sorted(set(values) - set(known)):
            raise BadInputError(f"there is no guard setting {', '.join(unknown)}; there are: {', '.join(known)}")
        return cls(**values)


def parsed(name: str, text: str) -> float | int | bool:
    """The value that a text gives a setting. Raises `BadInputError` for an unknown name and a text of another kind."""
    default = getattr(GuardSettings.of({}), name, None)
    if default is None or name not in {setting.name for setting in fields(GuardSettings)}:
        GuardSettings.of({name: text})
    try:
        if isinstance(default, bool):
            return {"yes": True, "true": True, "no": False, "false": False}[text.strip().lower()]
        return int(text) if isinstance(default, int) else float(text)
    except (KeyError, ValueError) as error:
        kind = "yes or no" if isinstance(default, bool) else "a whole number" if isinstance(default, int) else "a number"
        raise BadInputError(f"{name} is {kind}, and {text!r} is none; as in {name}={_shown(default)}") from error


def _shown(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else f"{value:g}"


def _refuse_misfit(name: str, value: object, told: Mapping[str, Any]) -> None:
    unit, lowest = told["unit"], told["lowest"]
    if unit in (YES_NO, COUNT):
        kind: type = bool if unit == YES_NO else int
        if type(value) is not kind:
            raise BadInputError(f"{name} is {value!r}; {'yes or no' if kind is bool else 'a whole number'} is needed")
    elif isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadInputError(f"{name} is {value!r}; a finite number is needed")
    highest = 1.0 if unit == SHARE else math.inf
    if not lowest <= float(value) <= highest:  # type: ignore[arg-type]
        allowed = f"at least {lowest:g}" if highest == math.inf else f"{lowest:g} to {highest:g}"
        raise BadInputError(f"{name} is {value:g}, {allowed} {unit} is allowed; choose a number there")
