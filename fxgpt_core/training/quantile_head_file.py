"""A distilled head as one safetensors file: weights as tensors, everything else as JSON in its header. No pickle."""

from dataclasses import asdict

from safetensors import SafetensorError
from safetensors.torch import load

from fxgpt_core import content_hash
from fxgpt_core.array_file import about_of
from fxgpt_core.diffusion.quantile_head_forecaster import DistilledHead, untrained_head
from fxgpt_core.diffusion.sampling_parameters import SamplingParameters
from fxgpt_core.errors import CorruptArtifactError, RefusedError
from fxgpt_core.networks.network_parameters import NetworkParameters
from fxgpt_core.training.tensor_file import tensor_file

FORMAT = "fxgpt-quantile-head-1"


def head_bytes(head: DistilledHead, parameters: NetworkParameters) -> bytes:
    """The file of a head, whose encoder has the sizes of its model's; the same head gives the same bytes."""
    description = {
        "format": FORMAT,
        "network": asdict(parameters),
        "hidden": head.hidden,
        "shrink": head.shrink,
        "sampling": asdict(head.sampling),
        "model_sha256": head.model_sha256,
    }
    return tensor_file(head.network.state_dict(), description)


def head_of_bytes(data: bytes, expected_sha256: str, model_sha256: str, source: str) -> DistilledHead:
    """The head of a file's bytes; `source` names it in errors.

    Raises `CorruptArtifactError` unless the bytes are the expected ones and hold a whole head, `RefusedError` when it was
    distilled from another model.
    """
    found = content_hash.of_bytes(data)
    if found != expected_sha256:
        raise CorruptArtifactError(
            f"quantile head {source} has hash {found[:16]}, expected {expected_sha256[:16]}: its bytes were changed; "
            "restore the file or materialize quantile_head again"
        )
    try:
        head = _head(data)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CorruptArtifactError(
            f"quantile head {source} is not a whole {FORMAT} head ({type(error).__name__}: {error}); "
            "materialize quantile_head again"
        ) from error
    if head.model_sha256 != model_sha256:
        raise RefusedError(
            f"quantile head {source} was distilled from model {head.model_sha256[:16]}, asked is {model_sha256[:16]}; "
            "materialize quantile_head again"
        )
    return head


def _head(data: bytes) -> DistilledHead:
    description = about_of(data, FORMAT)
    network = untrained_head(NetworkParameters(**description["network"]), description["hidden"], seed=0)
    network.load_state_dict(load(data), strict=True)
    return DistilledHead(
        network=network.requires_grad_(False).eval(),
        shrink=float(description["shrink"]),
        sampling=SamplingParameters(**description["sampling"]),
        model_sha256=description["model_sha256"],
        hidden=description["hidden"],
    )
