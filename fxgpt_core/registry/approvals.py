"""Who lets a parameter set trade: a person with a reason, or a stored policy whose conditions are checked and written down.

An approval is of one parameter set and the gate board it was judged by. The latest verdict counts; a board that changed since
voids it. Passing the gates is another question, which a deployment asks besides.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, delete, insert, select

from fxgpt_core.content_hash import of_json
from fxgpt_core.errors import BadInputError, RefusedError
from fxgpt_core.registry import lineage
from fxgpt_core.registry.deployment_records import Deployment, DeploymentRequest
from fxgpt_core.registry.deployment_tables import deployment_approvals, deployment_policies
from fxgpt_core.registry.gate_results import read_board
from fxgpt_core.registry.ledger import Ledger

APPROVED, REJECTED = "approved", "rejected"
APPROVAL, AUTO, OVERRIDE, ROLLBACK = "approval", "auto", "override", "rollback"
POLICIES = (APPROVAL, AUTO)
MINIMUM_IMPROVEMENT = 0.10


@dataclass(frozen=True)
class Policy:
    """How a series' deployments are approved: `approval`, by a person, or `auto`, by its conditions.

    `auto` lets a challenger trade when all its gates passed, its out-of-sample Sharpe is above that of the active deployment by
    more than `minimum_improvement` (a fraction of its size), each on its own test windows, and no verdict on it says otherwise.
    The first deployment of a series has no champion to be better than: a person approves it.
    """

    policy: str = APPROVAL
    minimum_improvement: float = MINIMUM_IMPROVEMENT
    by: str = ""
    reason: str = "the default"

    @property
    def conditions(self) -> str:
        """What must hold before a set trades, in words."""
        if self.policy == APPROVAL:
            return "every gate passed; a person approved it, by the gate board it has now"
        better = f"out-of-sample Sharpe above the champion's by more than {self.minimum_improvement:.0%} of its size"
        return f"every gate passed; {better}; nobody rejected it and it was not rolled back; the first of a series: a person"


@dataclass(frozen=True)
class Approval:
    """One verdict on a parameter set: `verdict` approved or rejected; `ground` approval, auto, override or rollback.

    `board_sha256`: hash of the gate board that the verdict saw.
    """

    id: int
    symbol: str
    timeframe: str
    parameter_set_id: str
    verdict: str
    ground: str
    by: str
    reason: str
    board_sha256: str
    created_at: datetime


@dataclass(frozen=True)
class Judgement:
    """A verdict to write down: on which set of which series, of whom, on what ground and why."""

    symbol: str
    timeframe: str
    parameter_set_id: str
    verdict: str
    ground: str
    by: str
    reason: str


class Approvals:
    """The verdicts and policies of one ledger; each is one transaction and one entry of the lineage."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def approve(self, symbol: str, timeframe: str, parameter_set_id: str, *, by: str, reason: str) -> Approval:
        """Let a parameter set be deployed, by the board it has now.

        Raises `BadInputError` without `by` or `reason`, `RefusedError` when no gate was recorded: there is nothing to approve.
        """
        return self._judge(Judgement(symbol, timeframe, parameter_set_id, APPROVED, APPROVAL, by, reason))

    def reject(self, symbol: str, timeframe: str, parameter_set_id: str, *, by: str, reason: str) -> Approval:
        """Keep a parameter set from being deployed, also by a policy, until somebody approves it. Raises as `approve` does."""
        return self._judge(Judgement(symbol, timeframe, parameter_set_id, REJECTED, APPROVAL, by, reason))

    def list(self, symbol: str, timeframe: str) -> Sequence[Approval]:
        """Every verdict of a series, the oldest first."""
        table = deployment_approvals.c
        asked = select(deployment_approvals).where(table.symbol == symbol, table.timeframe == timeframe).order_by(table.id)
        with self.ledger.reading() as connection:
            return [_approval(row) for row in connection.execute(asked)]

    def policy(self, symbol: str, timeframe: str) -> Policy:
        """The policy of a series; that a person approves, where none was set."""
        with self.ledger.reading() as connection:
            return policy_of(connection, symbol, timeframe)

    def set_policy(self, symbol: str, timeframe: str, policy: Policy) -> Policy:
        """Store the policy of a series. Raises `BadInputError` for an unknown one, a negative limit, or without words."""
        _require_words(policy.by, policy.reason)
        if policy.policy not in POLICIES or not 0.0 <= policy.minimum_improvement < float("inf"):
            raise BadInputError(
                f"policy {policy.policy!r} with an improvement of {policy.minimum_improvement}; known: {', '.join(POLICIES)}; "
                "the improvement is a fraction from 0 up"
            )
        now, table = self.ledger.now(), deployment_policies
        values = {"symbol": symbol, "timeframe": timeframe, **asdict(policy)}
        with self.ledger.begin() as connection:
            lineage.lock(connection)
            connection.execute(delete(table).where(table.c.symbol == symbol, table.c.timeframe == timeframe))
            connection.execute(insert(table), {**values, "updated_at": now})
            lineage.append(connection, "policy", values, now)
        return policy

    def _judge(self, judgement: Judgement) -> Approval:
        with self.ledger.begin() as connection:
            if not read_board(connection, judgement.parameter_set_id):
                raise RefusedError(
                    f"no gate was recorded for parameter set {judgement.parameter_set_id[:16]}…, so there is nothing to judge it "
                    f"by; materialize robustness for {judgement.symbol} {judgement.timeframe} first"
                )
            return write(connection, judgement, self.ledger.now())


def policy_of(connection: Connection, symbol: str, timeframe: str) -> Policy:
    """`Approvals.policy` inside the caller's transaction."""
    table = deployment_policies.c
    row = connection.execute(
        select(deployment_policies).where(table.symbol == symbol, table.timeframe == timeframe)
    ).one_or_none()
    return Policy() if row is None else Policy(row.policy, row.minimum_improvement, row.by, row.reason)


def write(connection: Connection, judgement: Judgement, now: datetime) -> Approval:
    """Write a verdict and its lineage entry inside the caller's transaction. Raises `BadInputError` without `by` or `reason`."""
    _require_words(judgement.by, judgement.reason)
    lineage.lock(connection)
    values = {**asdict(judgement), "board_sha256": board_sha256(connection, judgement.parameter_set_id)}
    stored = insert(deployment_approvals).returning(deployment_approvals)
    row = connection.execute(stored, {**values, "created_at": now}).one()
    lineage.append(connection, "approval", {"approval_id": row.id, **values}, now)
    return _approval(row)


def require_approval(connection: Connection, request: DeploymentRequest, champion: Deployment | None, now: datetime) -> Approval:
    """The approval a deployment stands on: given with the request, recorded before, or made by the policy, in this order.

    Raises `RefusedError` that says what is missing and what to do.
    """
    place = (request.symbol, request.timeframe, request.parameter_set_id)
    for ground, reason in ((OVERRIDE, request.override_reason), (APPROVAL, request.approval_reason)):
        if reason is not None:
            return write(connection, Judgement(*place, APPROVED, ground, request.deployed_by, reason), now)
    latest = latest_verdict(connection, *place)
    if latest is not None and latest.verdict == REJECTED:
        raise RefusedError(
            f"parameter set {request.parameter_set_id[:16]}… was rejected for {request.symbol} {request.timeframe} by "
            f"{latest.by} ({latest.reason}); approve it with a reason, or search for another"
        )
    if latest is not None and latest.board_sha256 == board_sha256(connection, request.parameter_set_id):
        return latest
    policy = policy_of(connection, request.symbol, request.timeframe)
    if policy.policy == AUTO:
        reason = _improvement(request, champion, policy.minimum_improvement)
        return write(connection, Judgement(*place, APPROVED, AUTO, request.deployed_by, reason), now)
    before = "" if latest is None else f"; {latest.by} approved it by a gate board that has changed since"
    raise RefusedError(
        f"nobody approved parameter set {request.parameter_set_id[:16]}… for {request.symbol} {request.timeframe}{before}; look "
        "at `fxgpt gates`, then `fxgpt approve` or `fxgpt deploy --approve` with a reason"
    )


def latest_verdict(connection: Connection, symbol: str, timeframe: str, parameter_set_id: str) -> Approval | None:
    """The last verdict on a parameter set of a series."""
    table = deployment_approvals.c
    mine = (table.symbol == symbol, table.timeframe == timeframe, table.parameter_set_id == parameter_set_id)
    row = connection.execute(select(deployment_approvals).where(*mine).order_by(table.id.desc()).limit(1)).one_or_none()
    return None if row is None else _approval(row)


def board_sha256(connection: Connection, parameter_set_id: str) -> str:
    """The hash of a parameter set's gate board as it is stored now."""
    return of_json([asdict(gate) for gate in read_board(connection, parameter_set_id)])


def _improvement(request: DeploymentRequest, champion: Deployment | None, minimum: float) -> str:
    """In words by how much a challenger is better. Raises `RefusedError` when that is not known or not enough."""
    remedy = "approve it with a reason (`fxgpt approve`), or leave what trades"
    if champion is None:
        raise RefusedError(
            f"the policy auto compares with what trades, and nothing is deployed for {request.symbol} {request.timeframe}; "
            f"{remedy}"
        )
    now, then = request.out_of_sample_sharpe, champion.out_of_sample_sharpe
    if now is None or then is None:
        raise RefusedError(f"the policy auto knows no out-of-sample Sharpe of both (challenger {now}, champion {then}); {remedy}")
    needed = then + minimum * abs(then)
    if not now > needed:
        raise RefusedError(
            f"the policy auto asks for an out-of-sample Sharpe above {needed:.4g} ({minimum:.0%} more than the {then:.4g} of "
            f"deployment {champion.id}); the challenger's is {now:.4g}; {remedy}"
        )
    return (
        f"all gates passed; out-of-sample Sharpe {now:.4g} is above {needed:.4g}, {minimum:.0%} more than the {then:.4g} of "
        f"deployment {champion.id}"
    )


def _require_words(by: str, reason: str) -> None:
    if not by.strip() or not reason.strip():
        raise BadInputError(f"who ({by!r}) and why ({reason!r}) are kept for ever; give both `by` and `reason`")


def _approval(row: Row[tuple[object, ...]]) -> Approval:
    return Approval(**row._mapping)
