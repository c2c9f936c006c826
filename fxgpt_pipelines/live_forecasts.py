"""The forecasts of live candles: each is computed once and kept, because an adaptive calibration learns from all of them."""

import hashlib
from typing import TYPE_CHECKING

from fxgpt_core import content_hash
from fxgpt_core.atomic_file import write_atomically
from fxgpt_core.errors import CorruptArtifactError
from fxgpt_pipelines.code_versions import code_version

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    import polars as pl

    from fxgpt_core.candles.arrays import CandleArrays
    from fxgpt_core.forecasts.forecast import Forecasts
    from fxgpt_pipelines.live_decision import Deployed

FOLDER = "live_forecasts"
KEY = "key"


def live_forecasts(
    deployed: "Deployed", features: "pl.DataFrame", candles: "CandleArrays", asked: "npt.NDArray[np.int64]", cache: "Path | None"
) -> "Forecasts":
    """The forecasts at every candle behind the stored ones, up to the last of the rows `asked`, at which one can be made.

    Those found in the folder `cache` under the key of all they depend on are not computed again, and new ones are put there.
    Raises `BadInputError` for an asked row at which no forecast can be made, `CorruptArtifactError` when the file was changed.
    """
    import numpy as np

    from fxgpt_core.diffusion.forecaster import possible_origins
    from fxgpt_core.forecasts.forecast import joined

    model = deployed.forecaster.model
    possible = possible_origins(model, features, candles)
    behind = candles.known_at_us[possible] > deployed.forecasts.known_at_us[-1]
    origins = np.union1d(possible[behind & (possible <= asked[-1])], asked)
    identity = _identity(deployed)
    keys = dict(
        zip(candles.known_at_us[origins].tolist(), _keys(identity, candles, deployed.history.height)[origins], strict=True)
    )
    path = None if cache is None else cache / deployed.symbol / deployed.timeframe / f"{identity[:16]}.parquet"
    kept = _read(path, keys)
    absent = origins if kept is None else origins[~np.isin(candles.known_at_us[origins], kept.known_at_us)]
    parts = [] if kept is None else [kept]
    if len(absent):
        parts.append(deployed.forecaster.forecast(features, candles, absent, seed=deployed.seed))
    found = joined(parts)
    found = found.select(np.argsort(found.known_at_us))
    if path is not None and len(absent):
        _write(path, found, keys)
    return found


def _identity(deployed: "Deployed") -> str:
    """The hash of all that the live forecasts of a deployment depend on besides the live candles."""
    inputs = {role: deployed.inputs[role]["sha256"] for role in ("candles", "features", "diffusion_model")}
    sampling = deployed.forecaster.sampling_sha256
    return content_hash.of_json({**inputs, "sampling": sampling, "seed": deployed.seed, "code": code_version("live_decision")})


def _keys(identity: str, candles: "CandleArrays", n_history: int) -> "npt.NDArray[np.str_]":
    """str[N]: of each candle the hash of the identity and all live candles up to its own."""
    import numpy as np

    digest = hashlib.sha256(identity.encode())
    keys = [digest.hexdigest()] * n_history
    columns = [getattr(candles, name)[n_history:] for name in ("open_time_us", "open", "high", "low", "close", "volume")]
    for row in zip(*columns, strict=True):
        for value in row:
            digest.update(value.tobytes())
        keys.append(digest.hexdigest())
    return np.array(keys)


def _read(path: "Path | None", keys: "dict[int, str]") -> "Forecasts | None":
    """The kept forecasts whose origin has the same key now; None when there is none. Raises `CorruptArtifactError`."""
    import io

    import polars as pl

    from fxgpt_core.forecasts.forecast import Forecasts

    if path is None or not path.exists():
        return None
    sha256, _, data = path.read_bytes().partition(b"\n")
    if content_hash.of_bytes(data).encode() != sha256:
        raise CorruptArtifactError(
            f"{path} is not what was written: its bytes do not have the hash it begins with; remove it, and the "
            "forecasts of live candles are computed again"
        )
    wanted = pl.DataFrame({"known_at": list(keys), KEY: [str(key) for key in keys.values()]})
    wanted = wanted.with_columns(pl.col("known_at").cast(pl.Datetime("us", "UTC")))
    same = pl.read_parquet(io.BytesIO(data)).join(wanted, on=["known_at", KEY], how="semi", maintain_order="left")
    return Forecasts.from_frame(same) if same.height else None


def _write(path: "Path", forecasts: "Forecasts", keys: "dict[int, str]") -> None:
    import polars as pl

    from fxgpt_core.parquet import parquet_bytes

    of_rows = [str(keys[known_at]) for known_at in forecasts.known_at_us.tolist() for _ in forecasts.steps]
    data = parquet_bytes(forecasts.to_frame().with_columns(pl.Series(KEY, of_rows)))
    write_atomically(path, content_hash.of_bytes(data).encode() + b"\n" + data)
