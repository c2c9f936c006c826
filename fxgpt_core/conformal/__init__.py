"""Turning forecast quantiles into bands whose coverage is measured: scores, methods, bands, coverage, walk-forward tables.

Here: distribution-free calibration of `Forecasts` by a method that is named (split, cqr, mondrian, aci, tracker), how it learns
on as outcomes become known, and how good calibrated bands are fold by fold.
Not here: how a forecast is made (`forecasts`, `diffusion`) and what is traded on it (`strategy`).
"""
