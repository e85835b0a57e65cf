"""The component as one object."""

from __future__ import annotations

import os
from typing import Optional, Union

from ._loading import Loaded
from ._sandbox import Limits, Sandbox
from .content import Content, Verified
from .digests import Digests
from .manifests import Manifests
from .platforms import Platforms, Wanted
from .references import References, Rules
from .resolution import Resolution, drive
from .types import Descriptor, Options, Platform


class Consign:
    """Everything the component does. May be used from several threads.

    `component`: the file; where none is given, `CONSIGN_COMPONENT_NAMES` or `names.wasm` in the package.
    `limits`: what one call may use. `cache`: keep the compiled component in the user's cache directory.
    """

    def __init__(
        self,
        component: Union[str, os.PathLike[str], None] = None,
        limits: Limits = Limits(),
        cache: bool = True,
    ) -> None:
        self.sandbox = Sandbox(Loaded(component, cache), limits)
        self.references = References(self.sandbox)
        self.platforms = Platforms(self.sandbox)
        self.manifests = Manifests(self.sandbox, self.platforms)
        self.digests = Digests(self.sandbox)

    def with_limits(self, limits: Limits) -> "Consign":
        """The same component, not loaded again, under other limits."""
        other = Consign.__new__(Consign)
        other.sandbox = Sandbox(self.sandbox.loaded, limits)
        other.references = References(other.sandbox)
        other.platforms = Platforms(other.sandbox)
        other.manifests = Manifests(other.sandbox, other.platforms)
        other.digests = Digests(other.sandbox)
        return other

    def resolve(
        self,
        subject: Union[str, Descriptor],
        content: Content,
        platform: Optional[Wanted] = None,
        rules: Rules = "docker",
        host: Optional[Platform] = None,
    ) -> Resolution:
        """The image that a name, an ID, the beginning of an ID or a descriptor means in `content`.

        Without a `platform` an index is resolved for `host` (this machine). Raises `InvalidReference`, a
        `ResolveError` with its `explanation`, or a `SandboxError`, which says nothing about the subject.
        """
        host = self.platforms.host if host is None else host
        wanted = None if platform is None else self.platforms.wanted(platform, host)
        return drive(self.sandbox, Verified(content), subject, Options(wanted, host, rules))
