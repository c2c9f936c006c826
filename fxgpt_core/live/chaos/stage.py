"""A throw-away ledger on which a deployment trades each of some symbols, and the wishes that a live job would write into it."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select, update

from fxgpt_core.live.candle_feed import ClosedCandle, received, release
from fxgpt_core.live.chaos.settings import ChaosSettings
from fxgpt_core.market.timeframes import timeframe
from fxgpt_core.registry import migration
from fxgpt_core.registry.artifact_tables import deployment_evidence
from fxgpt_core.registry.code_identity import CodeIdentity
from fxgpt_core.registry.deployment_records import PAPER, DeploymentRequest
from fxgpt_core.registry.deployments import Deployments
from fxgpt_core.registry.lake import Lake
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_records import (
    NEW,
    DecisionRecord,
    SignalRecord,
    insert_decision,
    insert_signal,
    signal_key,
)
from fxgpt_core.registry.live_tables import order_intents, signals
from fxgpt_core.strategy.parameters import StrategyParameters

TIMEFRAME = "1h"
RUN = "chaos"
CODE = CodeIdentity("0" * 40, None, "0" * 64)
COSTS = {"spread": 0.0001, "commission": 0.00002}
RISK = 1e-7
"""Of the equity: many positions are open at once, and none may fail for want of margin unless the venue says so."""
SIDES = (1, -1)
PARAMETERS = StrategyParameters.default().replace(risk_max_holding_hours=6)


@dataclass(frozen=True, eq=False)
class ChaosStage:
    """The books of a run: `deployment_ids` by symbol; `rng` draws the wishes."""

    root: Path
    ledger: Ledger
    deployment_ids: dict[str, int]
    first_us: int
    rng: random.Random = field(repr=False)

    def wish(self, symbol: str, number: int, price: float, *, wants: bool = True) -> str:
        """What the live job does on a symbol's candle number so and so, which closed at `price`: a decision and, if it wants to
        trade, a signal; its key.
        """
        length_us = timeframe(TIMEFRAME).us
        open_us = self.first_us + number * length_us
        deployment_id, known_at_us = self.deployment_ids[symbol], open_us + length_us
        release(self.ledger, symbol, TIMEFRAME, [ClosedCandle(open_us, price, price, price, price, 1.0)], "chaos")
        side, distance = self.rng.choice(SIDES) if wants else 0, price * self.rng.uniform(0.0003, 0.001)
        numbers = {"close": price, "stop_distance": distance}
        feed = received(self.ledger, symbol, TIMEFRAME, known_at_us)
        payload = {
            "decision": {"side": side, "reason": "chaos", "known_at_us": known_at_us, "numbers": numbers},
            "parameters_sha256": PARAMETERS.sha256,
            "inputs": {},
            "live_candles": {"n": len(feed.candles), "sha256": feed.sha256},
            "code": {"commit": CODE.commit, "dirty_sha256": None, "lock_sha256": CODE.lock_sha256},
        }
        place = (deployment_id, symbol, TIMEFRAME, known_at_us)
        key = signal_key(*place)
        with self.ledger.begin() as connection:
            now = self.ledger.now()
            decision = insert_decision(connection, DecisionRecord(*place, side, "chaos", payload, RUN), now)
            if decision.id is not None and wants:
                insert_signal(connection, SignalRecord(key, decision.id, side, distance, 1.5 * distance, RISK), now)
        return key

    def n_waiting(self) -> int:
        """Signals that the gateway has not looked at."""
        return self._count(select(func.count()).select_from(signals).where(signals.c.state == NEW))

    def n_sent(self) -> int:
        """Orders that were sent, whatever became of them."""
        return self._count(select(func.count()).select_from(order_intents).where(order_intents.c.attempts > 0))

    def is_settled(self) -> bool:
        """Whether every intent has an end, or is explicitly unknown."""
        open_ = order_intents.c.state.in_(("PLANNED", "SENT", "ACCEPTED", "PARTLY_FILLED"))
        return self._count(select(func.count()).select_from(order_intents).where(open_)) == 0

    def _count(self, asked: object) -> int:
        with self.ledger.reading() as connection:
            return int(connection.execute(asked).scalar_one())  # type: ignore[call-overload]


def chaos_stage(root: Path, settings: ChaosSettings) -> ChaosStage:
    """The stage of a run before its first candle."""
    offset = timedelta(microseconds=settings.clock_offset_us)
    ledger = Ledger(settings.ledger_url(root), lambda: datetime.now(UTC) + offset)
    migration.upgrade(ledger)
    lake = Lake(root / "lake", ledger, CODE)
    ids = {symbol: _deploy(lake, symbol) for symbol in settings.symbols}
    if settings.broker != PAPER:
        # No gate stands between a rehearsal's ledger and a venue that is simulated.
        with ledger.begin() as connection:
            connection.execute(update(deployment_evidence).values(broker=settings.broker))
    return ChaosStage(root, ledger, ids, settings.first_us, random.Random(settings.seed))  # noqa: S311 it draws a rehearsal


def _deploy(lake: Lake, symbol: str) -> int:
    made = {
        name: _artifact(lake, name, symbol) for name in ("diffusion_model", "calibration_quantiles", "walk_forward_validation")
    }
    proposal = {"parameters": PARAMETERS.to_json(), "costs": COSTS, "run_id": 1, "trial_number": 0, "trial_seed": 7, "folds": []}
    request = DeploymentRequest(
        symbol=symbol,
        timeframe=TIMEFRAME,
        parameter_set_id=_artifact(lake, "optimized_parameters", symbol, proposal),
        params_sha256=PARAMETERS.sha256,
        model_id=made["diffusion_model"],
        calibration_id=made["calibration_quantiles"],
        validation_id=made["walk_forward_validation"],
        broker=PAPER,
        deployed_by=RUN,
        override_reason="a rehearsal on a throw-away ledger",
        code=CODE,
        dagster_run_id=RUN,
        regime_parameters_id=None,
    )
    return Deployments(lake.ledger).deploy(request).id


def _artifact(lake: Lake, asset: str, symbol: str, value: object | None = None) -> str:
    with lake.making(asset, symbol, TIMEFRAME, {}, code_sha256="0" * 64, run_id=RUN) as making:
        return making.write_json({"asset": asset, "symbol": symbol} if value is None else value, {}).id
