"""Regimes: which of four kinds of market a candle lies in, by what was known at its close.

Belongs here: fitted regime models and their causal filters. Does not: what the strategy makes of a regime.
"""
