"""What the tests share: the component, the repository's fixtures, the peers."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import tarfile
import unittest
from pathlib import Path
from typing import Any, Dict, List, Tuple

from consign_image import Consign, Descriptor, ImageName

ROOT = Path(__file__).resolve().parents[3]
FIXTURES = ROOT / "tests" / "fixtures"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"


@functools.lru_cache(maxsize=None)
def consign() -> Consign:
    """One component for all tests of a process."""
    return Consign()


def peer(name: str) -> str:
    """The path of a program; the test is skipped without it, or fails where all peers have to be there."""
    found = shutil.which(name)
    if found is None:
        if os.environ.get("CONSIGN_REQUIRE_PEERS") == "1":
            raise AssertionError(f"wanted `{name}`, which is not installed")
        raise unittest.SkipTest(f"`{name}` is not installed")
    return found


def unpack(fixture: str, into: Path) -> Path:
    """The layout in one of the repository's archives."""
    into.mkdir()
    with tarfile.open(FIXTURES / fixture) as archive:
        if hasattr(tarfile, "data_filter"):
            archive.extractall(into, filter="data")
        else:
            archive.extractall(into)
    return into


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Memory:
    """Content that is made up: blobs by digest, descriptors by name."""

    def __init__(self) -> None:
        self.names: Dict[str, Descriptor] = {}
        self.blobs: Dict[str, bytes] = {}

    def add(self, media_type: str, value: Any) -> Descriptor:
        """A document, or bytes as they are."""
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.blobs[sha256(data)] = data
        return Descriptor(media_type, sha256(data), len(data))

    def image(self, os_name: str = "linux", architecture: str = "amd64", layers: int = 1) -> Descriptor:
        """An image whose layers are only named."""
        rootfs = {"type": "layers", "diff_ids": [sha256(b"%d" % number) for number in range(layers)]}
        config = self.add(CONFIG_TYPE, {"os": os_name, "architecture": architecture, "rootfs": rootfs})
        layer = Descriptor("application/vnd.oci.image.layer.v1.tar", sha256(b"layer"), 5)
        manifest = {"schemaVersion": 2, "config": written(config), "layers": [written(layer)] * layers}
        return self.add(MANIFEST_TYPE, manifest)

    def find(self, name: ImageName) -> "Descriptor | None":
        return self.names.get(str(name))

    def read(self, target: Descriptor) -> "bytes | None":
        return self.blobs.get(target.digest)

    def search(self, prefix: str) -> List[Descriptor]:
        return []

    def indexes(self, config: str) -> Tuple[Descriptor, ...]:
        return ()

    def manifests(self, config: str) -> Tuple[Descriptor, ...]:
        return ()


def written(descriptor: Descriptor) -> Dict[str, Any]:
    """A descriptor as documents have it."""
    value: Dict[str, Any] = {"mediaType": descriptor.media_type, "digest": descriptor.digest, "size": descriptor.size}
    if descriptor.platform is not None:
        value["platform"] = {"os": descriptor.platform.os, "architecture": descriptor.platform.architecture}
    return value


def large_index(size: int) -> str:
    """An index of about that many bytes, at most 4 MiB, with annotations of 150 bytes."""
    entries = []
    for number in range(size // 430):
        platform = {"os": "linux", "architecture": f"a{number}"}
        entry = {"mediaType": MANIFEST_TYPE, "digest": f"sha256:{number:064x}", "size": number, "platform": platform}
        entries.append({**entry, "annotations": {"k" * 150: "x"}})
    return json.dumps({"schemaVersion": 2, "manifests": entries})
