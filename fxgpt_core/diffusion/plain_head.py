"""The quantile head as plain arrays and one compiled function, for a forecast a few times as fast as by torch's small operations.

Every sum has one order, whatever the processor and its number of threads. F inputs, L candles, T tokens, Q levels, E embedding.
"""

from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt
from torch import nn

from fxgpt_core.compiled import compiled
from fxgpt_core.networks.quantile_head import QuantileHead
from fxgpt_core.networks.token_convolution import TokenConvolution

FloatArray = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]


class Product(NamedTuple):
    """A linear layer: x · `weight` float32[C,C'] + `bias` float32[C']."""

    weight: Floats
    bias: Floats


class Convolution(NamedTuple):
    """A token convolution that reads the rows `places` int64[T,taps], and the norm behind it, float32[C'] twice."""

    places: npt.NDArray[np.int64]
    product: Product
    norm_weight: Floats
    norm_bias: Floats
    epsilon: float


class PlainHead(NamedTuple):
    """A quantile head: `walk` float64[Q] and `units` float64[Q−1] as in the network."""

    convolutions: tuple[Convolution, ...]
    latest: Product
    enter: Product
    leave: Product
    walk: FloatArray
    units: FloatArray


def plain_head(network: QuantileHead) -> PlainHead:
    """A network's weights as they are now."""
    layers = list(network.encoder.layers)
    return PlainHead(
        convolutions=tuple(map(_convolution, layers[0:-1:3], layers[1::3])),
        latest=_product(network.encoder.latest),
        enter=_product(network.enter),
        leave=_product(network.leave),
        walk=network.walk.numpy().copy(),
        units=network.units.numpy().copy(),
    )


def _product(layer: nn.Linear) -> Product:
    return Product(np.ascontiguousarray(layer.weight.detach().numpy().T), layer.bias.detach().numpy().copy())


def _convolution(layer: nn.Module, norm: nn.Module) -> Convolution:
    convolution, norm = cast(TokenConvolution, layer), cast(nn.LayerNorm, norm)
    places = convolution.places.numpy().reshape(-1, convolution.taps).copy()
    weight, bias = (each.detach().numpy().copy() for each in (norm.weight, norm.bias))
    return Convolution(places, _product(convolution.product), weight, bias, norm.eps)


@compiled
def quantiles(head: PlainHead, context: Floats) -> FloatArray:
    """float64[T,Q]: what `QuantileHead` says of a context float32[L,F], up to the rounding of single precision."""
    x = context
    for convolution in head.convolutions:
        x = _convolved(convolution, x)
    embedding = _linear(head.latest, context[-1])
    for row in range(len(x)):
        embedding += x[row] / np.float32(len(x))
    _silu(embedding)
    hidden = _linear(head.enter, embedding)
    _silu(hidden)
    return _spread_out(head.walk, head.units, _linear(head.leave, hidden).astype(np.float64))


@compiled
def _convolved(convolution: Convolution, x: Floats) -> Floats:
    """float32[T,C']: convolution, norm and SiLU of x float32[L,C]."""
    places, product = convolution.places, convolution.product
    found = np.empty((len(places), len(product.bias)), np.float32)
    for token in range(len(places)):
        found[token] = product.bias
        for tap in range(places.shape[1]):
            if places[token, tap] < len(x):
                first = tap * x.shape[1]
                _add_product(found[token], x[places[token, tap]], product.weight[first : first + x.shape[1]])
        mean = found[token].mean()
        deviation = np.sqrt(((found[token] - mean) ** 2).mean() + np.float32(convolution.epsilon))
        found[token] = (found[token] - mean) / deviation * convolution.norm_weight + convolution.norm_bias
        _silu(found[token])
    return found


@compiled
def _linear(product: Product, x: Floats) -> Floats:
    """float32[C']."""
    found = product.bias.copy()
    _add_product(found, x, product.weight)
    return found


@compiled
def _add_product(found: Floats, x: Floats, weight: Floats) -> None:
    """Adds x float32[C] · weight float32[C,C'] to what is found, float32[C']."""
    for i in range(len(x)):
        for j in range(len(found)):
            found[j] += x[i] * weight[i, j]


@compiled
def _silu(x: Floats) -> None:
    for i in range(len(x)):
        x[i] /= np.float32(1.0) + np.exp(-x[i])


@compiled
def _spread_out(walk: FloatArray, units: FloatArray, said: FloatArray) -> FloatArray:
    """float64[T,Q]: the walk's quantiles, the median moved and the gaps stretched by what was said, float64[T·Q]."""
    levels, middle = len(walk), len(walk) // 2
    found = np.empty((len(said) // levels, levels))
    for token in range(len(found)):
        of_token = said[token * levels : (token + 1) * levels]
        found[token, middle] = walk[middle] + of_token[0]
        for level in range(middle + 1, levels):
            found[token, level] = found[token, level - 1] + units[level - 1] * np.logaddexp(0.0, of_token[level])
        for level in range(middle - 1, -1, -1):
            found[token, level] = found[token, level + 1] - units[level] * np.logaddexp(0.0, of_token[level + 1])
    return found
