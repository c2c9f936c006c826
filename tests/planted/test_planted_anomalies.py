"""Freak windows planted into candles are flagged; the same candles going on as before are flagged about as often as was said."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_candles import random_candles

from benchmarks.planted_anomalies import FREAKS, planted
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.market.sessions import is_open
from fxgpt_core.patterns.anomalies import anomaly_of
from fxgpt_core.training.autoencoder_parameters import AutoencoderParameters
from fxgpt_core.training.autoencoder_training import train_autoencoder
