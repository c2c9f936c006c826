"""A database URL is refused before anything is opened with it, and never shown with a secret in it."""

import pytest

from fxgpt_core.errors import BadInputError
from fxgpt_core.registry.database_url import require_usable, shown, without_secrets
from fxgpt_core.registry.model_versions import shown as shown_store

SECRETS = (
    "postgresql+psycopg2://bob:s3cretPW@h:5432/fx",
    "postgresql+psycopg2://bob:s3cretPW@home@h/fx",
    "postgresql+psycopg2://:s3cretPW@h/fx",
    "postgresql+psycopg2:///fx?host=/tmp/s&user=bob&password=s3cretPW",
    "postgresql+psycopg2:///fx?PassWord=s3cretPW&user=bob",
    "postgresql+psycopg2:///fx?user=bob&passfile=/home/s3cretPW",
    "postgresql+psycopg2:///fx?sslpassword=s3cretPW&sslmode=require",
    "host=h user=bob password=s3cretPW",
)


@pytest.mark.parametrize("url", SECRETS)
def test_no_part_of_a_url_that_is_shown_is_secret(url):
    assert "s3cretPW" not in shown(url)
    assert "***" in shown(url)
    assert shown_store(url) == shown(url)


def test_what_is_no_secret_is_shown_as_it_is():
    assert shown("sqlite:////data/ledger.db") == "sqlite:////data/ledger.db"
    assert shown("postgresql+psycopg2://bob@h:5432/fx?sslmode=require") == "postgresql+psycopg2://bob@h:5432/fx?sslmode=require"
    assert (
        shown("postgresql+psycopg2://bob:pw@h/fx?user=a&password=b") == "postgresql+psycopg2://bob:***@h/fx?user=a&password=***"
    )


def test_a_message_that_repeats_a_secret_is_shown_in_one_line_without_it():
    url = "postgresql+psycopg2://bob:p%40ss@h/fx?passfile=/home/key"
    said = "connection failed\n\tfor p@ss (p%40ss)\n\tand /home/key of bob"
    assert without_secrets(said, url) == "connection failed for *** (***) and *** of bob"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("garbage", "it is no URL"),
        ("postgresql://h/db", "needs its driver"),
        ("postgresql+asyncpg://h/db", r"no driver for postgresql\+asyncpg"),
        ("mysql://h/db", "no driver for mysql"),
        ("postgresql+psycopg2://h:bad/db", "port is not a number from 1 to 65535"),
        ("postgresql+psycopg2://h:70000/db", "port is not a number from 1 to 65535"),
        ("postgresql+psycopg2://u:a@b@h/db", "written %40"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///x.db?mode=ro", "no options after a question mark"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_with_its_reason_and_what_is_allowed(url, reason):
    with pytest.raises(BadInputError, match=f"{reason}.*allowed are sqlite:///FILE and postgresql"):
        require_usable(url)


@pytest.mark.parametrize(
    "url", ["sqlite:////a b/c%20d.db", "postgresql+psycopg2:///fx?host=a:1,b:2", "postgresql+psycopg2://u:a/b?c@[::1]:5432/db"]
)
def test_a_url_that_can_be_used_is_let_through(url):
    require_usable(url)
    assert shown(url)
