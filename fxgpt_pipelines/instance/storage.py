"""Dagster's own storage, chosen by the environment: PostgreSQL when a URL is set, else SQLite below the Dagster home."""

import os
from collections.abc import Mapping
from typing import Any

from dagster import Field
from dagster._core.storage.base_storage import DagsterStorage
from dagster._serdes import ConfigurableClass, ConfigurableClassData

from fxgpt_core.settings import with_driver


class EnvironmentStorage(DagsterStorage, ConfigurableClass):
    """Named in dagster.yaml. Abstract on purpose: `from_config_value` returns the real storage, never one of this class."""

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """Nothing: the real storage carries it."""
        return None

    @classmethod
    def config_type(cls) -> Mapping[str, Any]:
        """`url_env`: the variable that holds the PostgreSQL URL."""
        return {"url_env": Field(str, is_required=False, default_value="FXGPT_DAGSTER_PG_URL")}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Any:
        """The storage this environment asks for. SQLite needs DAGSTER_HOME, which every Dagster process has."""
        url = os.environ.get(config_value["url_env"])
        if url:
            from dagster_postgres import DagsterPostgresStorage

            return DagsterPostgresStorage(with_driver(url), should_autocreate_tables=True, inst_data=inst_data)
        from dagster._core.storage.sqlite_storage import DagsterSqliteStorage

        return DagsterSqliteStorage.from_local(os.path.join(os.environ["DAGSTER_HOME"], "storage"), inst_data=inst_data)
