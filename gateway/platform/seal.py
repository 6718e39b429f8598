"""Sealing: AES-256-GCM for what must be read again, a keyed hash for what is only compared.

A sealed value is one byte naming the key, twelve bytes of nonce, and the ciphertext; what it
belongs to (a column, a purpose) is authenticated with it, so that it cannot be moved elsewhere.
"""

import base64
import contextlib
import hashlib
import hmac
import itertools
import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.platform.disk import private_file, private_folder, sync_folder

KEY_FILE = "seal.key"
RAW = "message raw"
ENVELOPE = "quarantine"
FILE = "file"
PART = "message part"
REPORTER = "reporter"
"""Purposes: what a sealed value is, which is authenticated with it."""


class BadSeal(Exception):
    """The value was sealed with a key we do not have, or was changed since."""


class Seal:
    """Seals with the first key, opens with any. References use the last (oldest) key.

    ``keys`` are 32 bytes each, newest first. Raises ``ValueError`` for any other length.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != 32 for key in keys):
            raise ValueError("a seal key is 32 bytes")
        self._newest = self._name(keys[0])
        self._newest_cipher = AESGCM(keys[0])
        self._ciphers: dict[bytes, list[AESGCM]] = {}
        for key in keys:  # one byte names a key: two keys may share a name
            self._ciphers.setdefault(self._name(key), []).append(AESGCM(key))
        self._reference = hmac.digest(keys[-1], b"kanal reference", "sha256")
        self._proof = hmac.digest(keys[-1], b"kanal backup", "sha256")
        self.key_ids = tuple(key_id(key) for key in keys)
        """What the keys are called where they must not stand themselves, newest first."""

    def close(self, plain: bytes, purpose: str) -> bytes:
        """Seal ``plain`` for one purpose."""
        nonce = os.urandom(12)
        return self._newest + nonce + self._newest_cipher.encrypt(nonce, plain, purpose.encode())

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """Open what was sealed for the same purpose. Raises ``BadSeal``."""
        ciphers = self._ciphers.get(sealed[:1])
        if ciphers is None:
            raise BadSeal("sealed with a key that is not among [seal] keys")
        for cipher in ciphers:
            with contextlib.suppress(InvalidTag, ValueError):
                return cipher.decrypt(sealed[1:13], sealed[13:], purpose.encode())
        raise BadSeal("the sealed value was changed or belongs elsewhere")

    def close_text(self, plain: str, purpose: str) -> str:
        """Seal a text into URL-safe base64."""
        return base64.urlsafe_b64encode(self.close(plain.encode(), purpose)).decode()

    def open_text(self, sealed: str, purpose: str) -> str:
        """Open what ``close_text`` made. Raises ``BadSeal``."""
        try:
            return self.open(base64.urlsafe_b64decode(sealed), purpose).decode()
        except ValueError:
            raise BadSeal("not a sealed text") from None

    def reference(self, *parts: str) -> str:
        """Return the same 32 hex digits for the same parts, and nothing to guess them from."""
        whole = "\x1f".join(parts).encode()
        return hmac.digest(self._reference, whole, "sha256")[:16].hex()

    def proof(self, content: bytes) -> str:
        """Return the 64 hex digits by which who has the oldest key knows that we wrote this."""
        return hmac.digest(self._proof, content, "sha256").hex()

    def numbers(self, *parts: str) -> Iterator[int]:
        """Yield integers of 64 bits, the same for the same parts, that cannot be predicted."""
        whole = "\x1f".join(parts).encode("utf-8", "surrogatepass")
        for count in itertools.count():
            drawn = hmac.digest(self._reference, b"number %d\x1f" % count + whole, "sha256")
            yield int.from_bytes(drawn[:8], "big")

    @staticmethod
    def _name(key: bytes) -> bytes:
        return bytes.fromhex(key_id(key))[:1]


def key_id(key: bytes) -> str:
    """Return 16 hex digits that say which key this is, and nothing to guess it from.

    The first two are the byte that names it in sealed values.
    """
    return hashlib.sha256(b"kanal key name" + key).digest()[:8].hex()


def keys_from(written: Sequence[str], data_dir: Path) -> list[bytes]:
    """Decode the configured keys; with none, read or make the key file of ``data_dir``.

    Raises ``ValueError`` when a key is not base64 of 32 bytes.
    """
    keys = [base64.b64decode(key, validate=True) for key in written]
    if any(len(key) != 32 for key in keys):
        raise ValueError("a seal key is the base64 of 32 bytes")
    return keys or [_own_key(data_dir / KEY_FILE)]


def has_keys(written: Sequence[str], data_dir: Path) -> bool:
    """Tell whether there are keys, so that none would be made."""
    return bool(written) or (data_dir / KEY_FILE).exists()


def _own_key(path: Path) -> bytes:
    """Read the key file, or make it whole and at once: several processes may start together."""
    private_folder(path.parent)
    if not path.exists():
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        with private_file(draft, new=True) as file:
            file.write(base64.b64encode(secrets.token_bytes(32)))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another process was first: its key counts
            os.link(draft, path)
        draft.unlink()
        sync_folder(path.parent)
    return base64.b64decode(path.read_bytes(), validate=True)
