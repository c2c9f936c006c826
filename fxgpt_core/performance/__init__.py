"""How good a list of trades and an equity curve are, in numbers and in their significance.

Belongs here: measures and their statistics. Does not: running a backtest, deciding what is good enough.
"""
