"""Where content comes from: five questions. A directory, a registry, or your own.

`resolve` does not rely on an implementation: it checks the size and the digest of what `read` returns.
"""

from __future__ import annotations

import hashlib
import re
from typing import Optional, Protocol, Sequence

from .errors import Corrupt, TooLarge
from .manifests import DOCUMENT_LIMIT
from .types import Descriptor, ImageName

MAX_FOUND = 16
"""Images that a search answers with at most."""
MAX_DOCUMENTS = 64
"""Indexes, and manifests, that are answered with at most."""

_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128}
_DIGEST = re.compile(r"(sha256|sha384|sha512):([0-9a-f]+)")


class Content(Protocol):
    """What a resolution may ask. Raise a `ContentError` where there is no answer; absence is one."""

    def find(self, name: ImageName) -> Optional[Descriptor]:
        """What exactly this name points at: an index, a manifest or an image config."""

    def search(self, prefix: str) -> Sequence[Descriptor]:
        """Configs of images whose ID starts with `prefix` (hexadecimal, or `algorithm:hex`), ascending, at
        most 16. A whole digest that is no image's ID also finds the manifest or index that has it."""

    def read(self, target: Descriptor) -> Optional[bytes]:
        """The whole content of a descriptor, at most 4 MiB."""

    def indexes(self, config: str) -> Sequence[Descriptor]:
        """Indexes here that may hold the image with this config digest, most recent last, at most 64."""

    def manifests(self, config: str) -> Sequence[Descriptor]:
        """Manifests here whose config has this digest, most recent last, at most 64."""


def digest_parts(digest: str) -> "Optional[tuple[str, str]]":
    """Algorithm and digits, if it is a digest: what names a file or goes into an address has to be one."""
    found = _DIGEST.fullmatch(digest)
    if found is None or len(found[2]) != _DIGITS[found[1]]:
        return None
    return found[1], found[2]


def verify(data: bytes, digest: str) -> bytes:
    """The data, if it has this digest; raises `Corrupt`."""
    parts = digest_parts(digest)
    if parts is None or hashlib.new(parts[0], data).hexdigest() != parts[1]:
        raise Corrupt(digest)
    return data


class Verified:
    """Content whose answers are checked before the component sees them."""

    def __init__(self, content: Content) -> None:
        self._content = content

    def find(self, name: ImageName) -> Optional[Descriptor]:
        return self._content.find(name)

    def search(self, prefix: str) -> Sequence[Descriptor]:
        return self._content.search(prefix)[:MAX_FOUND]

    def read(self, target: Descriptor) -> Optional[bytes]:
        if target.size > DOCUMENT_LIMIT:
            raise TooLarge(target.size, DOCUMENT_LIMIT)
        data = self._content.read(target)
        if data is None:
            return None
        if len(data) > DOCUMENT_LIMIT:
            raise TooLarge(len(data), DOCUMENT_LIMIT)
        if len(data) != target.size:
            raise Corrupt(target.digest)
        return verify(data, target.digest)

    def indexes(self, config: str) -> Sequence[Descriptor]:
        return self._content.indexes(config)[-MAX_DOCUMENTS:]

    def manifests(self, config: str) -> Sequence[Descriptor]:
        return self._content.manifests(config)[-MAX_DOCUMENTS:]
