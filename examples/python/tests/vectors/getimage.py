"""moby_getimage.jsonl: Docker's GetImage over a state of images, references, leases and blobs."""

from __future__ import annotations

import functools
import json
from typing import Dict, List, Optional

from consign_image import Consign, Descriptor, ImageName, Platform
from consign_image.errors import Ambiguous, InvalidReference, NoPlatform, NotFound, ResolveError
from consign_image.resolution import drive
from consign_image.types import Options

from .harness import FOLDER, Json, same
from .platforms import platform

_CONFIG = "application/vnd.docker.container.image.v1+json"


class _Moby:
    """What Docker's daemon had in the state file. Its blobs' sizes are not known, so it is asked unverified."""

    def __init__(self) -> None:
        state = json.loads((FOLDER / "moby_getimage_state.json").read_text(encoding="utf-8"))
        self.images = sorted(image["id"] for image in state["images"])
        self.blobs: Dict[str, bytes] = {image["id"]: image["config"].encode() for image in state["images"]}
        self.blobs.update({digest: blob.encode() for digest, blob in state["blobs"].items()})
        self.references = {_named(reference["ref"]): reference["id"] for reference in state["references"]}
        self.leased: Dict[str, List[str]] = {}
        for lease in state["leases"]:
            held = [resource["id"] for resource in lease["resources"] if resource["type"] == "content"]
            self.leased.setdefault(lease["image_id"], []).extend(held)

    def find(self, name: ImageName) -> Optional[Descriptor]:
        end = f"@{name.digest}" if name.digest is not None else f":{name.tag}" if name.tag is not None else ""
        found = self.references.get(f"{name.domain}/{name.path}{end}")
        return None if found is None else Descriptor(_CONFIG, found, 0)

    def search(self, prefix: str) -> List[Descriptor]:
        found = [image for image in self.images if image.startswith((prefix, f"sha256:{prefix}"))]
        return [Descriptor(_CONFIG, image, 0) for image in found]

    def read(self, target: Descriptor) -> Optional[bytes]:
        if target.media_type == _CONFIG and target.digest not in self.images:
            return None
        return self.blobs.get(target.digest)

    def indexes(self, config: str) -> List[Descriptor]:
        return [Descriptor("", digest, 0) for digest in self.leased.get(config, [])]

    def manifests(self, config: str) -> List[Descriptor]:
        return []


def _named(familiar: str) -> str:
    first, slash, _ = familiar.partition("/")
    if not slash:
        return f"docker.io/library/{familiar}"
    with_host = "." in first or ":" in first or first == "localhost"
    return familiar if with_host else f"docker.io/{familiar}"


@functools.lru_cache(maxsize=None)
def _moby() -> _Moby:
    return _Moby()


def moby_getimage(consign: Consign, case: Json) -> None:
    wanted = platform(case["platform"]) if "platform" in case else None
    options = Options(wanted, Platform("linux", "amd64"), "docker")
    try:
        image = drive(consign.sandbox, _moby(), case["input"], options).image
    except (ResolveError, InvalidReference) as error:
        same("ok", case["ok"], False)
        invalid = isinstance(error, InvalidReference)
        same("class", case["class"], "invalid_argument" if invalid else "not_found")
        missing = isinstance(error, (NotFound, Ambiguous))
        same("is_ErrImageDoesNotExist", case["is_ErrImageDoesNotExist"], missing)
        if isinstance(error, NoPlatform):
            found = None if error.image is None else error.image[0]
            same("image", case.get("image_returned_with_error"), found)
        return
    same("ok", case["ok"], True)
    same("id", case["id"], image.config.digest)
    if image.matched.case in ("prefix", "digest"):
        same("matched id", case["id"], image.matched.value)
