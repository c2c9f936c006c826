"""Reinforcement learning: an environment that is the backtest, and the training of a policy of portfolio weights.

Belongs here: gymnasium and torch. Does not: what decides; a trained policy leaves this room as plain arrays.
"""
