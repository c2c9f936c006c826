"""A provider's key comes from the environment, else from the keyring, and an error about it never shows it."""

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring

from fxgpt_core.errors import BadInputError, MissingError
from fxgpt_core.settings import provider_key


class MemoryKeyring(KeyringBackend):
    # Below the one that always fails: keyring chooses by itself among all that are defined, this one too.
    priority = -1

    def get_password(self, service, username):
        return "from-the-keyring" if (service, username) == ("fxgpt", "tiingo") else None

    def set_password(self, service, username, password):
        raise NotImplementedError

    def delete_password(self, service, username):
        raise NotImplementedError


@pytest.fixture
def in_keyring():
    before = keyring.get_keyring()
    yield keyring.set_keyring
    keyring.set_keyring(before)


def test_the_environment_goes_before_the_keyring(in_keyring):
    in_keyring(MemoryKeyring())
    assert provider_key("tiingo", {"FXGPT_TIINGO_KEY": " abc\n"}) == "abc"
    assert provider_key("tiingo", {"FXGPT_TIINGO_KEY": ""}) == "from-the-keyring"
    assert provider_key("tiingo", {}) == "from-the-keyring"


@pytest.mark.parametrize("backend", [MemoryKeyring, NoKeyring])
def test_a_missing_key_names_both_ways_to_give_it(in_keyring, backend):
    in_keyring(backend())
    with pytest.raises(
        MissingError, match=r"alpha_vantage needs a key.*FXGPT_ALPHA_VANTAGE_KEY.*`keyring set fxgpt alpha_vantage`"
    ):
        provider_key("alpha_vantage", {})


@pytest.mark.parametrize("key", ["two words", "schl\u00fcssel", "line\nline"])
def test_what_cannot_be_a_key_is_refused_without_showing_it(key):
    with pytest.raises(BadInputError, match="FXGPT_TIINGO_KEY") as refused:
        provider_key("tiingo", {"FXGPT_TIINGO_KEY": key})
    assert key not in str(refused.value)
