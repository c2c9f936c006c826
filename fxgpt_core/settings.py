"""Where things live and which databases are used, read from the environment once, at the edge (cli, fxgpt_pipelines).

FXGPT_DATA_ROOT      folder of candles, artifacts, MLflow files, Dagster home   default ./data
FXGPT_LEDGER_URL     SQLAlchemy URL of the ledger                               default sqlite:///<data root>/ledger.db
FXGPT_MLFLOW_URL     SQLAlchemy URL of the MLflow store                         default sqlite:///<data root>/mlflow/mlflow.db
FXGPT_DAGSTER_PG_URL PostgreSQL URL of Dagster's own storage                    default none: SQLite below the Dagster home
DAGSTER_HOME         Dagster's home                                             default <data root>/dagster
FXGPT_MODEL_MAX_AGE_DAYS  days after which a model makes no signals on live candles  default 45
FXGPT_<NAME>_KEY     a person's key for the provider <NAME>; of alpaca's two    default the one in the system's keyring
                     the key id is that of ALPACA, the secret of ALPACA_SECRET

cTrader (docs/ctrader.md):
FXGPT_CTRADER_CLIENT_ID      the application that you registered             default ctrader-client-id in the keyring
FXGPT_CTRADER_CLIENT_SECRET  its secret                                      default ctrader-client-secret in the keyring
FXGPT_CTRADER_TOKEN_KEY      key of the file of tokens                       default none: tokens are in the keyring
FXGPT_CTRADER_HOST           host[:port] instead of the venue's, a simulator default none
FXGPT_CTRADER_CA             file of the one authority to trust              default none: the system's
FXGPT_CTRADER_SYMBOLS        the house's names of symbols: EURUSD=EURUSD.r   default none: as ours
FXGPT_CTRADER_ACCOUNT        id of the account whose candles are synced      default the first demo account
FXGPT_CTRADER_ACCESS_TOKEN   read by `fxgpt ctrader login --given` alone, with FXGPT_CTRADER_REFRESH_TOKEN
"""

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fxgpt_core.errors import BadInputError, MissingError
from fxgpt_core.market.symbols import symbol
from fxgpt_core.registry.database_url import require_usable

if TYPE_CHECKING:
    from fxgpt_core.brokers.ctrader.access import Access
    from fxgpt_core.brokers.ctrader.redaction import Secret

KEYRING_SERVICE = "fxgpt"
KEY_FORM = re.compile(r"[!-~]+")
MODEL_MAX_AGE_DAYS, MOST_DAYS = 45.0, 36_500.0
POSTGRES_SCHEMES = ("postgres://", "postgresql://")


def with_driver(url: str) -> str:
    """A database URL with an explicit PostgreSQL driver.

    SQLAlchemy 2.1 reads a bare `postgresql://` as psycopg 3, which neither Dagster nor MLflow install.
    """
    for scheme in POSTGRES_SCHEMES:
        if url.startswith(scheme):
            return "postgresql+psycopg2://" + url.removeprefix(scheme)
    return url


@dataclass(frozen=True)
class Settings:
    """One set-up of fxgpt; two set-ups with different roots run side by side."""

    data_root: Path
    ledger_url: str
    mlflow_url: str
    dagster_home: Path
    dagster_pg_url: str | None
    model_max_age_days: float = MODEL_MAX_AGE_DAYS

    @property
    def lake_root(self) -> Path:
        """Folder of the content-addressed artifacts."""
        return self.data_root / "lake"

    @property
    def mlflow_artifacts(self) -> Path:
        """Folder in which MLflow keeps its copies of model files."""
        return self.data_root / "mlflow" / "artifacts"

    @property
    def model_root(self) -> Path:
        """Folder of trained models, one folder for each version."""
        return self.data_root / "models"

    @property
    def report_root(self) -> Path:
        """Folder of the reports of searches, one folder for each symbol and timeframe below it."""
        return self.data_root / "reports"

    @property
    def import_root(self) -> Path:
        """Folder of candles the user imported."""
        return self.data_root / "imports"

    @property
    def download_root(self) -> Path:
        """Folder of downloaded candles, one folder for each provider below it."""
        return self.data_root / "downloads"


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from an environment (default: the process's own). Raises `BadInputError` naming the variable to correct."""
    env = os.environ if environment is None else environment
    root = _folder(env, "FXGPT_DATA_ROOT", Path("data"))
    pg_url = "FXGPT_DAGSTER_PG_URL"
    return Settings(
        data_root=root,
        ledger_url=_url(env, "FXGPT_LEDGER_URL", f"sqlite:///{root / 'ledger.db'}"),
        mlflow_url=_url(env, "FXGPT_MLFLOW_URL", f"sqlite:///{root / 'mlflow' / 'mlflow.db'}"),
        dagster_home=_folder(env, "DAGSTER_HOME", root / "dagster"),
        dagster_pg_url=_url(env, pg_url, "") if env.get(pg_url) else None,
        model_max_age_days=_days(env, "FXGPT_MODEL_MAX_AGE_DAYS", MODEL_MAX_AGE_DAYS),
    )


def provider_key(name: str, environment: Mapping[str, str] | None = None) -> str:
    """The key of a provider: from the environment, else from the system's keyring; it is shown nowhere.

    Raises `MissingError` naming both ways where there is none, `BadInputError` for what cannot be a key.
    """
    env = os.environ if environment is None else environment
    variable = f"FXGPT_{name.upper()}_KEY"
    key = (env.get(variable) or _keyring_key(name) or "").strip()
    if not key:
        raise MissingError(
            f"{name} needs a key, and there is none; set {variable}, or store one with "
            f"`keyring set {KEYRING_SERVICE} {name}`; its web site gives keys"
        )
    if not KEY_FORM.fullmatch(key):
        raise BadInputError(f"the key of {name} has spaces or letters beyond ASCII; set {variable} to the key alone")
    return key


def ctrader_access(settings: Settings, environment: Mapping[str, str] | None = None) -> "Access":
    """How a person's cTrader accounts are reached.

    Raises `MissingError` where no application is named, `BadInputError` for a value that cannot be used.
    """
    from fxgpt_core.brokers.ctrader.access import Access
    from fxgpt_core.brokers.ctrader.redaction import Secret
    from fxgpt_core.brokers.ctrader.tokens import Credentials

    env = os.environ if environment is None else environment
    ca_file = _folder(env, "FXGPT_CTRADER_CA", Path()) if env.get("FXGPT_CTRADER_CA") else None
    token_key = env.get("FXGPT_CTRADER_TOKEN_KEY")
    return Access(
        credentials=Credentials(_ctrader(env, "client-id"), Secret(_ctrader(env, "client-secret"))),
        folder=settings.data_root / "ctrader",
        host=env.get("FXGPT_CTRADER_HOST", ""),
        ca_file=ca_file,
        token_key=Secret(token_key) if token_key else None,
        spelled=_spelled(env.get("FXGPT_CTRADER_SYMBOLS", "")),
    )


def _spelled(given: str) -> dict[str, str]:
    """The house's names of symbols by ours, from "EURUSD=EURUSD.r,XAUUSD=GOLD". Raises `BadInputError`."""
    pairs = [part.partition("=") for part in given.split(",") if part.strip()]
    if any(not ours.strip() or not theirs.strip() for ours, _, theirs in pairs):
        raise BadInputError(f"FXGPT_CTRADER_SYMBOLS is {given!r}; write it as EURUSD=EURUSD.r,XAUUSD=GOLD")
    return {symbol(ours).name: theirs.strip() for ours, _, theirs in pairs}


def ctrader_account(environment: Mapping[str, str] | None = None) -> int | None:
    """The id of the account whose house is asked for candles; None where none is named. Raises `BadInputError`."""
    given = (os.environ if environment is None else environment).get("FXGPT_CTRADER_ACCOUNT", "")
    if given and not (given.isascii() and given.isdigit()):
        raise BadInputError(f"FXGPT_CTRADER_ACCOUNT is {given!r}; set it to an id that `fxgpt ctrader accounts` tells")
    return int(given) if given else None


def ctrader_given_tokens(environment: Mapping[str, str] | None = None) -> "tuple[Secret, Secret]":
    """Access and refresh token as somebody else granted them. Raises `MissingError` naming the variables."""
    from fxgpt_core.brokers.ctrader.redaction import Secret

    env = os.environ if environment is None else environment
    variables = ("FXGPT_CTRADER_ACCESS_TOKEN", "FXGPT_CTRADER_REFRESH_TOKEN")
    if missing := [variable for variable in variables if not env.get(variable)]:
        raise MissingError(f"no tokens are given: {' and '.join(missing)} not set; set both, or leave --given out")
    return Secret(env[variables[0]]), Secret(env[variables[1]])


def _ctrader(env: Mapping[str, str], part: str) -> str:
    variable, entry = f"FXGPT_CTRADER_{part.upper().replace('-', '_')}", f"ctrader-{part}"
    value = (env.get(variable) or _keyring_key(entry) or "").strip()
    if not value:
        raise MissingError(
            f"cTrader's {part.replace('-', ' ')} is not known; register an application (docs/ctrader.md) and set {variable}, "
            f"or store it with `keyring set {KEYRING_SERVICE} {entry}`"
        )
    if not KEY_FORM.fullmatch(value):
        raise BadInputError(f"{variable} has spaces or letters beyond ASCII; set it to the value alone")
    return value


def _keyring_key(name: str) -> str | None:
    # Slow to import, and only a provider with a key needs it.
    import keyring
    from keyring.errors import KeyringError

    try:
        return keyring.get_password(KEYRING_SERVICE, name)
    except KeyringError:
        # A system without a keyring, or with a locked one: there is no key in it to be had.
        return None


def _folder(env: Mapping[str, str], variable: str, default: Path) -> Path:
    given = env.get(variable) or str(default)
    try:
        given.encode()
        return Path(given).expanduser().resolve()
    except (RuntimeError, OSError, ValueError) as error:
        raise BadInputError(f"{variable} is {given!r}, which names no folder ({error}); set it to a folder's path") from error


def _days(env: Mapping[str, str], variable: str, default: float) -> float:
    given = env.get(variable) or str(default)
    try:
        days = float(given)
    except ValueError:
        days = math.nan
    if not 0.0 < days < MOST_DAYS:
        raise BadInputError(f"{variable} is {given!r}; set it to a number of days above 0 and below {MOST_DAYS:g}")
    return days


def _url(env: Mapping[str, str], variable: str, default: str) -> str:
    url = with_driver(env.get(variable) or default)
    try:
        require_usable(url)
    except BadInputError as error:
        source = variable if env.get(variable) else f"{variable} (from FXGPT_DATA_ROOT)"
        raise BadInputError(f"{source}: {error}") from error
    return url
