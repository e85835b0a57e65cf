"""Instances of the component under limits.

An instance is used again for the next call unless a call trapped in it: then it is dropped and the next call
gets a fresh one. Calls from several threads run side by side, each in an instance of its own.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Dict, FrozenSet, List, Optional, Tuple, Type, TypeVar

from wasmtime import Store, WasmtimeError
from wasmtime.component import Func, Instance, ResourceAny

from ._boundary import Fault, Function
from ._loading import Loaded
from .errors import LoadError, OutOfFuel, OutOfMemory, SandboxError, Trap

# An instance that was handed more than this keeps the memory it grew to; it is not used again.
_HEAVY = 1 << 20
_FRAME = re.compile(r"^\s*\d+:\s+(0x[0-9a-f]+) ", re.MULTILINE)
_Frames = Tuple[str, ...]
_Self = TypeVar("_Self", bound="Held")


@dataclass(frozen=True)
class Limits:
    """What one instance may use.

    `memory`: bytes of linear memory. `fuel`: the work of one call, in WebAssembly instructions: the same call
    uses the same everywhere; a second is some billions.
    """

    memory: int = 256 << 20
    fuel: int = 10_000_000_000


def _innermost(error: WasmtimeError) -> _Frames:
    """Where in the code the component stopped: the two innermost frames."""
    return tuple(_FRAME.findall(str(error))[:2])


class _Instance:
    """One instance, with a store to itself."""

    def __init__(self, sandbox: "Sandbox", limits: Limits) -> None:
        self._sandbox, self._limits = sandbox, limits
        self.store = Store(sandbox.loaded.engine)
        self.store.set_limits(memory_size=limits.memory)
        self.store.set_fuel(limits.fuel)
        self._functions: Dict[Tuple[str, str], Tuple[Function, Func]] = {}
        self.handed = 0
        self._instance: Instance = sandbox.loaded.linker.instantiate(self.store, sandbox.loaded.component)

    def call(self, interface: str, name: str, arguments: Tuple[Any, ...]) -> Any:
        found = self._functions.get((interface, name))
        if found is None:
            func = self._instance.get_func(self.store, self._sandbox.loaded.index(interface, name))
            if func is None:
                raise LoadError(f"wanted a function `{interface}.{name}`, found something else")
            found = self._functions[interface, name] = (self._sandbox.function(interface, name, func, self.store), func)
        function, func = found
        self.store.set_fuel(self._limits.fuel)
        answer, handed = function.call(self.store, func, arguments)
        self.handed = max(self.handed, handed)
        return answer


class Sandbox:
    """The component, ready to answer within its limits."""

    def __init__(self, loaded: Loaded, limits: Limits) -> None:
        self.loaded, self.limits = loaded, limits
        self._idle: List[_Instance] = []
        self._functions: Dict[Tuple[str, str], Function] = {}
        self._refusals: Optional[FrozenSet[_Frames]] = None

    def function(self, interface: str, name: str, func: Func, store: Store) -> Function:
        """The function's type, read once for all instances."""
        found = self._functions.get((interface, name))
        if found is None:
            found = self._functions[interface, name] = Function(func.type(store))
        return found

    def call(self, interface: str, name: str, *arguments: Any) -> Any:
        """One call. The error side of a `result` is answered as a `Fault`; a `SandboxError` is raised where
        the component did not answer."""
        instance = self.take()
        answer = self.call_in(instance, interface, name, arguments)
        self.put_back(instance)
        return answer

    def take(self) -> _Instance:
        """An instance that nobody else uses."""
        try:
            return self._idle.pop()
        except IndexError:
            pass
        try:
            return _Instance(self, self.limits)
        except WasmtimeError as error:
            raise self._reason(error) from None

    def put_back(self, instance: _Instance) -> None:
        """For the next call; never one in which a call trapped."""
        if instance.handed <= _HEAVY:
            self._idle.append(instance)

    def call_in(self, instance: _Instance, interface: str, name: str, arguments: Tuple[Any, ...]) -> Any:
        """As `call`; after a `SandboxError` the instance must not be used again."""
        try:
            return instance.call(interface, name, arguments)
        except WasmtimeError as error:
            raise self._reason(error) from None

    def drop_in(self, instance: _Instance, resource: ResourceAny) -> None:
        """Ends a resource; as `call_in`."""
        try:
            instance.store.set_fuel(self.limits.fuel)
            resource.drop(instance.store)
        except WasmtimeError as error:
            raise self._reason(error) from None

    def _reason(self, error: WasmtimeError) -> SandboxError:
        text = str(error)
        if "all fuel consumed" in text:
            return OutOfFuel(self.limits.fuel)
        if "exceeds memory limits" in text:
            return OutOfMemory(self.limits.memory)
        if "unreachable" in text:
            if self._refusals is None:
                self._refusals = self._refused()
            if _innermost(error) in self._refusals:
                return OutOfMemory(self.limits.memory)
        return Trap(text.rpartition("Caused by:")[2].strip() or text)

    def _refused(self) -> FrozenSet[_Frames]:
        """Where the component stops when it is refused memory.

        wasmtime tells a component that there is no more memory, the component gives up, and that is a trap
        like any other. So the component is refused memory, in the few ways there are, to see where it stops:
        while an argument is handed over, and while it works.
        """
        least = 1 << 20
        while True:
            try:
                _Instance(self, Limits(least, self.limits.fuel))
                break
            except WasmtimeError:
                least *= 2
        entry = '{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%064d","size":1}' % 0
        document = '{"schemaVersion":2,"manifests":[' + ",".join([entry] * 9_000) + "]}"
        found = set()
        for memory in (least, least + (1 << 20), least + (2 << 20), least + (3 << 20)):
            instance = _Instance(self, Limits(memory, 1_000_000_000))
            try:
                instance.call("manifests", "parse-text", (document, None))
            except WasmtimeError as error:
                if "unreachable" in str(error):
                    found.add(_innermost(error))
            except LoadError:
                # A component without documents; its traps are traps.
                break
        return frozenset(found)


class Held:
    """A resource of the component, with an instance to itself, which goes back when the resource is closed.

    After a call trapped in it the resource is gone; what is asked of it then is a `Trap` too.
    """

    def __init__(self, sandbox: Sandbox, interface: str, resource: str, *arguments: Any) -> None:
        self._sandbox, self._interface, self._resource = sandbox, interface, resource
        self._lock = threading.Lock()
        self._live: Optional[Tuple[_Instance, ResourceAny]] = None
        instance = sandbox.take()
        made = sandbox.call_in(instance, interface, f"[constructor]{resource}", arguments)
        self._live = (instance, made)

    def ask(self, method: str, *arguments: Any) -> Any:
        """One call on the resource, as `Sandbox.call`."""
        with self._lock:
            live = self._taken()
            instance, resource = live
            name = f"[method]{self._resource}.{method}"
            try:
                answer = self._sandbox.call_in(instance, self._interface, name, (resource, *arguments))
            except SandboxError:
                raise
            except Exception:
                # The arguments were none for this method: nothing happened.
                self._live = live
                raise
            self._live = live
            return answer

    def end(self, function: str) -> Any:
        """The answer of a static function that takes the resource, which is gone then."""
        with self._lock:
            instance, resource = self._taken()
            name = f"[static]{self._resource}.{function}"
            answer = self._sandbox.call_in(instance, self._interface, name, (resource,))
            resource.close()
            self._sandbox.put_back(instance)
            return answer

    def _taken(self) -> Tuple[_Instance, ResourceAny]:
        if self._live is None:
            raise Trap("an earlier call on this resource trapped, or it was closed")
        live, self._live = self._live, None
        return live

    def close(self) -> None:
        """Gives the instance back. Closing again does nothing."""
        with self._lock:
            if self._live is not None:
                instance, resource = self._taken()
                self._sandbox.drop_in(instance, resource)
                resource.close()
                self._sandbox.put_back(instance)

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()


__all__ = ["Fault", "Held", "Limits", "Sandbox"]
