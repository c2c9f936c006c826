"""Where tokens survive: the system's keyring, or a file encrypted with a key from the environment where there is none."""

import base64
import json
import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from fxgpt_core.atomic_file import write_atomically
from fxgpt_core.brokers.ctrader.redaction import Secret
from fxgpt_core.brokers.ctrader.tokens import LOGIN, TokenPair, require_kept
from fxgpt_core.errors import BadInputError, NotReadyError

KEYRING_SERVICE = "fxgpt"
SHORTEST_KEY = 16
SALT_BYTES = 16


class KeyringStore:
    """The system's keyring; one entry for each application."""

    def __init__(self, client_id: str) -> None:
        self._entry = f"ctrader-tokens:{client_id}"

    def read(self) -> TokenPair | None:
        """The stored pair. Raises `NotReadyError` where there is no keyring, or it is locked."""
        # Slow to import, and only this store needs it.
        import keyring
        from keyring.errors import KeyringError

        try:
            text = keyring.get_password(KEYRING_SERVICE, self._entry)
        except KeyringError as error:
            raise _no_keyring(error) from None
        return None if text is None else TokenPair.from_text(text)

    def write(self, pair: TokenPair) -> None:
        """Keep a pair, and read it back. Raises `NotReadyError` where it was not kept."""
        import keyring
        from keyring.errors import KeyringError

        try:
            keyring.set_password(KEYRING_SERVICE, self._entry, pair.to_text())
        except KeyringError as error:
            raise _no_keyring(error) from None
        require_kept(self, pair)


class EncryptedFileStore:
    """One file, encrypted with a key that is kept elsewhere; written whole or not at all, readable by its owner alone."""

    def __init__(self, path: Path, key: Secret) -> None:
        if len(key.reveal()) < SHORTEST_KEY:
            raise BadInputError(
                f"FXGPT_CTRADER_TOKEN_KEY has fewer than {SHORTEST_KEY} characters; make one with "
                '`python -c "import secrets; print(secrets.token_urlsafe(32))"` and keep it'
            )
        self._path, self._key = path, key

    def read(self) -> TokenPair | None:
        """The stored pair. Raises `BadInputError` when the key is not the one it was written with, or the file is damaged."""
        try:
            kept = json.loads(self._path.read_text())
        except FileNotFoundError:
            return None
        except ValueError:
            raise BadInputError(f"{self._path} is no file of tokens; remove it and {LOGIN}") from None
        try:
            text = self._cipher(base64.b64decode(kept["salt"])).decrypt(kept["sealed"].encode()).decode()
        except (InvalidToken, KeyError, ValueError, TypeError, AttributeError):
            raise BadInputError(
                f"{self._path} cannot be opened with this FXGPT_CTRADER_TOKEN_KEY; set the key it was written with, or {LOGIN}"
            ) from None
        return TokenPair.from_text(text)

    def write(self, pair: TokenPair) -> None:
        """Keep a pair; on return it is on the disk. Raises `NotReadyError` when it cannot be written."""
        salt = os.urandom(SALT_BYTES)
        sealed = self._cipher(salt).encrypt(pair.to_text().encode()).decode()
        kept = json.dumps({"salt": base64.b64encode(salt).decode(), "sealed": sealed})
        try:
            write_atomically(self._path, kept.encode())
        except OSError as error:
            raise NotReadyError(f"{self._path}: {error.strerror}; the tokens need a place to be kept at") from error

    def _cipher(self, salt: bytes) -> Fernet:
        derived = Scrypt(salt=salt, length=32, n=2**14, r=8, p=1).derive(self._key.reveal().encode())
        return Fernet(base64.urlsafe_b64encode(derived))


def _no_keyring(error: Exception) -> NotReadyError:
    return NotReadyError(
        f"this system's keyring cannot be used ({type(error).__name__}); unlock it, or set FXGPT_CTRADER_TOKEN_KEY to a key of "
        "your own: the tokens are then kept in an encrypted file"
    )
