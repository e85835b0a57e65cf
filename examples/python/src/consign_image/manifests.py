"""Indexes, manifests and image configs, and the choice from an index; `wit/manifests.wit` and
`wit/selection.wit` have the rules."""

from __future__ import annotations

from typing import Any, Iterable, Literal, Optional, Tuple, Union

from ._sandbox import Fault, Sandbox
from .errors import InvalidDocument
from .platforms import Platforms, Wanted
from .reasons import DocumentProblem
from .types import Choice, Criteria, Document, DocumentFault, ImageConfig, Index

DOCUMENT_LIMIT = 4 << 20
"""Bytes a document may have."""

Rule = Literal["docker", "docker-strict", "docker-pull", "podman", "podman-gzip", "podman-zstd", "first-match"]


def invalid_document(fault: DocumentFault) -> InvalidDocument:
    """The fault as an exception."""
    assert isinstance(fault.problem, DocumentProblem)
    return InvalidDocument(fault.offset, fault.problem)


class Manifests:
    """Documents: read and chosen from."""

    def __init__(self, sandbox: Sandbox, platforms: Platforms) -> None:
        self._sandbox, self._platforms = sandbox, platforms

    def _ask(self, interface: str, function: str, *arguments: Any) -> Any:
        answer = self._sandbox.call(interface, function, *arguments)
        if isinstance(answer, Fault):
            raise invalid_document(answer.error)
        return answer

    def _read(self, function: str, document: Union[str, bytes], *arguments: Any) -> Any:
        """As text where it is text: a list of bytes costs wasmtime a value a byte."""
        if len(document) > DOCUMENT_LIMIT:
            # Found before it crosses; the component would say the same.
            raise InvalidDocument(0, DocumentProblem("too-large", ("bytes", DOCUMENT_LIMIT, len(document))))
        if isinstance(document, bytes):
            try:
                document = document.decode()
            except UnicodeDecodeError:
                return self._ask("manifests", function, document, *arguments)
        return self._ask("manifests", f"{function}-text", document, *arguments)

    def parse(self, document: Union[str, bytes], media_type: Optional[str] = None) -> Document:
        """Reads an index or a manifest; raises `InvalidDocument`. `media_type`: what the pointer to it
        announced. At most 4 MiB."""
        parsed: Document = self._read("parse", document, media_type)
        return parsed

    def parse_config(self, document: Union[str, bytes]) -> ImageConfig:
        """Reads an image config; raises `InvalidDocument`. At most 4 MiB."""
        config: ImageConfig = self._read("parse-config", document)
        return config

    def chain_ids(self, diff_ids: Iterable[str]) -> Tuple[str, ...]:
        """Chain IDs of the layers with these diff IDs, base layer first; raises `InvalidDocument`."""
        chain: Tuple[str, ...] = self._ask("manifests", "chain-ids", list(diff_ids))
        return chain

    def parse_layout(self, marker: bytes) -> str:
        """Checks the `oci-layout` marker and answers its version; raises `InvalidDocument`."""
        return str(self._ask("manifests", "parse-layout", marker))

    def choose(
        self, index: Index, platform: Wanted, rule: Rule = "docker", host_os: Optional[str] = None
    ) -> Choice:
        """Judges every entry of an index for a platform: what to try, and why the others lost."""
        host_os = self._platforms.host.os if host_os is None else host_os
        criteria = Criteria(self._platforms.wanted(platform), rule, index.kind, host_os)
        choice: Choice = self._ask("selection", "choose", list(index.entries), criteria)
        return choice
