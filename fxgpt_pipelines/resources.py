"""What assets, sensors and jobs are given: the ledger, the lake and the tracking of one set-up, opened when a run starts.

Empty fields are filled from the environment at that moment; tests give their own. Nothing heavy is imported before.
"""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import PrivateAttr

from fxgpt_core.settings import Settings, read_settings
from fxgpt_pipelines.code_versions import code_version
from fxgpt_pipelines.instance.proof_of_life import ProofOfLife
from fxgpt_pipelines.partitions import cell

if TYPE_CHECKING:
    from fxgpt_core.registry.lake import Lake, Making
    from fxgpt_core.registry.ledger import Ledger
    from fxgpt_core.registry.tracking import Tracking


class SettingsResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where things live; `data_root` empty means: as the environment says."""

    data_root: str = ""

    def settings(self) -> Settings:
        """The settings of this set-up."""
        return read_settings({"FXGPT_DATA_ROOT": self.data_root}) if self.data_root else read_settings()


class LedgerResource(SettingsResource):
    """The ledger of the set-up."""

    _ledger: "Ledger | None" = PrivateAttr(default=None)

    @property
    def ledger(self) -> "Ledger":
        """The opened ledger; raises `LedgerMissingError` when the set-up was never made."""
        if self._ledger is None:
            from fxgpt_core.registry.ledger import Ledger

            ledger = Ledger(self.settings().ledger_url)
            ledger.require_migrated()
            self._ledger = ledger
        return self._ledger


class LakeResource(LedgerResource):
    """The lake of the set-up: the only door through which an asset reads its inputs and writes its output."""

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Let the run name its process, which is the second proof of life that `MonitoredRunLauncher` asks for."""
        if context.run is not None and context.instance is not None:
            context.instance.add_run_tags(context.run.run_id, ProofOfLife.own().tags(context.run.run_id))

    @property
    def lake(self) -> "Lake":
        """The lake, recording under the identity of the code that runs now."""
        from fxgpt_core.registry.code_identity import code_identity
        from fxgpt_core.registry.lake import Lake

        return Lake(self.settings().lake_root, self.ledger, code_identity())

    def making(
        self, context: dg.AssetExecutionContext, settings: dict[str, Any], seed: int | None = None
    ) -> "AbstractContextManager[Making]":
        """One artifact in the making: the asset and partition of the context, with the settings that shape it."""
        symbol, timeframe = cell(context.partition_key)
        asset = context.asset_key.path[-1]
        return self.lake.making(
            asset, symbol, timeframe, settings, code_sha256=code_version(asset), run_id=context.run.run_id, seed=seed
        )


class TrackingResource(SettingsResource):
    """MLflow, by its client only."""

    def tracking(self) -> "Tracking":
        """The tracking store of the set-up."""
        from fxgpt_core.registry.tracking import Tracking

        settings = self.settings()
        return Tracking(settings.mlflow_url, Path(settings.mlflow_artifacts))
