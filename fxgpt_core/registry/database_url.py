"""Database URLs: which can be used, and how they, and what a database says about them, are shown without their secrets."""

import re
from urllib.parse import unquote

from fxgpt_core.errors import BadInputError

ALLOWED = "allowed are sqlite:///FILE and postgresql+psycopg2://USER:PASSWORD@HOST:PORT/DATABASE"
POSTGRES = "postgresql+psycopg2"
SQLITE_PREFIX = "sqlite:///"
HIDDEN = "***"
# SQLAlchemy's own grammar, so that what is refused here is what it would stumble over; its import takes a third of a second.
_URL = re.compile(
    r"(?P<scheme>[\w+]+)://(?:[^:/]*(?::[^@]*)?@)?(?P<host>\[[^/?]+\]|[^/:?]+)?(?::(?P<port>[^/?]*))?"
    r"(?:/(?P<database>[^?]*))?(?:\?(?P<query>.*))?"
)
_USER_PASSWORD = re.compile(r"(?P<name>://[^:/]*:)(?P<secret>.*)(?=@)")
_QUERY_SECRET = re.compile(r"(?P<name>(?:^|[?&\s])[^=&?\s]*(?:pass|secret)[^=&\s]*=)(?P<secret>[^&]*)", re.IGNORECASE)
_SECRETS = (_USER_PASSWORD, _QUERY_SECRET)


def require_usable(url: str) -> None:
    """Raise `BadInputError` unless a URL names a SQLite file, or a PostgreSQL database with its driver."""
    reason = _objection(url)
    if reason is not None:
        raise BadInputError(f"{shown(url)!r} cannot be used as a database: {reason}; {ALLOWED}")


def shown(url: str) -> str:
    """A database URL as it may be shown: without a password, be it before the host or among the options."""
    for secret in _SECRETS:
        url = secret.sub(rf"\g<name>{HIDDEN}", url)
    return url


def without_secrets(message: str, url: str) -> str:
    """What a database said about a URL, in one line, each secret of the URL hidden."""
    line = " ".join(message.split())
    for pattern in _SECRETS:
        for found in pattern.finditer(url):
            for secret in {found["secret"], unquote(found["secret"])} - {""}:
                line = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", HIDDEN, line)
    return line


def _objection(url: str) -> str | None:
    parts = _URL.fullmatch(url)
    if parts is None:
        return "it is no URL"
    if parts["scheme"] in ("postgresql", "postgres"):
        return "a PostgreSQL URL needs its driver"
    if parts["scheme"] == "sqlite":
        return _sqlite_objection(url, parts)
    if parts["scheme"] != POSTGRES:
        return f"there is no driver for {parts['scheme']}"
    if "@" in (parts["host"] or ""):
        return "a second @ stands before the host, and in a password it is written %40"
    if parts["port"] and not (parts["port"].isdecimal() and 0 < int(parts["port"]) < 1 << 16):
        return "its port is not a number from 1 to 65535"
    return None


def _sqlite_objection(url: str, parts: re.Match[str]) -> str | None:
    if not url.startswith(SQLITE_PREFIX) or not parts["database"] or parts["database"] == ":memory:":
        return "it names no file (a database in memory ends with the program)"
    return "a file takes no options after a question mark" if parts["query"] is not None else None
