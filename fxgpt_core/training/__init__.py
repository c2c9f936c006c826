"""Fitting networks: windows of past and future, the loop, checkpoints. Nothing here decides what is traded."""
