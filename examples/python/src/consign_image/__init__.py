"""Container image names, platforms, manifests, and what a reference means, read in a sandbox.

    from consign_image import Consign, Layout

    consign = Consign()
    name = consign.references.parse("debian:12")
    image = consign.resolve("example.com/a:1", Layout("dir", consign), platform="linux/arm64").image

Everything that comes from strangers is parsed by a WebAssembly component that can ask for nothing but content.
"""

from typing import TYPE_CHECKING, Any

from . import errors, types
from ._sandbox import Limits
from .consign import Consign
from .content import Content
from .digests import DigestSet
from .errors import ConsignError, ContentError, InputError, ResolveError, SandboxError
from .layout import Layout
from .reasons import Case, Reason, Step, Verdict
from .resolution import Resolution
from .types import Descriptor, ImageConfig, ImageName, Index, Manifest, Platform

if TYPE_CHECKING:
    from .registry import Registry

__all__ = [
    "Case",
    "Consign",
    "ConsignError",
    "Content",
    "ContentError",
    "Descriptor",
    "DigestSet",
    "ImageConfig",
    "ImageName",
    "Index",
    "InputError",
    "Layout",
    "Limits",
    "Manifest",
    "Platform",
    "Reason",
    "Registry",
    "Resolution",
    "ResolveError",
    "SandboxError",
    "Step",
    "Verdict",
    "errors",
    "types",
]


def __getattr__(name: str) -> Any:
    # Imported when it is wanted: an HTTP client takes longer to import than everything else here.
    if name == "Registry":
        from .registry import Registry

        return Registry
    raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
