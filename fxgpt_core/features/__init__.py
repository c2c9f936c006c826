"""What a model sees of the past: 60 causal, scale-free features, each known at its candle's close.

Belongs here: one file for each group of features, as arrays, and the matrix of all.
Does not: targets, scalers, models.
"""
