"""Settings that cannot be used end with three and name their variable; no verb shows a traceback because of them."""

import pytest

from fxgpt_core.errors import BadInputError
from fxgpt_core.settings import read_settings

LEDGER, ROOT = "FXGPT_LEDGER_URL", "FXGPT_DATA_ROOT"
BAD = [
    (LEDGER, "garbage"),
    (LEDGER, "postgresql://h:bad/db"),
    (LEDGER, "postgresql+asyncpg://h/db"),
    (LEDGER, "sqlite:///x?mode=ro"),
    (LEDGER, "sqlite:///:memory:"),
    ("FXGPT_MLFLOW_URL", "garbage"),
    ("FXGPT_DAGSTER_PG_URL", "postgresql://h:0/db"),
    (ROOT, "~nouser/x"),
    ("DAGSTER_HOME", "~nouser/x"),
    (ROOT, "data/\udce9"),
]


@pytest.mark.parametrize(("variable", "value"), BAD)
def test_a_setting_that_cannot_be_used_is_refused_by_name(variable, value):
    with pytest.raises(BadInputError, match=f"{variable}.*(cannot be used as a database|names no folder)"):
        read_settings({variable: value})


def test_a_data_root_no_database_url_can_hold_is_named_as_the_source():
    with pytest.raises(BadInputError, match=r"FXGPT_LEDGER_URL \(from FXGPT_DATA_ROOT\): .*question mark"):
        read_settings({ROOT: "data/a?b"})
