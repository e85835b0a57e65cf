"""The component: found, compiled once for this user and this wasmtime, loaded.

Compiling takes a fifth of a second, loading what was compiled a millisecond. Compiled code is run as it is,
so the cache is used only where nobody but the user can write: a directory of mode 0700 that is theirs, files
that are theirs and whose digest agrees.
"""

from __future__ import annotations

import hashlib
import os
import platform
import stat
import sys
from pathlib import Path
from typing import Dict, Optional, Tuple, Union

import wasmtime
from wasmtime import Config, Engine, WasmtimeError
from wasmtime.component import Component, ExportIndex, Linker

from .errors import LoadError

ENVIRONMENT = "CONSIGN_COMPONENT_NAMES"
_PACKAGE = "consign:image/"
_VERSION = "0.1."
_LIMIT = 64 << 20
_DIGEST = hashlib.sha256().digest_size


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_LIMIT + 1)
    except OSError as error:
        raise LoadError(f"wanted the component at `{path}`: {error.strerror}") from error
    if len(data) > _LIMIT:
        raise LoadError(f"wanted a component of at most {_LIMIT} bytes at `{path}`")
    return data


def component_path() -> Path:
    """Where the component is looked for: `CONSIGN_COMPONENT_NAMES`, otherwise `names.wasm` beside this file."""
    named = os.environ.get(ENVIRONMENT)
    return Path(named) if named else Path(__file__).with_name("names.wasm")


def cache_directory() -> Optional[Path]:
    """The user's own, private directory for compiled components, made if need be; `None` where there is none
    that can be trusted."""
    if not hasattr(os, "geteuid"):
        return None
    try:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        directory = Path(base) / "consign-image"
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = os.lstat(directory)
    except (OSError, RuntimeError):
        return None
    private = stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o700
    return directory if private and found.st_uid == os.geteuid() else None


def _read_compiled(path: Path) -> Optional[bytes]:
    """What was compiled before, if it is whole and the user's own."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            return None
        data = file.read(_LIMIT)
    digest, compiled = data[:_DIGEST], data[_DIGEST:]
    return compiled if hashlib.sha256(compiled).digest() == digest else None


def _keep_compiled(path: Path, compiled: bytes) -> None:
    """Written whole under another name first (mode 0600): a reader sees all of it or nothing."""
    name = path.with_name(f"{path.name}.{os.urandom(8).hex()}")
    try:
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError:
        return
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(hashlib.sha256(compiled).digest() + compiled)
        os.replace(name, path)
    except OSError:
        # Without a cache the next start takes longer; nothing else is lost.
        os.unlink(name)


def _wasmtime_version() -> str:
    """As `importlib.metadata` has it, which takes longer to import than the component to load."""
    packages = Path(wasmtime.__file__).parents[1]
    found = next(packages.glob("wasmtime-*.dist-info"), None)
    return found.name[len("wasmtime-") : -len(".dist-info")] if found is not None else "unknown"


class Loaded:
    """The component, compiled, with the engine it belongs to. Instances of it are cheap."""

    def __init__(self, path: Union[str, os.PathLike[str], None] = None, cache: bool = True) -> None:
        wasm = _read(Path(path) if path is not None else component_path())
        config = Config()
        config.consume_fuel = True
        # Instances are short-lived and have little data: copying it is cheaper than mapping it.
        config.memory_init_cow = False
        self.engine = Engine(config)
        self.digest = "sha256:" + hashlib.sha256(wasm).hexdigest()
        try:
            self.component = self._component(wasm, cache_directory() if cache else None)
            self.linker = Linker(self.engine)
            self._interfaces = self._exported()
        except WasmtimeError as error:
            raise LoadError(f"the component cannot be loaded: {error}") from error
        self._indexes: Dict[Tuple[str, str], ExportIndex] = {}

    def _component(self, wasm: bytes, directory: Optional[Path]) -> Component:
        if directory is None:
            return Component(self.engine, wasm)
        key = "-".join((self.digest[7:], _wasmtime_version(), sys.platform, platform.machine()))
        path = directory / key
        compiled = _read_compiled(path)
        if compiled is not None:
            try:
                return Component.deserialize(self.engine, compiled)
            except WasmtimeError:
                # Of another build of wasmtime, or for another processor.
                pass
        component = Component(self.engine, wasm)
        _keep_compiled(path, bytes(component.serialize()))
        return component

    def _exported(self) -> Dict[str, ExportIndex]:
        """The interfaces, by their short names."""
        ty = self.component.type
        imports = list(ty.imports(self.engine))
        if imports:
            raise LoadError(f"wanted a component that imports nothing, found imports of {imports}")
        interfaces: Dict[str, ExportIndex] = {}
        for name in ty.exports(self.engine):
            path, _, version = name.partition("@")
            index = self.component.get_export_index(name)
            if path.startswith(_PACKAGE) and version.startswith(_VERSION) and index is not None:
                interfaces[path[len(_PACKAGE) :]] = index
        return interfaces

    def index(self, interface: str, function: str) -> ExportIndex:
        """Where a function is among the exports."""
        found = self._indexes.get((interface, function))
        if found is None:
            within = self._interfaces.get(interface)
            found = self.component.get_export_index(function, within) if within is not None else None
            if found is None:
                wanted = f"`{_PACKAGE}{interface}.{function}` of version {_VERSION}x"
                raise LoadError(f"wanted a component that exports {wanted}")
            self._indexes[interface, function] = found
        return found
