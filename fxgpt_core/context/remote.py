"""The remote sources of context by name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fxgpt_core.context.alpaca import AlpacaSource
from fxgpt_core.context.source import ContextSource
from fxgpt_core.context.yahoo import YahooIndexSource
from fxgpt_core.errors import BadInputError


@dataclass(frozen=True)
class RemoteContext:
    """How a source is made, with the person's own keys of these names, in this order."""

    make: Callable[..., ContextSource]
    keys: tuple[str, ...] = ()


def context_source(name: str, key_of: Callable[[str], str]) -> ContextSource:
    """The source of a name; `key_of` gives each key it takes. Raises `BadInputError` naming all, and what `key_of` raises."""
    if name not in SOURCES:
        raise BadInputError(
            f"there is no provider {name!r} to download context from; known: {', '.join(SOURCES)}; choose one of them"
        )
    source = SOURCES[name]
    return source.make(*(key_of(key) for key in source.keys))


SOURCES: Final[dict[str, RemoteContext]] = {
    "alpaca": RemoteContext(AlpacaSource, ("alpaca", "alpaca_secret")),
    "yahoo": RemoteContext(YahooIndexSource),
}
