"""An OCI image layout in a directory (image-spec, image-layout.md), as content."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Dict, List, Optional, Sequence, Set, Tuple, Union

from .content import MAX_FOUND, digest_parts, verify
from .errors import InvalidDocument, InvalidReference, NotAnImage, TooLarge, Unavailable
from .manifests import DOCUMENT_LIMIT
from .types import Descriptor, ImageName, Index, Manifest

if TYPE_CHECKING:
    from .consign import Consign

# The whole name, where containerd, BuildKit and Docker write it.
_CONTAINERD_NAME = "io.containerd.image.name"
# A name or a tag (image-spec, annotations.md).
_REF_NAME = "org.opencontainers.image.ref.name"
_INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
# Documents that are read to find an image by its ID.
_MAX_WALKED = 4096


@dataclass
class _Graph:
    """What has to be read from all manifests before an ID can be looked for: only IDs need it."""

    indexes: List[Descriptor] = field(default_factory=list)
    manifests: List[Descriptor] = field(default_factory=list)
    configs: Dict[str, Descriptor] = field(default_factory=dict)
    # By digest of the config, its manifests; by digest of an entry, the indexes that list it.
    manifests_of: Dict[str, List[Descriptor]] = field(default_factory=dict)
    parents: Dict[str, Set[str]] = field(default_factory=dict)


class Layout:
    """A layout. Raises `ContentError` where it cannot be read, `InvalidDocument` where its `index.json` or
    `oci-layout` is none."""

    def __init__(self, directory: Union[str, os.PathLike[str]], consign: "Consign") -> None:
        self._directory, self._consign = os.fspath(directory), consign
        self._graph: Optional[_Graph] = None
        # Some writers leave the marker out; a version that is not ours is another matter.
        marker = self._file("oci-layout")
        if marker is not None:
            consign.manifests.parse_layout(marker)
        index = self._file("index.json")
        if index is None:
            raise Unavailable(f"wanted an OCI image layout, found no `index.json` in `{self._directory}`")
        parsed = consign.manifests.parse(index, _INDEX_TYPE)
        if isinstance(parsed, Manifest):
            raise NotAnImage(Descriptor(parsed.kind, "", len(index)))
        self._roots = [(entry, self._name(entry)) for entry in parsed.entries]

    @property
    def roots(self) -> Tuple[Descriptor, ...]:
        """The entries of `index.json`, in its order."""
        return tuple(entry for entry, _ in self._roots)

    def root(self, ref_name: str) -> Optional[Descriptor]:
        """The entry whose `ref.name` is, as written, this text: what `oci:DIR:NAME` means."""
        return next((entry for entry in self.roots if entry.annotation(_REF_NAME) == ref_name), None)

    def _name(self, entry: Descriptor) -> Optional[ImageName]:
        """An entry's name: containerd's annotation, otherwise what `podman load` makes of the other one: a
        name without a registry is in `localhost/`, one without a tag is `latest`."""
        references = self._consign.references
        containerd, text = entry.annotation(_CONTAINERD_NAME), entry.annotation(_REF_NAME)
        try:
            if containerd is not None:
                return references.with_default_tag(references.parse(containerd))
            if text is None:
                return None
            domain = references.parse(text, "as-written").domain
            local = not ("." in domain or ":" in domain or domain == "localhost")
            return references.with_default_tag(references.parse(f"localhost/{text}" if local else text))
        except InvalidReference:
            # The annotation may be any text.
            return None

    def _file(self, path: str) -> Optional[bytes]:
        """A file of the layout, at most 4 MiB; what is no regular file is not opened to be read."""
        try:
            descriptor = os.open(os.path.join(self._directory, path), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable(f"`{path}`: {error.strerror}") from error
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise Unavailable(f"wanted a file at `{path}`, found something else")
            try:
                data = file.read(DOCUMENT_LIMIT + 1)
            except OSError as error:
                raise Unavailable(f"`{path}`: {error.strerror}") from error
        if len(data) > DOCUMENT_LIMIT:
            raise TooLarge(max(found.st_size, len(data)), DOCUMENT_LIMIT)
        return data

    def find(self, name: ImageName) -> Optional[Descriptor]:
        """By name; a digest is known under the repositories of the layout's names."""
        for entry, known in self._roots:
            if known is None or (known.domain, known.path) != (name.domain, name.path):
                continue
            if name.digest is not None:
                if entry.digest == name.digest:
                    return entry
            elif known.digest is None and known.tag == (name.tag or "latest"):
                return entry
        return None

    def read(self, target: Descriptor) -> Optional[bytes]:
        """A blob, verified."""
        parts = digest_parts(target.digest)
        if parts is None:
            return None
        data = self._file(os.path.join("blobs", *parts))
        return None if data is None else verify(data, target.digest)

    def search(self, prefix: str) -> Sequence[Descriptor]:
        """By the beginning of an image ID, or by the whole digest of an index or a manifest."""
        graph = self._walked()

        def fits(descriptor: Descriptor) -> bool:
            digest = descriptor.digest
            return digest.startswith(prefix) or digest.partition(":")[2].startswith(prefix)

        found = sorted(filter(fits, graph.configs.values()), key=lambda config: config.digest)
        if not found:
            found = [document for document in graph.manifests + graph.indexes if document.digest == prefix][:1]
        return found[:MAX_FOUND]

    def manifests(self, config: str) -> Sequence[Descriptor]:
        """The manifests with this config."""
        return self._walked().manifests_of.get(config, [])

    def indexes(self, config: str) -> Sequence[Descriptor]:
        """The indexes above those manifests."""
        graph = self._walked()
        above: Set[str] = set()
        below = [manifest.digest for manifest in self.manifests(config)]
        while below:
            for parent in graph.parents.get(below.pop(), ()):
                if parent not in above:
                    above.add(parent)
                    below.append(parent)
        return [index for index in graph.indexes if index.digest in above]

    def _walked(self) -> _Graph:
        if self._graph is None:
            self._graph = self._walk()
        return self._graph

    def _walk(self) -> _Graph:
        graph, seen = _Graph(), set()
        waiting = list(reversed(self.roots))
        while waiting:
            descriptor = waiting.pop()
            if descriptor.digest in seen:
                continue
            seen.add(descriptor.digest)
            if len(seen) > _MAX_WALKED:
                raise Unavailable(f"over the limit of {_MAX_WALKED} documents in a layout")
            data = self.read(descriptor) if descriptor.size <= DOCUMENT_LIMIT else None
            try:
                found = self._consign.manifests.parse(data, descriptor.media_type) if data is not None else None
            except InvalidDocument:
                # Another kind of content; whoever means it by name is told what is wrong with it.
                continue
            if isinstance(found, Index):
                graph.indexes.append(descriptor)
                for entry in found.entries:
                    graph.parents.setdefault(entry.digest, set()).add(descriptor.digest)
                waiting.extend(reversed(found.entries))
            elif isinstance(found, Manifest):
                graph.manifests.append(descriptor)
                graph.configs.setdefault(found.config.digest, found.config)
                graph.manifests_of.setdefault(found.config.digest, []).append(descriptor)
        return graph
