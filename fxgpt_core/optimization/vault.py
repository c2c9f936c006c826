"""The proposed set on the vault: days that neither its search nor any gate of it has seen, played once.

Source of the ratio: the specification, 8.3: out of sample at least 70 % of the Sharpe ratio in sample. Looks of before deflate
it: what the best of as many worthless sets would show is taken off (Bailey and López de Prado 2014), of the first look nothing.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from fxgpt_core.errors import RefusedError
from fxgpt_core.optimization.outcome import OptimizationOutcome, in_sample
from fxgpt_core.optimization.problem import Problem
from fxgpt_core.performance.measures import period_returns, periods_a_year
from fxgpt_core.performance.significance import expected_max_sharpe, probabilistic_sharpe, sharpe_moments
from fxgpt_core.registry.gate_results import board_of, record_board
from fxgpt_core.registry.runs import moment_of
from fxgpt_core.registry.vault import GATE, Opening, Vault, VaultRequest
from fxgpt_core.validation.folds import Window


@dataclass(frozen=True)
class Champion:
    """The set whose turn it is: its artifact, who opens the vault for it, and why; `despite`: though another gate failed."""

    parameter_set_id: str
    opened_by: str
    reason: str
    despite: bool = False


@dataclass(frozen=True)
class VaultPlay:
    """What a set did on the vault: annual Sharpe ratios there and `in_sample`, on its own train window; the rest is of the vault.

    `lucky_sharpe`: annual, what the best of so many looks shows by luck, 0 of the first. `ratio`: (`sharpe` − `lucky_sharpe`) /
    `in_sample_sharpe`, and 0 where that is not above 0. `psr`: the probability that the Sharpe ratio is above `lucky_sharpe`.
    """

    sharpe: float
    in_sample_sharpe: float
    lucky_sharpe: float
    ratio: float
    psr: float
    n_days: int
    n_trades: int
    return_pct: float
    max_drawdown_pct: float

    def to_json(self) -> Mapping[str, float | int]:
        """Every number by name."""
        return asdict(self)


def has_vault(problem: Problem, outcome: OptimizationOutcome) -> bool:
    """Whether a run's searches left days unseen."""
    return outcome.span.stop_us <= int(problem.bands.known_at_us[-1])


def vault_window(problem: Problem, outcome: OptimizationOutcome) -> Window:
    """The days behind everything that the run's searches and their judges saw. Raises `RefusedError` when none were kept."""
    if not has_vault(problem, outcome):
        raise RefusedError(
            f"run {outcome.run_id} was searched on every day there is, so that there is no vault to open; search again with a "
            "vault_share above 0, such as 0.2"
        )
    return Window(outcome.span.stop_us, int(problem.bands.known_at_us[-1]) + 1)


def request_of(problem: Problem, outcome: OptimizationOutcome, champion: Champion) -> VaultRequest:
    """The look that a champion asks for. Raises as `vault_window`."""
    window = vault_window(problem, outcome)
    start, end = moment_of(window.start_us), moment_of(window.stop_us)
    return VaultRequest(
        symbol=problem.symbol,
        timeframe=str(problem.candles.timeframe),
        parameter_set_id=champion.parameter_set_id,
        params_sha256=outcome.strategy.sha256,
        window_start=start,
        window_end=end,
        opened_by=champion.opened_by,
        reason=champion.reason,
    )


def opened(problem: Problem, outcome: OptimizationOutcome, vault: Vault, champion: Champion) -> Opening:
    """Open the vault for a run's proposed set and keep what it shows, there and on the set's gate board.

    The same set again gives the stored result, and an opening that was interrupted is played to its end. Raises `RefusedError`
    without a vault, without a gate board, or when another gate failed, unless the champion is played `despite` that.
    """
    request = request_of(problem, outcome, champion)
    opening = vault.opening(request)
    if opening is None:
        _require_gates(vault, champion)
        opening = vault.open(request)
    if opening.result is None:
        opening = vault.conclude(opening.id, played(problem, outcome, opening.look).to_json())
    others = [gate for gate in board_of(vault.ledger, champion.parameter_set_id) if gate.gate != GATE]
    record_board(vault.ledger, champion.parameter_set_id, (*others, opening.gate))
    return opening


def played(problem: Problem, outcome: OptimizationOutcome, look: int) -> VaultPlay:
    """The proposed strategy on the vault alone, from a fresh account, as the so many-th look at these days."""
    found = problem.evaluate(outcome.strategy, vault_window(problem, outcome))
    moments = sharpe_moments(period_returns(found.result, found.candles))
    lucky = expected_max_sharpe(look, 1.0 / max(moments.n, 1))
    annual = lucky * periods_a_year(found.candles) ** 0.5
    before = float(in_sample(problem, outcome)["sharpe_ratio"])
    measured = found.metrics
    return VaultPlay(
        sharpe=measured.sharpe_ratio,
        in_sample_sharpe=before,
        lucky_sharpe=annual,
        ratio=(measured.sharpe_ratio - annual) / before if before > 0.0 else 0.0,
        psr=probabilistic_sharpe(moments, lucky),
        n_days=moments.n,
        n_trades=measured.total_trades,
        return_pct=measured.total_return_pct,
        max_drawdown_pct=measured.max_drawdown_pct,
    )


def _require_gates(vault: Vault, champion: Champion) -> None:
    board = [gate for gate in board_of(vault.ledger, champion.parameter_set_id) if gate.gate != GATE]
    failed = [gate.gate for gate in board if not gate.passed]
    if champion.despite or (board and not failed):
        return
    why = f"{len(failed)} of {len(board)} gates failed ({', '.join(failed)})" if board else "no gate has judged it yet"
    raise RefusedError(
        f"the vault stays closed for parameter set {champion.parameter_set_id[:16]}: {why}, and a look that decides nothing "
        "makes the next one dearer; materialize robustness and pass its gates first, or open it despite them"
    )
