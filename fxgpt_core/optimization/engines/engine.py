"""The seam between a search and the engine that proposes: ask for a batch of genomes, tell what became of it."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from fxgpt_core.optimization.space import Genomes, dimension

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Told:
    """n evaluated genomes uint16[n, D]: `objectives` float64[n, 4] in their natural signs, as `Objectives` orders them, and
    `violation` float64[n], 0 where every constraint holds and the larger the further from it.
    """

    genomes: Genomes
    objectives: FloatArray
    violation: FloatArray

    def __len__(self) -> int:
        return len(self.genomes)

    @classmethod
    def none(cls) -> "Told":
        """Nothing told yet."""
        return cls(np.empty((0, dimension()), np.uint16), np.empty((0, 4)), np.empty(0))

    def joined(self, more: "Told") -> "Told":
        """These, then more."""
        return Told(
            np.concatenate([self.genomes, more.genomes]),
            np.concatenate([self.objectives, more.objectives]),
            np.concatenate([self.violation, more.violation]),
        )

    def rows(self, rows: IntArray | slice) -> "Told":
        """Some of the genomes."""
        return Told(self.genomes[rows], self.objectives[rows], self.violation[rows])


class Engine(Protocol):
    """Proposes genomes. Both calls are pure functions of the seeds and of what was told before."""

    def ask(self, most: int, seed: int) -> Genomes:
        """The next batch, at least one and at most `most` genomes, canonical; it is told before the next is asked for."""
        ...

    def tell(self, batch: Told, seed: int) -> None:
        """What became of the whole batch that was asked for, in its order."""
        ...

    @property
    def screening(self) -> bool:
        """Whether the next batch is only a cheap look, played with entries at the last candle of each day alone."""
        ...

    @property
    def population(self) -> IntArray:
        """int64[k]: which of the genomes told, counted from 0, the engine holds to be the best; a choice is made among them."""
        ...
