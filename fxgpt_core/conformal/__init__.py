"""Turning forecast quantiles into bands whose coverage is measured: scores, offsets, bands, coverage, walk-forward tables.

Here: distribution-free calibration of `Forecasts`, and how good calibrated bands are fold by fold.
Not here: how a forecast is made (`forecasts`, `diffusion`) and what is traded on it (`strategy`).
"""
