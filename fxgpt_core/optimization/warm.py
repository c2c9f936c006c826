"""What an earlier run ended with, as the beginning of a new one."""

from fxgpt_core.errors import MissingError
from fxgpt_core.optimization.plan import WarmStart
from fxgpt_core.registry.runs import us_of
from fxgpt_core.registry.trials import TrialStore


def warm_start(store: TrialStore, run_id: int) -> WarmStart:
    """The population of a run's last search; it had seen the market until the end of that search's window.

    Raises `MissingError` for a run whose last search has not ended, or whose trials have no genomes.
    """
    ended = [row for row in store.searches(run_id) if row.phase == "final" and row.population]
    held = {number for row in ended for number in row.population}
    genomes = tuple(trial.genome.hex() for trial in store.trials(run_id, held) if trial.genome)
    if not genomes:
        raise MissingError(
            f"run {run_id} has no last search that ended, so there is nothing to begin with; `fxgpt optimize list` shows the "
            "runs there are: name one that is completed, or begin without"
        )
    until = max(row.window_end for row in ended)
    return WarmStart(run_id, us_of(until), genomes)
