"""What a verb may play of the test span: all but the vault, unless that was opened for the set, or is opened now."""

import getpass
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fxgpt_core.cli.stored import StoredProblem, opened_ledger, read_only_lake
from fxgpt_core.settings import Settings

if TYPE_CHECKING:
    from fxgpt_core.registry.lake import Lake
    from fxgpt_core.registry.vault import Opening
    from fxgpt_core.validation.folds import Window

DAY_US = 86_400_000_000
OpenVaultOption = Annotated[
    str | None,
    typer.Option("--open-vault", metavar="REASON", help="Play the days of the vault too: a look that is counted for ever."),
]


@dataclass(frozen=True)
class Player:
    """What would be played: the strategy's content hash, by which verb, and why the vault is opened for it (None: it is not)."""

    sha256: str
    verb: str
    reason: str | None


@dataclass(frozen=True, eq=False)
class Playable:
    """`stored` as it may be played. `vault`: the days that no search saw, None where none are kept; `opening`: the look that
    lets the set be played there too, None where they are left out.
    """

    stored: StoredProblem
    vault: "Window | None"
    opening: "Opening | None"

    @property
    def n_days(self) -> int:
        """How many days of 24 hours the vault has, the last one begun."""
        return 0 if self.vault is None else -(-(self.vault.stop_us - self.vault.start_us) // DAY_US)

    def to_json(self) -> dict[str, Any] | None:
        """The vault's window and days, whether they were played, and as which look at them; null without a vault."""
        if self.vault is None:
            return None
        look = None if self.opening is None else self.opening.look
        return {"window": str(self.vault), "days": self.n_days, "played": look is not None, "look": look}

    @property
    def sentence(self) -> str:
        """What was left out or played, and how to play it."""
        if self.vault is None:
            return "no vault is kept: the latest stored search saw every day of the test span"
        days = f"the last {self.n_days} days, from {datetime.fromtimestamp(self.vault.start_us / 1e6, tz=UTC):%Y-%m-%d}"
        if self.opening is None:
            return f"not played: {days}: no search sees this vault; --open-vault REASON plays it too, a look counted for ever"
        return f"played too: {days}, the vault, which this set was opened for as look {self.opening.look} at these days"


def playable(settings: Settings, stored: StoredProblem, player: Player) -> Playable:
    """The problem without the days of the vault, unless they were opened for the set; with a reason they are opened now.

    The vault is that of the latest stored search: the last `vault_share` of the test span, a fifth where none is stored. Raises
    `BadInputError` for an empty reason.
    """
    from fxgpt_core.optimization.plan import before_vault
    from fxgpt_core.registry.runs import moment_of
    from fxgpt_core.registry.vault import Vault, VaultRequest
    from fxgpt_core.validation.folds import Window

    problem, ledger = stored.problem, opened_ledger(settings)
    place, known_at = (problem.symbol, str(problem.candles.timeframe)), problem.bands.known_at_us
    before = before_vault(known_at, _vault_share(read_only_lake(settings, ledger), *place))
    window = Window(before.stop_us, int(known_at[-1]) + 1)
    if window.start_us >= window.stop_us:
        return Playable(stored, None, None)
    request = VaultRequest(
        *place,
        parameter_set_id=None,
        params_sha256=player.sha256,
        window_start=moment_of(window.start_us),
        window_end=moment_of(window.stop_us),
        opened_by=getpass.getuser(),
        reason=player.reason or "",
        verb=player.verb,
    )
    vault = Vault(ledger)
    opening = vault.opening(request) if player.reason is None else vault.open(request)
    return Playable(stored if opening else _without(stored, window), window, opening)


def _without(stored: StoredProblem, vault: "Window") -> StoredProblem:
    bands = stored.problem.bands
    kept = replace(stored.problem, bands=bands.select(bands.known_at_us < vault.start_us))
    return replace(stored, problem=kept, unseen=replace(stored.unseen, stop_us=vault.start_us))


def _vault_share(lake: "Lake", symbol: str, timeframe: str) -> float:
    from fxgpt_core.errors import MissingError
    from fxgpt_core.optimization.plan import SearchParameters

    try:
        search = lake.latest("optimized_parameters", symbol, timeframe).json().get("search", {})
    except MissingError:
        return SearchParameters.vault_share
    return float(search.get("vault_share", SearchParameters.vault_share))
