"""Platform strings, and which platform runs on which; `wit/platforms.wit` has the rules."""

from __future__ import annotations

import platform as machine
import sys
from typing import Any, Iterable, Literal, Optional, Sequence, Tuple, Union

from ._sandbox import Fault, Sandbox
from .errors import InvalidPlatform
from .reasons import Case
from .types import Platform

Matching = Literal["exact", "only", "only-strict", "any", "ordered", "only-os", "docker-with-fallback"]
"""Which platforms a wanted one accepts: the cases of WIT's `matcher`. `any` and `ordered` take several."""

_SYSTEMS = {"win32": "windows", "cygwin": "windows"}

Wanted = Union[str, Platform]


class Platforms:
    """Platforms: read, written, compared."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._host: Optional[Platform] = None

    @property
    def host(self) -> Platform:
        """This machine's platform, normalized."""
        if self._host is None:
            system = _SYSTEMS.get(sys.platform, sys.platform)
            self._host = self.normalize(Platform(system, machine.machine().lower()), system)
        return self._host

    def parse(self, specifier: str, host: Optional[Platform] = None) -> Platform:
        """Reads `os`, `architecture`, `os/architecture` or `os/architecture/variant`; what a single component
        leaves out is the host's. Raises `InvalidPlatform`."""
        answer = self._ask("parse", specifier, self.host if host is None else host)
        if isinstance(answer, Fault):
            raise InvalidPlatform(answer.error.offset, answer.error.component, answer.error.problem)
        parsed: Platform = answer
        return parsed

    def wanted(self, platform: Wanted, host: Optional[Platform] = None) -> Platform:
        """The platform itself, or `parse` of a string, normalized as a user's `--platform` is."""
        if isinstance(platform, Platform):
            return platform
        host = self.host if host is None else host
        return self.normalize(self.parse(platform, host), host.os)

    def normalize(self, platform: Platform, host_os: Optional[str] = None) -> Platform:
        """Canonical names, understood variants filled in or left out."""
        normal: Platform = self._ask("normalize", platform, self._os(host_os))
        return normal

    def format(self, platform: Platform, whole: bool = False) -> str:
        """`os/architecture/variant`; `whole`: with the operating system's version and features."""
        return str(self._ask("format-all" if whole else "format", platform))

    def matches(
        self,
        wanted: Union[Platform, Sequence[Platform]],
        candidate: Platform,
        matching: Matching = "only",
        host_os: Optional[str] = None,
    ) -> bool:
        """Whether the candidate is accepted."""
        return bool(self._ask("matches", _matcher(wanted, matching), candidate, self._os(host_os)))

    def order(
        self,
        wanted: Union[Platform, Sequence[Platform]],
        candidates: Iterable[Platform],
        matching: Matching = "only",
        host_os: Optional[str] = None,
    ) -> Tuple[int, ...]:
        """Positions of all candidates, preferred ones first, those that are not accepted last."""
        matcher = _matcher(wanted, matching)
        positions: Tuple[int, ...] = self._ask("order", matcher, list(candidates), self._os(host_os))
        return positions

    def _os(self, host_os: Optional[str]) -> str:
        return self.host.os if host_os is None else host_os

    def _ask(self, function: str, *arguments: Any) -> Any:
        return self._sandbox.call("platforms", function, *arguments)


def _matcher(wanted: Union[Platform, Sequence[Platform]], matching: Matching) -> Case:
    several = matching in ("any", "ordered")
    if isinstance(wanted, Platform):
        return Case(matching, [wanted] if several else wanted)
    if not several:
        raise ValueError(f"wanted one platform for `{matching}`, found several")
    return Case(matching, list(wanted))
