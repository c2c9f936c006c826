"""From stored artifacts to the core's records: the same few steps that several assets begin with."""

from typing import TYPE_CHECKING, Any

from fxgpt_core.market.timeframes import timeframe as timeframe_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fxgpt_core.candles.arrays import CandleArrays
    from fxgpt_core.conformal.bands import Bands
    from fxgpt_core.conformal.calibration import Calibration
    from fxgpt_core.forecasts.forecast import Forecasts
    from fxgpt_core.market.charges import Charges
    from fxgpt_core.market.costs import Costs, FxCosts
    from fxgpt_core.registry.artifact import Artifact
    from fxgpt_core.validation.folds import Window
    from fxgpt_core.validation.spans import Spans


def arrays_of(candles: "Artifact") -> "CandleArrays":
    """The candles of a `candles` artifact as arrays."""
    from fxgpt_core.candles.arrays import candle_arrays

    return candle_arrays(candles.frame(), timeframe_of(candles.timeframe))


def forecasts_of(forecasts: "Artifact") -> "Forecasts":
    """The forecasts of a `forecasts` artifact."""
    from fxgpt_core.forecasts.forecast import Forecasts

    return Forecasts.from_frame(forecasts.frame())


def calibration_of(calibration: "Artifact", forecasts: "Artifact") -> "Calibration":
    """The calibration of a `calibration_quantiles` artifact; raises `RefusedError` unless it fits these forecasts."""
    from fxgpt_core.conformal.calibration import Calibration

    read = Calibration.from_json(calibration.bytes().decode())
    read.require(forecasts.summary["model_sha256"], forecasts.summary["sampling_sha256"])
    return read


def test_bands(
    forecasts: "Artifact", calibration: "Artifact", candles: "CandleArrays", spans: "Spans"
) -> "tuple[Forecasts, Bands]":
    """Forecasts and calibrated bands of the test span, which neither the model nor the calibration has seen.

    An adaptive calibration has learned up to there from the outcomes that were known at each candle.
    """
    from fxgpt_core.conformal.bands import bands_behind

    every = forecasts_of(forecasts)
    bands = bands_behind(calibration_of(calibration, forecasts), every, candles)
    return every.select(spans.test.mask(every.known_at_us)), bands.select(spans.test.mask(bands.known_at_us))


def spans_under(config: "Mapping[str, Any]", candles: "CandleArrays") -> "Spans":
    """The spans of a series by the shares of a configuration: one division for every asset that is fitted to its train span."""
    from fxgpt_core.forecasts.horizons import longest_step
    from fxgpt_core.validation.spans import SpanParameters, split_spans

    shares = SpanParameters(config["train_share"], config["calibration_share"], longest_step(candles.timeframe))
    return split_spans(candles.known_at_us, shares)


def spans_to_json(spans: "Spans") -> dict[str, object]:
    """The spans as JSON values: start and stop of each in microseconds."""
    return {
        **{name: [window.start_us, window.stop_us] for name, window in _windows(spans)},
        "embargo_candles": spans.embargo_candles,
    }


def spans_of(model: "Artifact") -> "Spans":
    """The spans a `diffusion_model` artifact was trained under."""
    from fxgpt_core.validation.folds import Window
    from fxgpt_core.validation.spans import Spans

    stored = model.summary["spans"]
    train, calibration, test = (Window(*stored[name]) for name in ("train", "calibration", "test"))
    return Spans(train, calibration, test, int(stored["embargo_candles"]))


def costs_of(symbol: str, candles: "CandleArrays", spans: "Spans") -> "Costs":
    """The symbol's costs at the last price of the training span, which every later decision may know."""
    from fxgpt_core.market.costs import costs_for
    from fxgpt_core.market.symbols import symbol as symbol_of

    rows = spans.train.slice(candles.known_at_us)
    return costs_for(symbol_of(symbol), float(candles.close[rows.stop - 1]))


def quotes_of(candles: "Artifact", charges: "Charges", converting: "Artifact | None") -> "FxCosts":
    """What the account is charged in each candle; `converting`: candles of the symbol that converts into its currency, if any."""
    from fxgpt_core.candles.charged import charged_candles

    cross = None if converting is None else (converting.symbol, arrays_of(converting))
    return charged_candles(candles.symbol, arrays_of(candles), charges, cross)


def _windows(spans: "Spans") -> "tuple[tuple[str, Window], ...]":
    return ("train", spans.train), ("calibration", spans.calibration), ("test", spans.test)
