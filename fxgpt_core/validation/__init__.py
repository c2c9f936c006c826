"""Is a number honest: folds, combinatorial splits, purging, spans of a series, and the look-ahead check.

Belongs here: how a series is split and how leaks from the future are found. Does not: measures of a result, gates.
"""
