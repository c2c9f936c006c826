"""Candle series: schema, resampling, quality, content hash, store, and the providers they come from.

Belongs here: everything that makes, checks, stores or reads OHLCV candles. Does not: features, forecasts, settings.
A candle is stamped with its open time (UTC) and known at open time + timeframe; a series holds complete candles only.
"""
