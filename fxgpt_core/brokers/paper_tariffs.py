"""What the paper broker charges by symbol, and in which money it settles."""

from collections.abc import Mapping

from fxgpt_core.errors import BadInputError
from fxgpt_core.market.charges import Charges, terms_of
from fxgpt_core.market.conversion import joining_symbol
from fxgpt_core.market.costs import Costs
from fxgpt_core.market.fills import Terms
from fxgpt_core.market.symbols import symbol


class Tariffs:
    """The costs of each symbol that is traded."""

    def __init__(self, costs: Mapping[str, Costs | Charges]) -> None:
        self._costs = dict(costs)

    def set(self, name: str, costs: Costs | Charges) -> None:
        """Trade a symbol at these costs from now on."""
        self._costs[name] = costs

    def of(self, name: str) -> Costs | Charges:
        """The costs of a symbol. Raises `BadInputError` for one that is not traded."""
        if name not in self._costs:
            raise BadInputError(f"a price of {name} was played, which is not traded here; call trade first")
        return self._costs[name]

    def are_flat(self, name: str) -> bool:
        """Whether a symbol is traded at flat costs."""
        return isinstance(self._costs.get(name), Costs)

    def terms(self, name: str, cash: float, leverage: float) -> Terms:
        """What an account is charged for a symbol, as the fill rule takes it. Raises `BadInputError` as `of` does."""
        return terms_of(self.of(name), cash, 1.0 / (1.0 / leverage))

    def settled_in(self, name: str) -> str:
        """The currency in which profits of a symbol arrive. Raises `BadInputError` as `of` does."""
        costs = self.of(name)
        return costs.account_currency if isinstance(costs, Charges) else symbol(name).quote

    def converted_by(self, name: str) -> str | None:
        """The symbol whose closes turn the profits of another into the account's money; None where none is needed.

        Raises `BadInputError` where fxgpt knows none.
        """
        costs = self._costs.get(name)
        joining = joining_symbol(symbol(name), costs.account_currency) if isinstance(costs, Charges) else None
        return None if joining is None else joining.name

    def refusal(self, *names: str) -> str:
        """Why symbols cannot be ordered, whatever the account is; empty if they can."""
        if unknown := sorted(set(names) - set(self._costs)):
            return f"{', '.join(unknown)} is not traded here: {', '.join(self._costs)}"
        try:
            for name in names:
                self.converted_by(name)
        except BadInputError as error:
            return str(error)
        return ""
