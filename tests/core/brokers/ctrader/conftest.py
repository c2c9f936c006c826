"""For the tests of the wire: a certificate of their own, and TLS that trusts it alone."""

import ssl
from pathlib import Path

import pytest
from ctrader_scripted_server import make_certificate

from fxgpt_core.brokers.ctrader.endpoint import verifying_context


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 with its key."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="session")
def trusting(certificate: Path) -> ssl.SSLContext:
    """TLS that trusts this certificate and no other."""
    return verifying_context(certificate)
