"""The nouns of `consign:image`, as frozen dataclasses.

Each class has the fields of the WIT record of the same name, in its order: values cross the boundary by
that. `wit/` documents units, bounds and order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple, Union

from .reasons import Matched, Reason, Step, Verdict

Annotations = Tuple[Tuple[str, str], ...]


@dataclass(frozen=True)
class Platform:
    """What an image runs on. An empty member of a document is an absent one."""

    os: str
    architecture: str
    variant: Optional[str] = None
    os_version: Optional[str] = None
    os_features: Tuple[str, ...] = ()

    def __str__(self) -> str:
        system = self.os + (f"({self.os_version})" if self.os_version else "")
        parts = [system, self.architecture, self.variant]
        return "/".join(part for part in parts if part) or "unknown"


@dataclass(frozen=True)
class Descriptor:
    """A pointer to content (image-spec, descriptor.md). `size` is in bytes."""

    media_type: str
    digest: str
    size: int
    platform: Optional[Platform] = None
    annotations: Annotations = ()
    artifact_type: Optional[str] = None

    def annotation(self, key: str) -> Optional[str]:
        """The annotation's value; `None` where there is none or it is empty."""
        return next((value for name, value in self.annotations if name == key and value), None)


@dataclass(frozen=True)
class ImageName:
    """A repository name with what was said after it. `domain` is empty only in the reading `as-written`."""

    domain: str
    path: str
    tag: Optional[str] = None
    digest: Optional[str] = None

    def __str__(self) -> str:
        name = f"{self.domain}/{self.path}" if self.domain else self.path
        tag = f":{self.tag}" if self.tag is not None else ""
        return name + tag + (f"@{self.digest}" if self.digest is not None else "")


Reference = Union[ImageName, str]
"""A name; from the reading `any` a digest too."""


@dataclass(frozen=True)
class Index:
    """An OCI image index or a Docker manifest list: `kind` is `oci-index` or `docker-list`."""

    kind: str
    entries: Tuple[Descriptor, ...]
    annotations: Annotations
    artifact_type: Optional[str]
    subject: Optional[Descriptor]


@dataclass(frozen=True)
class Manifest:
    """An image manifest: `kind` is `oci-manifest` or `docker-manifest`. `layers`: base layer first."""

    kind: str
    config: Descriptor
    layers: Tuple[Descriptor, ...]
    annotations: Annotations
    artifact_type: Optional[str]
    subject: Optional[Descriptor]


Document = Union[Index, Manifest]


@dataclass(frozen=True)
class HistoryEntry:
    """One step in an image's making."""

    created: Optional[str]
    created_by: Optional[str]
    author: Optional[str]
    comment: Optional[str]
    empty_layer: bool


@dataclass(frozen=True)
class Healthcheck:
    """How Docker finds out whether a container is well. Durations are in nanoseconds, 0 where not said."""

    test: Optional[Tuple[str, ...]]
    interval: int
    timeout: int
    start_period: int
    start_interval: int
    retries: int


@dataclass(frozen=True)
class ContainerConfig:
    """What a container of the image runs with. Lists are `None` where absent or `null`."""

    hostname: str
    domainname: str
    user: str
    attach_stdin: bool
    attach_stdout: bool
    attach_stderr: bool
    exposed_ports: Optional[Tuple[str, ...]]
    tty: bool
    open_stdin: bool
    stdin_once: bool
    env: Optional[Tuple[str, ...]]
    cmd: Optional[Tuple[str, ...]]
    healthcheck: Optional[Healthcheck]
    args_escaped: bool
    image: str
    volumes: Optional[Tuple[str, ...]]
    working_dir: str
    entrypoint: Optional[Tuple[str, ...]]
    network_disabled: bool
    mac_address: str
    on_build: Optional[Tuple[str, ...]]
    labels: Optional[Annotations]
    stop_signal: str
    stop_timeout: Optional[int]
    shell: Optional[Tuple[str, ...]]


@dataclass(frozen=True)
class ImageConfig:
    """An image config: what OCI defines and what Docker adds. `diff_ids`: base layer first."""

    platform: Platform
    created: Optional[str]
    author: Optional[str]
    rootfs_type: str
    diff_ids: Tuple[str, ...]
    history: Tuple[HistoryEntry, ...]
    config: Optional[ContainerConfig]
    parent: Optional[str]
    comment: Optional[str]
    docker_version: Optional[str]
    container: Optional[str]
    container_config: Optional[ContainerConfig]


@dataclass(frozen=True)
class DigestParts:
    """The two sides of a digest's colon: `algorithm` is `sha256`, `sha384` or `sha512`."""

    algorithm: str
    encoded: str


@dataclass(frozen=True)
class Criteria:
    """What an index is chosen from for; see `Selection.choose`."""

    wanted: Platform
    rule: str
    format: str
    host_os: str


@dataclass(frozen=True)
class Choice:
    """What becomes of an index's entries. `order`: positions to try, best first; `reasons`: for every entry,
    by position; `str(reason)` says it in words."""

    order: Tuple[int, ...]
    reasons: Tuple[Reason, ...]

    @property
    def best(self) -> Optional[int]:
        """The position to try first; `None` where nothing fits."""
        return self.order[0] if self.order else None


@dataclass(frozen=True)
class Options:
    """For whom a resolution is. Without a `platform` an index is resolved for `host`."""

    platform: Optional[Platform]
    host: Platform
    rules: str


@dataclass(frozen=True)
class Considered:
    """An entry of an index on the way, and what became of it."""

    index: str
    position: int
    depth: int
    entry: Descriptor
    verdict: Verdict

    def __str__(self) -> str:
        reason = self.verdict.value
        if isinstance(reason, Reason) and reason.case == "outranked" and self.entry.platform is None:
            return f"names no platform, and entry {reason.value} fits"
        return str(self.verdict)


@dataclass(frozen=True)
class Explanation:
    """How a resolution went: what was tried, in order, and every entry of every index that was looked into."""

    steps: Tuple[Step, ...] = ()
    considered: Tuple[Considered, ...] = ()


@dataclass(frozen=True)
class Layer:
    """A layer: its blob where the manifest is known, the digest of what it unpacks to, its chain ID."""

    blob: Optional[Descriptor]
    diff_id: str
    chain_id: str


@dataclass(frozen=True)
class Resolved:
    """An image, as it was come to. The digest of `config` is the image ID; `indexes`: outermost first;
    `layers`: base layer first."""

    matched: Matched
    target: Descriptor
    indexes: Tuple[Descriptor, ...]
    manifest: Optional[Descriptor]
    config: Descriptor
    platform: Platform
    layers: Tuple[Layer, ...]


@dataclass(frozen=True)
class Mismatch:
    """An image is there, but not for the platform. `image`: the one found without an index, and its platform."""

    wanted: Platform
    image: Optional[Tuple[str, Platform]]


@dataclass(frozen=True)
class TextFault:
    """What is wrong with a text: at which byte, what, and what could have stood there."""

    offset: int
    problem: "object"
    expected: str


@dataclass(frozen=True)
class PatternFault:
    """What is wrong with a pattern."""

    offset: int
    expected: str


@dataclass(frozen=True)
class PlatformFault:
    """What is wrong with a platform string: at which byte, which component, what."""

    offset: int
    component: str
    problem: str


@dataclass(frozen=True)
class DocumentFault:
    """What is wrong with a document, and at which byte."""

    offset: int
    problem: "object"
