"""The seam between heavy models and everything else: forecasts as arrays, their scores, and the baselines to beat. No torch."""
