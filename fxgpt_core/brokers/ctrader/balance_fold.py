"""The balance of an account: each change has a number, so that one that was missed shows, and each must add up."""

import logging
from dataclasses import dataclass, field
from decimal import Decimal

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BalanceStep:
    """A numbered change: the balance after it, and by how much a deal moved it; None where only the balance was told."""

    version: int
    balance: Decimal
    change: Decimal | None


@dataclass
class BalanceFold:
    """The balance as it was last told whole, and every step that was told. A venue that numbers nothing tells version 0."""

    told: Decimal | None = None
    version: int = 0
    first: int = 0
    steps: dict[int, BalanceStep] = field(default_factory=dict)
    unbalanced: list[str] = field(default_factory=list)

    @property
    def balance(self) -> Decimal | None:
        """The newest balance; None before any was told."""
        newest = max(self.steps, default=0)
        return self.steps[newest].balance if newest > self.version else self.told

    @property
    def missing(self) -> tuple[int, ...]:
        """Numbers of changes that must have been, and were not told."""
        known = [number for number in (self.first, *self.steps) if number > 0]
        newest = max([self.version, *self.steps])
        return tuple(number for number in range(min(known, default=newest) + 1, newest + 1) if number not in self.steps)

    def take_told(self, balance: Decimal, version: int) -> None:
        """The balance told whole; it may be older than the last step."""
        if self.told is None or version >= self.version:
            self.told, self.version = balance, version
            self.first = self.first or version
            self._check(version + 1)

    def take_step(self, step: BalanceStep) -> None:
        """One change. One that does not add up with the balance before it is kept in `unbalanced`, in words."""
        if step.version <= 0:
            self.told = step.balance
        elif step.version not in self.steps:
            self.steps[step.version] = step
            self._check(step.version)
            self._check(step.version + 1)

    def forgive(self) -> None:
        """Take what is missing as lost: the balance was told whole since."""
        self.first = max([self.version, *self.steps])
        self.steps = {}

    def _check(self, number: int) -> None:
        step, before = self.steps.get(number), self._at(number - 1)
        if step is None or step.change is None or before is None or before + step.change == step.balance:
            return
        words = f"balance {number} is {step.balance}; {before} was before it and {step.change} were added"
        if words not in self.unbalanced:
            log.error("the venue's money does not add up: %s", words)
            self.unbalanced.append(words)

    def _at(self, number: int) -> Decimal | None:
        if number in self.steps:
            return self.steps[number].balance
        return self.told if number == self.version else None
