"""The feature table as a quant writes it in pandas: what benchmarks/features.py compares with, formula for formula."""

from typing import Any

import numpy as np
import pandas as pd


def features_in_pandas(candles: pd.DataFrame) -> pd.DataFrame:
    """The 40 features of candles with the columns open_time (UTC), open, high, low, close and volume; no warm-up blanked out."""
    close, high, low, volume = (candles[name] for name in ("close", "high", "low", "volume"))
    out = pd.DataFrame(index=candles.index)
    for span in (1, 2, 3, 5, 8, 13, 20):
        out[f"return_{span}"] = np.log(close / close.shift(span))
    for span in (5, 10, 20, 50, 100):
        out[f"sma_{span}"] = np.log(close / close.rolling(span).mean())
    for span in (5, 10, 20, 30, 50):
        out[f"ema_{span}"] = np.log(close / close.ewm(span=span, adjust=False).mean())
    macd = close.ewm(span=12, adjust=False).mean() - close.ewm(span=26, adjust=False).mean()
    signal = macd.ewm(span=9, adjust=False).mean()
    out["macd"], out["macd_signal"], out["macd_hist"] = macd / close, signal / close, (macd - signal) / close
    move = close.diff()
    path = move.abs().rolling(20).sum()
    flat = move.abs().rolling(20).max() == 0.0
    out["efficiency_20"] = ((close - close.shift(20)) / path).clip(-1.0, 1.0).mask(flat, 0.0)
    for span in (7, 14, 21):
        gain = move.clip(lower=0.0).ewm(alpha=1.0 / span, adjust=False).mean()
        loss = (-move).clip(lower=0.0).ewm(alpha=1.0 / span, adjust=False).mean()
        out[f"rsi_{span}"] = ((gain - loss) / (gain + loss)).where(gain + loss > 0.0, 0.0)
    before = close.shift(1)
    true_range = pd.concat([high - low, (high - before).abs(), (low - before).abs()], axis=1).max(axis=1)
    out["atr"] = true_range.ewm(alpha=1.0 / 14, adjust=False).mean() / close
    mean, width = close.rolling(20).mean(), 2.0 * close.rolling(20).std(ddof=0)
    out["bollinger_upper"], out["bollinger_lower"] = (mean + width - close) / close, (close - mean + width) / close
    returns: Any = np.log(close / before)
    out["volatility_20"] = returns.rolling(20).std(ddof=0)
    log_range: Any = np.log(high / low)
    out["parkinson_20"] = np.sqrt((log_range**2).rolling(20).mean().clip(lower=0.0) / (4.0 * np.log(2.0)))
    short, long = returns.rolling(10).std(ddof=0), returns.rolling(50).std(ddof=0)
    out["volatility_ratio"] = ((short - long) / (short + long)).where(long > 0.0, 0.0)
    place = ((2.0 * close - high - low) / (high - low)).where(high > low, 0.0)
    out["close_position"] = place
    total, silent = volume.rolling(20).sum(), volume.rolling(20).max() == 0.0
    typical = (high + low + close) / 3.0
    out["obv"] = ((np.sign(move) * volume).rolling(20).sum() / total).clip(-1.0, 1.0).mask(silent, 0.0)
    out["vwap"] = np.log(close / ((typical * volume).rolling(20).sum() / total)).mask(silent, 0.0)
    out["cmf"] = ((place * volume).rolling(20).sum() / total).clip(-1.0, 1.0).mask(silent, 0.0)
    clock = candles["open_time"].dt.tz_convert("America/New_York").dt.tz_localize(None) + pd.Timedelta(hours=7)
    hour = clock.dt.hour + clock.dt.minute / 60.0
    for name, position, period in (("hour", hour, 24), ("weekday", clock.dt.weekday, 7), ("month", clock.dt.month - 1, 12)):
        angle = 2.0 * np.pi * position / period
        out[f"{name}_sin"], out[f"{name}_cos"] = np.sin(angle), np.cos(angle)
    return out
