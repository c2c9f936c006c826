"""The feature table as a quant writes it in pandas: what benchmarks/features.py compares with, formula for formula."""

from typing import Any

import numpy as np
import pandas as pd

ZONES = (
    ("sydney", "Australia/Sydney", 7, 16),
    ("tokyo", "Asia/Tokyo", 9, 18),
    ("london", "Europe/London", 8, 17),
    ("new_york", "America/New_York", 8, 17),
)


def features_in_pandas(candles: pd.DataFrame) -> pd.DataFrame:
    """The 60 features of candles with the columns open_time (UTC), open, high, low, close and volume; no warm-up blanked out."""
    out = pd.DataFrame(index=candles.index)
    for group in (_prices, _momentum, _volatility, _volume, _clock):
        for name, values in group(candles):
            out[name] = values
    return out


def _prices(candles: pd.DataFrame) -> Any:
    opened, close = candles["open"], candles["close"]
    for span in (1, 2, 3, 5, 8, 13, 20):
        yield f"return_{span}", np.log(close / close.shift(span))
    yield "gap", np.log(opened / close.shift(1))
    for span in (5, 10, 20, 50, 100):
        yield f"sma_{span}", close / close.rolling(span).mean() - 1.0
    for span in (5, 10, 20, 30, 50):
        yield f"ema_{span}", close / close.ewm(span=span, adjust=False).mean() - 1.0
    macd = close.ewm(span=12, adjust=False).mean() - close.ewm(span=26, adjust=False).mean()
    signal = macd.ewm(span=9, adjust=False).mean()
    yield from (("macd", macd / close), ("macd_signal", signal / close), ("macd_hist", (macd - signal) / close))
    move = close.diff()
    flat = move.abs().rolling(20).max() == 0.0
    net = close - close.shift(20)
    yield "efficiency_20", (net / move.abs().rolling(20).sum()).clip(-1.0, 1.0).mask(flat, 0.0)
    weights = (np.arange(20) - 9.5) / ((np.arange(20) - 9.5) ** 2).sum()
    # rolling(20).apply would take a minute; a sum of shifted series does the same.
    slope = sum(weight * close.shift(19 - place) for place, weight in enumerate(weights))
    yield "slope_20", slope / close


def _momentum(candles: pd.DataFrame) -> Any:
    high, low, close = candles["high"], candles["low"], candles["close"]
    move = close.diff()
    for span in (7, 14, 21):
        gain = move.clip(lower=0.0).ewm(alpha=1.0 / span, adjust=False).mean()
        loss = (-move).clip(lower=0.0).ewm(alpha=1.0 / span, adjust=False).mean()
        yield f"rsi_{span}", ((gain - loss) / (gain + loss)).where(gain + loss > 0.0, 0.0)
    up, down = high.diff(), -low.diff()
    true_range = _true_range(candles).ewm(alpha=1.0 / 14, adjust=False).mean()
    plus = up.where((up > down) & (up > 0.0), 0.0).ewm(alpha=1.0 / 14, adjust=False).mean() / true_range
    minus = down.where((down > up) & (down > 0.0), 0.0).ewm(alpha=1.0 / 14, adjust=False).mean() / true_range
    yield "dmi_14", plus - minus
    directed = ((plus - minus).abs() / (plus + minus)).where(plus + minus > 0.0, 0.0)
    yield "adx_14", directed.ewm(alpha=1.0 / 14, adjust=False).mean()
    highest, lowest = high.rolling(14).max(), low.rolling(14).min()
    fast = ((2.0 * close - highest - lowest) / (highest - lowest)).where(highest > lowest, 0.0)
    yield from (("stochastic_14", fast), ("stochastic_slow_14", fast.rolling(3).mean()))
    yield "aroon_25", _aroon(high, low, 25)


def _aroon(high: pd.Series, low: pd.Series, span: int) -> Any:
    """(candles since the lowest low − candles since the highest high) / span; of equal ones the latest counts."""
    since = []
    for values in (low.to_numpy(), -high.to_numpy()):
        windows = np.lib.stride_tricks.sliding_window_view(values[::-1], span + 1)
        since.append(np.concatenate((np.full(span, np.nan), windows.argmin(axis=1)[::-1])))
    return (since[0] - since[1]) / span


def _true_range(candles: pd.DataFrame) -> Any:
    high, low, before = candles["high"], candles["low"], candles["close"].shift(1)
    return np.maximum(high - low, np.maximum((high - before).abs(), (low - before).abs()))


def _volatility(candles: pd.DataFrame) -> Any:
    opened, high, low, close = (candles[name] for name in ("open", "high", "low", "close"))
    yield "atr", _true_range(candles).ewm(alpha=1.0 / 14, adjust=False).mean() / close
    mean, width = close.rolling(20).mean(), 2.0 * close.rolling(20).std(ddof=0)
    yield from (("bollinger_upper", (mean + width - close) / close), ("bollinger_lower", (close - mean + width) / close))
    returns: Any = np.log(close / close.shift(1))
    yield "volatility_20", returns.rolling(20).std(ddof=0)
    short, long = returns.rolling(10).std(ddof=0), returns.rolling(50).std(ddof=0)
    yield "volatility_ratio", ((short - long) / (short + long)).where(long > 0.0, 0.0)
    squares = returns**2
    yield "realised_100", np.sqrt(squares.rolling(100).mean().clip(lower=0.0))
    flat = close.diff().abs().rolling(20).max() == 0.0
    signed = (np.sign(returns) * squares).rolling(20).sum() / squares.rolling(20).sum()
    yield "semivariance_20", signed.clip(-1.0, 1.0).mask(flat, 0.0)
    ranges: Any = np.log(high / low) ** 2
    bodies: Any = np.log(close / opened) ** 2
    yield "parkinson_20", np.sqrt(ranges.rolling(20).mean().clip(lower=0.0) / (4.0 * np.log(2.0)))
    variance = (0.5 * ranges - (2.0 * np.log(2.0) - 1.0) * bodies).rolling(20).mean()
    yield "garman_klass_20", np.sqrt(variance.clip(lower=0.0))
    yield "close_position", ((2.0 * close - high - low) / (high - low)).where(high > low, 0.0)
    yield "body", ((close - opened) / (high - low)).where(high > low, 0.0)


def _volume(candles: pd.DataFrame) -> Any:
    high, low, close, volume = (candles[name] for name in ("high", "low", "close", "volume"))
    total, silent = volume.rolling(20).sum(), volume.rolling(20).max() == 0.0
    place = ((2.0 * close - high - low) / (high - low)).where(high > low, 0.0)
    typical = (high + low + close) / 3.0
    yield "obv", ((np.sign(close.diff()) * volume).rolling(20).sum() / total).clip(-1.0, 1.0).mask(silent, 0.0)
    yield "vwap", (close / ((typical * volume).rolling(20).sum() / total) - 1.0).mask(silent, 0.0)
    yield "cmf", ((place * volume).rolling(20).sum() / total).clip(-1.0, 1.0).mask(silent, 0.0)
    yield "volume_ratio", ((volume - total / 20) / (volume + total / 20)).mask(silent, 0.0)
    spread = candles["spread"] if "spread" in candles else pd.Series(0.0, index=candles.index)
    mean = spread.rolling(100).mean()
    yield "spread", spread / close
    yield "spread_ratio", ((spread - mean) / (spread + mean)).where(spread + mean > 0.0, 0.0)


def _clock(candles: pd.DataFrame) -> Any:
    utc = candles["open_time"]
    clock = utc.dt.tz_convert("America/New_York").dt.tz_localize(None) + pd.Timedelta(hours=7)
    hour = clock.dt.hour + clock.dt.minute / 60.0
    for name, position, period in (("hour", hour, 24), ("weekday", clock.dt.weekday, 7), ("month", clock.dt.month - 1, 12)):
        angle = 2.0 * np.pi * position / period
        yield from ((f"{name}_sin", np.sin(angle)), (f"{name}_cos", np.cos(angle)))
    for name, zone, first, last in ZONES:
        local = utc.dt.tz_convert(zone)
        at = local.dt.hour + local.dt.minute / 60.0
        yield f"session_{name}", ((last - at) / (last - first)).where((at >= first) & (at < last), 0.0)
    yield "to_roll", 1.0 - hour / 24.0
    yield "roll_nights", np.where(clock.dt.weekday == 2, 1.0, 1.0 / 3.0)
