"""What a model sees of the past: 60 causal, scale-free features, each known at its candle's close; and what it is to tell.

Belongs here: one file for each group of features, as arrays, and the matrix of all; what other markets tell; labels, and the
choice of features by them. Does not: scalers, models.
"""
