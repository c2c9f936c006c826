"""How long one forecast takes: by paths, by the quantile head, by an ensemble, and of a live candle from its features on.

    python -m benchmarks.latency
    python -m benchmarks.latency --calls 200 --seconds 5 --json

One process on one core, batch one, torch with one thread; weights are untrained, for speed does not depend on them. A forecast
is the whole call of a forecaster at the last of 5,000 sample candles: checks, volatility, scaling, paths, quantiles. "Paths" are
noise and sampler without the rest. Times are the clock's after a warm-up, and beside them the processor's, in which no other
program counts. With a CUDA device also 256 paths in one CUDA graph, from a context on the host to paths on the host.
"""

import argparse
import copy
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from fxgpt_core.candles.arrays import CandleArrays, candle_arrays
from fxgpt_core.candles.providers.sample import SampleProvider
from fxgpt_core.diffusion.forecaster import DiffusionForecaster, known_at, single_thread
from fxgpt_core.diffusion.model import DiffusionModel, network_inputs, untrained
from fxgpt_core.diffusion.noise_schedule import angle
from fxgpt_core.diffusion.quantile_head_forecaster import DistilledHead, QuantileHeadForecaster, untrained_head
from fxgpt_core.diffusion.sampler import sample
from fxgpt_core.diffusion.sampling_parameters import SamplingParameters
from fxgpt_core.errors import BadInputError, FxgptError
from fxgpt_core.features.incremental import extended
from fxgpt_core.features.matrix import features
from fxgpt_core.forecasts.forecaster import Forecaster
from fxgpt_core.forecasts.horizons import HORIZONS, token_candles
from fxgpt_core.forecasts.relative_volatility import COLUMNS, known_volatility
from fxgpt_core.forecasts.volatility import fit_volatility
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.networks.network_parameters import KINDS
from fxgpt_core.training.diffusion_training import CANDIDATES, fit_scaler
from fxgpt_core.training.dispersion import fit_dispersion
from fxgpt_core.training.distillation import DistillationParameters
from fxgpt_core.training.training_parameters import preset
from fxgpt_core.training.windows import windows

H1 = Timeframe.H1
SIZES = ("demo", "base")
SAMPLING = SamplingParameters(n_paths=32, n_steps=1, sampler="euler")
ON_GPU = SamplingParameters(n_paths=256, n_steps=2, sampler="euler")
MEMBERS = 5
WARM_UP_CALLS = 20
SLOW_CALLS = 10
"""A live candle's features take so much longer than a forecast that a tenth of the calls is measured."""


@dataclass(frozen=True, eq=False)
class Market:
    """The sample's candles as a frame and as arrays, with their features."""

    frame: pl.DataFrame
    candles: CandleArrays
    features: pl.DataFrame

    @property
    def last(self) -> npt.NDArray[np.int64]:
        """int64[1]: the row of the last candle."""
        return np.array([len(self.candles) - 1], dtype=np.int64)


def sample_market() -> Market:
    """Hourly EURUSD as it comes with the project."""
    frame = SampleProvider().candles("EURUSD", H1)
    return Market(frame, candle_arrays(frame, H1), features(frame, H1))


def model_of(market: Market, kind: str, size: str, members: int = 1) -> DiffusionModel:
    """An untrained model of a preset's sizes and as many features as it would choose."""
    parameters = replace(preset(size), denoiser=kind)
    columns = CANDIDATES[: parameters.n_features]
    sizes = parameters.network(len(columns) + len(COLUMNS), len(token_candles(H1)))
    scaler, volatility = fit_scaler(market.features, columns), fit_volatility(market.candles)
    inputs = network_inputs(scaler, market.features, known_volatility(market.candles, volatility).relative)
    shape, regression = fit_dispersion(windows(inputs, market.candles, volatility, sizes.context))
    return DiffusionModel(
        symbol="EURUSD",
        timeframe=str(H1),
        members=tuple(untrained(sizes, seed).eval() for seed in range(members)),
        shrink=dict.fromkeys(HORIZONS, 1.0),
        lean=dict.fromkeys(HORIZONS, 1.0),
        parameters=sizes,
        schedule=parameters.schedule,
        scaler=scaler,
        volatility=volatility,
        regression=regression,
        shape=shape,
        seed=0,
        training={},
    )


def head_of(model: DiffusionModel) -> QuantileHeadForecaster:
    """The quantile head of a model, untaught."""
    hidden = DistillationParameters().hidden
    network = untrained_head(model.parameters, hidden, seed=0).requires_grad_(False).eval()
    return QuantileHeadForecaster(model, DistilledHead(network, 1.0, SAMPLING, "", hidden))


def timed(work: Callable[[], object], calls: int) -> dict[str, float]:
    """Milliseconds of a call: percentiles of the clock, and the median of the processor's time."""
    for _ in range(WARM_UP_CALLS):
        work()
    clock, processor = [], []
    for _ in range(calls):
        began, spent = time.perf_counter(), time.process_time()
        work()
        processor.append(time.process_time() - spent)
        clock.append(time.perf_counter() - began)
    p50, p95, p99 = (1e3 * np.percentile(clock, (50, 95, 99))).tolist()
    return {"p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "processor_p50_ms": 1e3 * float(np.median(processor))}


def of_forecast(forecaster: Forecaster, market: Market, calls: int) -> dict[str, float]:
    """One forecast at the last candle."""
    return timed(lambda: forecaster.forecast(market.features, market.candles, market.last, seed=1), calls)


def of_paths(forecaster: DiffusionForecaster, market: Market, calls: int) -> dict[str, float]:
    """The sampler alone: noise to paths, the context already scaled."""
    known, sampler = known_at(forecaster.model, market.features, market.candles, market.last), forecaster.sampler
    n_tokens = forecaster.model.parameters.n_tokens
    with single_thread(), torch.inference_mode():
        return timed(lambda: sampler.paths(known.context(0), sampler.noise(1, 0, n_tokens)), calls)


def of_head(forecaster: QuantileHeadForecaster, market: Market, calls: int) -> dict[str, float]:
    """The network of the head alone, the context already scaled."""
    known = known_at(forecaster.model, market.features, market.candles, market.last)
    with single_thread(), torch.inference_mode():
        return timed(lambda: forecaster.head.quantiles(known.context(0)), calls)


def of_live_candle(forecaster: Forecaster, market: Market, calls: int) -> dict[str, float]:
    """The features of one new candle and the forecast at its close."""
    known = market.features.head(market.features.height - 1)

    def work() -> None:
        table = extended(known, market.frame, H1)
        forecaster.forecast(table, market.candles, market.last, seed=1)

    return timed(work, max(1, calls // SLOW_CALLS))


def per_second(forecaster: Forecaster, market: Market, seconds: float) -> float:
    """Forecasts a second, one call each, at one candle after the other of the second half of the series."""
    first, n = len(market.candles) // 2, 0
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        origin = np.array([first + n % (len(market.candles) - first)], dtype=np.int64)
        forecaster.forecast(market.features, market.candles, origin, seed=1)
        n += 1
    return n / (time.perf_counter() - began)


def graph_replay(model: DiffusionModel, sampling: SamplingParameters) -> Callable[[], torch.Tensor]:
    """A call that brings a context to the device, replays one CUDA graph from there to the paths, and brings these back."""
    network, sizes = copy.deepcopy(model.members[0]).to("cuda").for_sampling(), model.parameters
    seen = torch.randn(1, sizes.context, sizes.n_inputs)
    context, noise = seen.cuda(), torch.randn(1, sampling.n_paths, sizes.n_tokens, device="cuda")
    levels = {float(level): level[None].cuda() for level in angle(model.schedule, torch.linspace(1.0, 0.0, sampling.n_steps + 1))}

    def draw() -> torch.Tensor:
        embedding = network.encoder(context)

        def velocity(x: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
            said: torch.Tensor = network.denoiser(x, levels[float(level)], embedding)
            return said

        return sample(sampling.sampler, velocity, noise, model.schedule, sampling.n_steps)

    aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):
            draw()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        paths = draw()

    def replay() -> torch.Tensor:
        context.copy_(seen)
        graph.replay()
        return paths.cpu()

    return replay


def of_graph(market: Market, calls: int) -> dict[str, Any]:
    """256 paths in one CUDA graph for each kind of denoiser, or the word that there is no device."""
    if not torch.cuda.is_available():
        return {"skipped": "no CUDA device"}
    with torch.inference_mode():
        found = {kind: timed(graph_replay(model_of(market, kind, "base"), ON_GPU), calls) for kind in KINDS}
    return {"device": torch.cuda.get_device_name(), "preset": "base", "sampling": asdict(ON_GPU), **found}


def measure(market: Market, calls: int, seconds: float) -> dict[str, Any]:
    """All figures; those at the top are of the U-Net in the sizes of the preset demo."""
    models = {f"{kind} {size}": model_of(market, kind, size) for size in SIZES for kind in KINDS}
    forecasters = {name: DiffusionForecaster(model, SAMPLING) for name, model in models.items()}
    usual = f"{KINDS[0]} {SIZES[0]}"
    forecasts = {name: of_forecast(forecaster, market, calls) for name, forecaster in forecasters.items()}
    ensembles = {
        f"{kind} {SIZES[0]}": of_forecast(DiffusionForecaster(model_of(market, kind, SIZES[0], MEMBERS), SAMPLING), market, calls)
        for kind in KINDS
    }
    head = of_forecast(head_of(models[usual]), market, calls)
    return {
        **{f"paths_32_{name}": forecasts[usual][name] for name in ("p50_ms", "p95_ms", "p99_ms")},
        "quantile_head_p50_ms": head["p50_ms"],
        "ensemble_5_p50_ms": ensembles[usual]["p50_ms"],
        "sustained_forecasts_per_s": per_second(forecasters[usual], market, seconds),
        "live_forecast_p50_ms": of_live_candle(forecasters[usual], market, calls)["p50_ms"],
        "usual": usual,
        "sampling": asdict(SAMPLING),
        "calls": calls,
        "candles": len(market.candles),
        "device": f"one core, {platform.processor() or platform.machine()}",
        "forecasts": forecasts,
        "paths_alone": {name: of_paths(forecaster, market, calls) for name, forecaster in forecasters.items()},
        "ensembles_of_5": ensembles,
        "quantile_head": head,
        "quantile_head_alone": of_head(head_of(models[usual]), market, calls),
        "cuda_graph_256": of_graph(market, calls),
    }


def on_one_core() -> None:
    """Keep this process on one core, and torch at one thread."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    torch.set_num_threads(1)


def show(found: dict[str, Any]) -> None:
    sampling = found["sampling"]
    print(f"{sampling['n_paths']} paths, {sampling['n_steps']} step of {sampling['sampler']}; {found['candles']} candles; "
          f"{found['calls']} calls on {found['device']}")  # fmt: skip
    print(f"{'milliseconds':36}{'p50':>9}{'p95':>9}{'p99':>9}{'processor p50':>15}")
    tables = {"forecast, ": "forecasts", "paths alone, ": "paths_alone", f"forecast of {MEMBERS}, ": "ensembles_of_5"}
    rows = {title + name: row for title, table in tables.items() for name, row in found[table].items()}
    rows |= {"forecast, quantile head": found["quantile_head"], "quantile head alone": found["quantile_head_alone"]}
    for name, row in rows.items():
        print(f"{name:36}{row['p50_ms']:9.2f}{row['p95_ms']:9.2f}{row['p99_ms']:9.2f}{row['processor_p50_ms']:15.2f}")
    print(f"{'features and forecast of a new candle':36}{found['live_forecast_p50_ms']:8.2f}")
    print(f"sustained, {found['usual']}: {found['sustained_forecasts_per_s']:.0f} forecasts/s")
    graph = found["cuda_graph_256"]
    if "skipped" in graph:
        print(f"{ON_GPU.n_paths} paths in one CUDA graph: skipped, {graph['skipped']}")
        return
    named = f"{ON_GPU.n_paths} paths, {ON_GPU.n_steps} steps of {ON_GPU.sampler} in one CUDA graph on {graph['device']}"
    for kind in KINDS:
        print(f"{named}, {kind} {graph['preset']}: p50 {graph[kind]['p50_ms']:.2f} ms")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=30.0, help="of sustained forecasting")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    try:
        if asked.calls < 1 or asked.seconds <= 0.0:
            raise BadInputError(f"{asked.calls} calls in {asked.seconds} s found; give at least one call and more than 0 seconds")
        on_one_core()
        found = measure(sample_market(), asked.calls, asked.seconds)
    except FxgptError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if asked.json:
        print(json.dumps(found))
    else:
        show(found)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
