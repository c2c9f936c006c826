"""Decisions played over past candles: kernel, engine, the reference on backtesting.py, the list of trades.

Belongs here: how decisions become trades and equity. Does not: making a decision, measuring a result.
"""
