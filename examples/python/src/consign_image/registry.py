"""A registry as content: the pull side of the OCI distribution API, over the standard library's client.

Anonymous: a bearer challenge is answered with a token that anybody gets. Plain HTTP only to loopback addresses
and to the registries that were named as insecure.
"""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import json
import re
import socket
import time
import urllib.error
import urllib.request
from email.message import Message
from typing import Dict, Iterable, Optional, Sequence, Tuple
from urllib.parse import quote, urlencode, urljoin, urlsplit

from .content import digest_parts, verify
from .errors import Corrupt, Denied, RegistryError, TooLarge
from .manifests import DOCUMENT_LIMIT
from .types import Descriptor, ImageName

MANIFEST_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
# What `docker.io` in names stands for.
_ENDPOINTS = {"docker.io": "registry-1.docker.io"}
_MAX_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_PARAMETER = re.compile(r'([A-Za-z]+)="([^"]*)"')
# RFC 6750, "b64token".
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_Answer = Tuple[int, "Message[str, str]", bytes]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Redirects are followed below, where the token is kept from other hosts."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


def _is_loopback(host: Optional[str]) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _origin(url: str) -> Tuple[str, Optional[str], Optional[int]]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


class Registry:
    """The registries that names say. One object a resolution: `read` asks the repository that `find` asked last.

    `insecure`: hosts, with their port, that are asked over plain HTTP. `timeout`: seconds one answer may take.
    Whatever goes wrong is a `ContentError`: `RegistryError` with the status, `Denied`, `Corrupt`, `TooLarge`.
    """

    def __init__(self, insecure: Iterable[str] = (), timeout: float = 30.0) -> None:
        self._insecure, self._timeout = frozenset(insecure), timeout
        self._tokens: Dict[Tuple[str, str], str] = {}
        self._name: Optional[ImageName] = None
        self._last: Tuple[str, bytes] = ("", b"")
        self._direct = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())
        self._proxied = urllib.request.build_opener(_NoRedirect())

    def find(self, name: ImageName) -> Optional[Descriptor]:
        """What the registry has under a tag or a digest."""
        self._name = name
        wanted = name.digest or name.tag or "latest"
        answer = self._get(name, "manifests", wanted)
        if answer is None:
            return None
        _, headers, data = answer
        announced = name.digest or headers.get("Docker-Content-Digest")
        digest = announced or "sha256:" + hashlib.sha256(data).hexdigest()
        verify(data, digest)
        self._last = (digest, data)
        media_type = headers.get("Content-Type", "").partition(";")[0].strip()
        return Descriptor(media_type, digest, len(data))

    def read(self, target: Descriptor) -> Optional[bytes]:
        """A manifest or a blob of the repository that was asked last, verified."""
        if target.digest == self._last[0]:
            return self._last[1]
        if self._name is None or digest_parts(target.digest) is None:
            return None
        kind = "manifests" if target.media_type in MANIFEST_TYPES else "blobs"
        answer = self._get(self._name, kind, target.digest)
        return None if answer is None else verify(answer[2], target.digest)

    def search(self, prefix: str) -> Sequence[Descriptor]:
        """Nothing: a registry is not searched by ID."""
        return ()

    def indexes(self, config: str) -> Sequence[Descriptor]:
        """Nothing, likewise."""
        return ()

    def manifests(self, config: str) -> Sequence[Descriptor]:
        """Nothing, likewise."""
        return ()

    def _get(self, name: ImageName, kind: str, which: str) -> Optional[_Answer]:
        """`None` where it is not there."""
        host = urlsplit(f"//{name.domain}").hostname
        plain = name.domain in self._insecure or _is_loopback(host)
        domain = _ENDPOINTS.get(name.domain, name.domain)
        base = f"{'http' if plain else 'https'}://{domain}"
        url = f"{base}/v2/{quote(name.path)}/{kind}/{quote(which, safe=':')}"
        key = (name.domain, name.path)
        answer = self._fetch(url, self._tokens.get(key))
        if answer[0] == 401:
            self._tokens[key] = self._token(answer[1].get("WWW-Authenticate", ""), name)
            answer = self._fetch(url, self._tokens[key])
        status = answer[0]
        if status == 200:
            return answer
        if status == 404:
            return None
        if status in (401, 403):
            raise Denied(f"`{name.domain}` does not let anybody read `{name.path}`", status)
        raise RegistryError(f"wanted `{which}` of `{name.path}` from `{name.domain}`, found status {status}", status)

    def _token(self, challenge: str, name: ImageName) -> str:
        """The token anybody gets (distribution, "Token Authentication Specification")."""
        scheme, _, rest = challenge.partition(" ")
        parameters = {key.lower(): value for key, value in _PARAMETER.findall(rest)}
        realm = parameters.get("realm", "")
        if scheme.lower() != "bearer" or not realm:
            raise Denied(f"`{name.domain}` wants credentials for `{name.path}`", 401)
        query = {"scope": f"repository:{name.path}:pull"}
        if "service" in parameters:
            query["service"] = parameters["service"]
        status, _, body = self._fetch(realm + ("&" if "?" in realm else "?") + urlencode(query), None)
        if status != 200:
            raise Denied(f"`{name.domain}` issues no token for `{name.path}`: status {status}", status)
        try:
            answer = json.loads(body)
            token = answer.get("token") or answer.get("access_token")
        except (ValueError, AttributeError, RecursionError):
            token = None
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise Denied(f"wanted a token for `{name.path}`, found something else")
        return token

    def _fetch(self, url: str, token: Optional[str]) -> _Answer:
        """One answer, redirects followed. The token goes to the host it is for and to no other."""
        deadline = time.monotonic() + self._timeout
        origin = _origin_checked(url)
        for _ in range(_MAX_REDIRECTS + 1):
            self._check(url)
            request = urllib.request.Request(url, headers={"Accept": ", ".join(MANIFEST_TYPES) + ", */*;q=0.1"})
            if token is not None and _origin(url) == origin:
                request.add_unredirected_header("Authorization", f"Bearer {token}")
            status, headers, body = self._once(request, deadline)
            location = headers.get("Location")
            if status not in _REDIRECTS or location is None:
                return status, headers, body
            url = urljoin(url, location)
        raise RegistryError(f"over the limit of {_MAX_REDIRECTS} redirects")

    def _check(self, url: str) -> None:
        scheme, host, _ = _origin_checked(url)
        plain = scheme == "http" and (_is_loopback(host) or urlsplit(url).netloc in self._insecure)
        if not host or (scheme != "https" and not plain):
            raise RegistryError(f"wanted HTTPS, found `{scheme}` to `{host}`")

    def _once(self, request: urllib.request.Request, deadline: float) -> _Answer:
        opener = self._direct if _is_loopback(urlsplit(request.full_url).hostname) else self._proxied
        try:
            try:
                response = opener.open(request, timeout=max(0.001, deadline - time.monotonic()))
            except urllib.error.HTTPError as error:
                # A status like another; the body of an error is not read.
                with error:
                    return error.code, error.headers, b""
            with response:
                return response.status, response.headers, _body(response, deadline)
        except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            if isinstance(reason, (socket.timeout, TimeoutError)):
                reason = "it took too long"
            raise RegistryError(f"`{urlsplit(request.full_url).netloc}` cannot be asked: {reason}") from error


def _origin_checked(url: str) -> Tuple[str, Optional[str], Optional[int]]:
    try:
        return _origin(url)
    except ValueError as error:
        raise RegistryError(f"wanted an address, found `{url[:200]}`: {error}") from error


def _body(response: http.client.HTTPResponse, deadline: float) -> bytes:
    """The body, bounded in size and, however it trickles, in time."""
    length = response.length
    if length is not None and length > DOCUMENT_LIMIT:
        raise TooLarge(length, DOCUMENT_LIMIT)
    data = bytearray()
    while True:
        part = response.read1(64 << 10)
        if not part:
            break
        data += part
        if len(data) > DOCUMENT_LIMIT:
            raise TooLarge(len(data), DOCUMENT_LIMIT)
        if time.monotonic() > deadline:
            raise TimeoutError
    if length is not None and len(data) != length:
        raise http.client.IncompleteRead(bytes(), length - len(data))
    return bytes(data)


__all__ = ["Corrupt", "MANIFEST_TYPES", "Registry"]
