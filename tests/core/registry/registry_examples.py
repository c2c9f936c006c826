"""Small facts that several registry tests store."""

from fxgpt_core.registry.code_identity import CodeIdentity
from fxgpt_core.registry.lake import Lake
from fxgpt_core.registry.tables import COUNTS, RESULT_COLUMNS
from fxgpt_core.registry.trials import Proposal, RunRequest, TrialRecord, TrialStore
from fxgpt_core.strategy.parameters import StrategyParameters

CODE = CodeIdentity("c" * 40, None, "1" * 64)
PARAMETERS = StrategyParameters.default()
DAY_US = 86_400_000_000


def lake_of(ledger, root):
    return Lake(root, ledger, CODE)


def made(lake, asset, content, *inputs, settings=None, code="a" * 64, seed=None):
    with lake.making(asset, "EURUSD", "1h", settings or {}, code_sha256=code, run_id="run-1", seed=seed) as making:
        for name in inputs:
            making.read(name)
        return making.write_bytes(content, "bin", {"size": len(content)})


def request(uuid="00000000-0000-5000-8000-000000000001", symbol="EURUSD", n_trials=3):
    return RunRequest(
        uuid, symbol, "1h", "bayesian", "global", 1_000_000 * DAY_US // 1_000_000, 20_000 * DAY_US, n_trials, "note"
    )


def trial(number=0, sharpe=0.01, **changes):
    metrics = {name: (3 if name in COUNTS else 0.1 + index / 3) for index, name in enumerate(RESULT_COLUMNS)}
    values = {
        "trial_number": number,
        "fold": 1,
        "phase": "search",
        "seed": 2**63 + number,
        "parameters": PARAMETERS.to_json(),
        "metrics": metrics,
        "objectives": {"sharpe": 1 / 3, "max_drawdown": 0.1, "profit_factor": 1.2, "cost_ratio": 0.7},
        "n_periods": 2_000,
        "sharpe_per_period": sharpe,
        "params_sha256": PARAMETERS.sha256,
    }
    return TrialRecord(**{**values, **changes})


def proposal(ledger, number=0, uuid="00000000-0000-5000-8000-000000000001", regime="global"):
    """The id of a proposed parameter set, with its run and trial."""
    store = TrialStore(ledger)
    run_id = store.open_run(request(uuid))
    if number not in [record.trial_number for record in store.trials(run_id)]:
        store.record(run_id, [trial(number)])
    return store.record_proposal(run_id, Proposal(number, "EURUSD", "1h", regime, PARAMETERS.to_json()))
