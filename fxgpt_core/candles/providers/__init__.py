"""Where candles come from, one provider a file, each passing tests/contracts/test_candle_providers.py. No resampling here."""
