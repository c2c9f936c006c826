"""Run as a script: the fingerprint of one forecaster's forecasts at some rows, made in a process of its own."""

import sys

import numpy as np
import torch
from forecast_examples import FORECASTERS, fingerprint, real_candles, real_features

if __name__ == "__main__":
    name, threads, *rows = sys.argv[1:]
    torch.set_num_threads(int(threads))
    origins = np.array([int(row) for row in rows], dtype=np.int64)
    forecasts = FORECASTERS[name]().forecast(real_features(), real_candles(), origins, seed=3)
    sys.stdout.write(fingerprint(forecasts))
