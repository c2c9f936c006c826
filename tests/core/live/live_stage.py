"""A small stage for the trading process: a real ledger and lake, a deployment on paper, candles, and who decides on them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from awaited import awaited
from sqlalchemy import update

from fxgpt_core.backtest.engine import BacktestAccount, BacktestResult, backtest, execution_of
from fxgpt_core.brokers.paper import PaperBroker
from fxgpt_core.candles.arrays import CandleArrays
from fxgpt_core.live.candle_feed import ClosedCandle, received, release
from fxgpt_core.live.gateway import Gateway
from fxgpt_core.live.order_path import Checkpoint, no_checkpoint
from fxgpt_core.market.charges import Charges, charged
from fxgpt_core.market.conversion import Closes
from fxgpt_core.market.costs import Costs, FxCosts
from fxgpt_core.market.symbols import symbol
from fxgpt_core.market.timeframes import Timeframe
from fxgpt_core.registry import migration
from fxgpt_core.registry.code_identity import CodeIdentity
from fxgpt_core.registry.deployment_records import Deployment, DeploymentRequest
from fxgpt_core.registry.deployments import Deployments
from fxgpt_core.registry.lake import Lake
from fxgpt_core.registry.ledger import Ledger
from fxgpt_core.registry.live_records import DecisionRecord, SignalRecord, insert_decision, insert_signal, signal_key
from fxgpt_core.registry.live_tables import leases
from fxgpt_core.strategy.decision import Decisions
from fxgpt_core.strategy.parameters import StrategyParameters
from fxgpt_core.strategy.regime_sets import Strategy, decided_by

COSTS = Costs(0.0001, 0.00002)
CODE = CodeIdentity("c" * 40, None, "l" * 64)
PARAMETERS = StrategyParameters.default().replace(
    risk_breakeven_trigger_pct=0.5,
    risk_trailing_activation_pct=0.6,
    risk_trailing_stop_pct=0.5,
    risk_max_holding_hours=12,
)
FIRST_US = int(datetime(2024, 3, 4, tzinfo=UTC).timestamp()) * 1_000_000


@dataclass(frozen=True, eq=False)
class Stage:
    """Everything a test needs; the arrays are the whole market, of which the feed has what was released."""

    root: Path
    lake: Lake
    candles: CandleArrays
    decisions: Decisions
    deployment: Deployment
    charges: Charges | None = None
    cross: CandleArrays | None = None
    strategy: Strategy = PARAMETERS

    @property
    def ledger(self) -> Ledger:
        return self.lake.ledger

    def gateway(self, checkpoint: Checkpoint = no_checkpoint) -> Gateway:
        return Gateway(self.lake, PaperBroker(self.root / "paper.db", {}), "paper", checkpoint)

    def release(self, start: int, stop: int) -> None:
        release(self.ledger, "EURUSD", "1h", [closed(self.candles, i) for i in range(start, stop)], "test")

    def decide(self, i: int) -> None:
        """What the live job does for candle `i`: a decision, and a signal if it wants to trade."""
        known_at_us = int(self.candles.known_at_us[i])
        decision = self.decisions.row(i)
        timeframe = self.deployment.timeframe
        feed = received(self.ledger, "EURUSD", timeframe, known_at_us)
        payload = {
            "decision": decision.to_json(),
            "parameters_sha256": decided_by(self.strategy, decision.numbers).sha256,
            "inputs": {},
            "live_candles": {"n": len(feed.candles), "sha256": feed.sha256},
            "code": {"commit": CODE.commit, "dirty_sha256": None, "lock_sha256": CODE.lock_sha256},
        }
        place = (self.deployment.id, "EURUSD", timeframe, known_at_us)
        with self.ledger.begin() as connection:
            record = DecisionRecord(*place, decision.side, decision.reason, payload, "dagster-run")
            stored = insert_decision(connection, record, self.ledger.now())
            if decision.side:
                assert stored.id is not None
                levels = (decision.stop_distance, decision.target_distance, decision.risk_fraction)
                signal = SignalRecord(signal_key(*place), stored.id, decision.side, *levels)
                insert_signal(connection, signal, self.ledger.now())

    def play_all(self, gateway: Gateway) -> None:
        """Start a gateway, let every released candle be decided on as it is played, stop."""
        awaited(gateway.start())
        for i in range(len(self.candles)):
            while awaited(gateway.step()):
                pass
            if known(self, i):
                self.decide(i)
        while awaited(gateway.step()):
            pass
        awaited(gateway.stop())

    def end_process(self) -> None:
        """Free the account as the end of its process would; tests are one process, which lives on."""
        with self.ledger.begin() as connection:
            connection.execute(update(leases).values(expires_at=self.ledger.now()))

    def backtest(self, stop: int) -> BacktestResult:
        """The kernel on the first `stop` candles."""
        execution, candles = execution_of(self.strategy, Timeframe.H1), self.candles.slice(0, stop)
        costs: Costs | FxCosts = COSTS
        if self.charges is not None:
            closes, cross = Closes(symbol("EURUSD"), candles.known_at_us, candles.close), None
            if self.cross is not None:
                cross = Closes(symbol("GBPUSD"), self.cross.known_at_us, self.cross.close)
            costs = charged(closes, candles.open_time_us, self.charges, spread=candles.spread, cross=cross)
        return backtest(candles, self.decisions.slice(0, stop), execution, costs, BacktestAccount())


def known(stage: Stage, i: int) -> bool:
    feed = received(stage.ledger, "EURUSD", "1h", int(stage.candles.known_at_us[i]))
    return bool(feed.candles) and feed.candles[-1].open_time_us == int(stage.candles.open_time_us[i])


def closed(candles: CandleArrays, i: int) -> ClosedCandle:
    names = ("open", "high", "low", "close", "volume")
    spread = None if candles.spread is None or np.isnan(candles.spread[i]) else float(candles.spread[i])
    return ClosedCandle(int(candles.open_time_us[i]), *(float(getattr(candles, name)[i]) for name in names), spread)


def market(n: int, seed: int) -> CandleArrays:
    """A rough market without weekends, so that every exit rule is met."""
    rng = np.random.default_rng(seed)
    close = 1.1 * np.exp(np.cumsum(rng.normal(0, 0.002, n)))
    open_ = np.concatenate([[1.1], close[:-1]]) * np.exp(rng.normal(0, 0.0003, n))
    high = np.maximum(open_, close) * np.exp(np.abs(rng.normal(0, 0.001, n)))
    low = np.minimum(open_, close) * np.exp(-np.abs(rng.normal(0, 0.001, n)))
    times = FIRST_US + np.arange(n, dtype=np.int64) * Timeframe.H1.us
    return CandleArrays(times, open_, high, low, close, np.full(n, 100.0), Timeframe.H1)


def wishes(candles: CandleArrays, seed: int) -> Decisions:
    """Seeded wishes to trade; nothing is wished at the first candle, which a backtest cannot see."""
    rng = np.random.default_rng(seed)
    n = len(candles)
    side = rng.choice(np.array([-1, 0, 1], dtype=np.int8), n, p=[0.3, 0.4, 0.3])
    side[0] = 0
    wanted = side != 0
    distance = np.where(wanted, np.abs(rng.normal(0.009, 0.002, n)) + 0.002, np.nan)
    reason = np.where(side == 0, 2, np.where(side > 0, 5, 6)).astype(np.int8)
    risk = np.where(wanted, 0.01, np.nan)
    return Decisions(candles.known_at_us, side, distance, 1.6 * distance, risk, reason, {"close": candles.close})


def stage(root: Path, n: int = 120, seed: int = 5, charges: Charges | None = None) -> Stage:
    """The stage as it is before the first candle, or as an earlier process left it below `root`; in mode FX with `charges`.

    With an account in pounds the feed has the candles of GBPUSD.
    """
    ledger = Ledger(f"sqlite:///{root / 'ledger.db'}")
    migration.upgrade(ledger)
    lake = Lake(root / "lake", ledger, CODE)
    candles = market(n, seed)
    if charges is not None:  # two of three candles tell their spread
        told = np.where(np.arange(n) % 3 > 0, np.random.default_rng(seed).uniform(0.00002, 0.0006, n), np.nan)
        candles = replace(candles, spread=told)
    cross = None
    if charges is not None and charges.account_currency == "GBP":
        cross = market(n, seed + 1)
        release(ledger, "GBPUSD", "1h", [closed(cross, i) for i in range(n)], "test")
    return Stage(root, lake, candles, wishes(candles, seed), deploy(lake, PARAMETERS, "1h", charges=charges), charges, cross)


def redeploy(made: Stage, parameters: StrategyParameters, timeframe: str = "1h") -> Stage:
    """The same stage with another deployment, in the place of the first one if the timeframe is the same."""
    return replace(made, deployment=deploy(made.lake, parameters, timeframe))


def deploy(
    lake: Lake,
    parameters: StrategyParameters,
    timeframe: str,
    made: Mapping[str, str] | None = None,
    charges: Charges | None = None,
    traded: str = "EURUSD",
) -> Deployment:
    """A parameter set on paper, with the artifacts `made` behind it, or some that only have their names."""
    made = _names_only(lake, parameters, (traded, timeframe), charges) if made is None else made
    request = DeploymentRequest(
        symbol=traded,
        timeframe=timeframe,
        parameter_set_id=made["optimized_parameters"],
        params_sha256=parameters.sha256,
        model_id=made["diffusion_model"],
        calibration_id=made["calibration_quantiles"],
        validation_id=made["walk_forward_validation"],
        broker="paper",
        deployed_by="test",
        override_reason="a test of the trading process",
        code=CODE,
        dagster_run_id="dagster-run",
        regime_parameters_id=None,
    )
    return Deployments(lake.ledger).deploy(request)


def _names_only(lake: Lake, parameters: StrategyParameters, place: tuple[str, str], charges: Charges | None) -> dict[str, str]:
    behind = ("diffusion_model", "calibration_quantiles", "walk_forward_validation")
    proposal = {"parameters": parameters.to_json(), "costs": {"spread": COSTS.spread, "commission": COSTS.commission}}
    if charges is not None:
        proposal["charges"] = asdict(charges)
    proposal |= {"run_id": 1, "trial_number": 0, "trial_seed": 7, "folds": []}
    made = {asset: _artifact(lake, asset, place) for asset in behind}
    return made | {"optimized_parameters": _artifact(lake, "optimized_parameters", place, proposal)}


def _artifact(lake: Lake, asset: str, place: tuple[str, str], value: object | None = None) -> str:
    with lake.making(asset, *place, {}, code_sha256="0" * 64, run_id="dagster-run") as making:
        return making.write_json({"asset": asset} if value is None else value, {}).id
