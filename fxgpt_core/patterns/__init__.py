"""Patterns: shapes that candles make, how much each is believed, and candles unlike any that were learned.

Belongs here: detection on arrays of candles. Does not: torch (autoencoders are trained elsewhere), decisions.
"""
