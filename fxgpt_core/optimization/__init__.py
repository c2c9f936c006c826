"""The search for parameter sets: space, objectives, Pareto front, problem, study, what came out of it and its evidence.

Here: everything that proposes, evaluates and chooses parameter sets, fold by fold, resumable from the ledger.
Not here: how a parameter set trades (`strategy`, `backtest`), how trials are stored and what is deployed (`registry`).
"""
