"""The vault as the assets see it: its gate on the board of a parameter set, and its opening."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fxgpt_core.registry.gates import GateResult
    from fxgpt_core.registry.lake import Making
    from fxgpt_core.registry.ledger import Ledger
    from fxgpt_core.registry.trials import TrialStore
    from fxgpt_core.registry.vault import Opening
    from fxgpt_pipelines.searching import Judged


def gate_of(ledger: "Ledger", case: "Judged", parameter_set_id: str) -> "GateResult":
    """The gate of the vault for a judged run: what its opening showed, not passed where it was not opened or not kept."""
    from fxgpt_core.optimization.vault import Champion, has_vault, request_of
    from fxgpt_core.registry.vault import Vault, vault_gate

    if not has_vault(case.problem, case.outcome):
        return vault_gate(None)
    return vault_gate(Vault(ledger).opening(request_of(case.problem, case.outcome, Champion(parameter_set_id, "", ""))))


def n_played(ledger: "Ledger", symbol: str, timeframe: str) -> int:
    """How many openings of the vault of a series have a result."""
    from fxgpt_core.registry.vault import Vault

    return sum(each.result is not None for each in Vault(ledger).openings(symbol, timeframe))


def cheapest(board: "Sequence[GateResult]") -> dict[str, str]:
    """The cheapest gate to fix, for the page of an asset; nothing where all passed."""
    from fxgpt_core.registry.efforts import cheapest_told

    told = cheapest_told(gate for gate in board if not gate.passed)
    return {"cheapest_to_fix": told} if told else {}


def open_vault(making: "Making", config: Mapping[str, Any], store: "TrialStore") -> "Opening":
    """Open the vault for the latest parameter set, whose gates the latest robustness judged. Raises as `opened` does."""
    from fxgpt_core.errors import RefusedError
    from fxgpt_core.optimization.vault import Champion, opened
    from fxgpt_core.registry.vault import Vault
    from fxgpt_pipelines import searching

    parameter_set, judged = making.read("optimized_parameters"), making.read("robustness").json()
    if judged["parameter_set_id"] != parameter_set.id:
        raise RefusedError(
            f"robustness judged parameter set {judged['parameter_set_id'][:16]}, the latest is {parameter_set.id[:16]}; "
            "materialize robustness again before the vault is opened"
        )
    case = searching.judged(making, parameter_set.json(), store)
    champion = Champion(parameter_set.id, config["opened_by"], config["reason"], config["despite_failed_gates"])
    return opened(case.problem, case.outcome, Vault(making.lake.ledger), champion)
