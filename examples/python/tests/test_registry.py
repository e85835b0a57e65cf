"""Resolution over registries: a real one that skopeo filled, then ones that lie, stall and redirect."""

import contextlib
import http.server
import json
import os
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Tuple
from urllib.parse import parse_qs, urlsplit

from consign_image import Layout, Registry
from consign_image.errors import BadDocument, Corrupt, Denied, Incomplete, NotFound, RegistryError, TooLarge

from .support import INDEX_TYPE, MANIFEST_TYPE, Memory, consign, peer, sha256, unpack, written


class RealRegistry(unittest.TestCase):
    def test_what_skopeo_pushed_resolves_as_in_the_layout(self) -> None:
        docker_registry, skopeo = peer("docker-registry"), peer("skopeo")
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            layout = Layout(unpack("multi.oci.tar", root / "layout"), consign())
            with served(docker_registry, root) as domain:
                source = f"oci:{root / 'layout'}:example.com/multi:1"
                target = f"docker://{domain}/library/multi:1"
                copy = [skopeo, "--insecure-policy", "copy", "--quiet", "--all", "--dest-tls-verify=false"]
                subprocess.run([*copy, source, target], check=True, timeout=120)
                for platform in ("linux/amd64", "linux/arm/v6", "linux/arm64", "linux/s390x"):
                    wanted = consign().resolve("example.com/multi:1", layout, platform=platform).image
                    found = consign().resolve(f"{domain}/library/multi:1", Registry(), platform=platform).image
                    self.assertEqual(found.config, wanted.config)
                    self.assertEqual(found.layers, wanted.layers)
                by_digest = f"{domain}/library/multi@{layout.roots[0].digest}"
                found = consign().resolve(by_digest, Registry(), platform="linux/s390x").image
                self.assertEqual(found.target.digest, layout.roots[0].digest)
                with self.assertRaises(NotFound):
                    consign().resolve(f"{domain}/library/multi:2", Registry())
                with self.assertRaises(NotFound):
                    consign().resolve(f"{domain}/library/none:1", Registry())


@contextlib.contextmanager
def served(docker_registry: str, root: Path) -> Iterator[str]:
    """Docker's registry on a port of its own, ended by its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        domain = f"127.0.0.1:{free.getsockname()[1]}"
    storage = {"filesystem": {"rootdirectory": str(root / "registry")}}
    config = {"version": "0.1", "log": {"level": "error"}, "storage": storage, "http": {"addr": domain}}
    (root / "config.yml").write_text(json.dumps(config), encoding="utf-8")
    environment = {**os.environ, "OTEL_TRACES_EXPORTER": "none"}
    command = [docker_registry, "serve", str(root / "config.yml")]
    with open(root / "log", "wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        until = time.monotonic() + 20
        while True:
            try:
                urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://{domain}/v2/", timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
                    raise AssertionError((root / "log").read_text(encoding="utf-8")) from None
                time.sleep(0.05)
        yield domain
    finally:
        process.terminate()
        process.wait(20)


Answer = Tuple[int, Dict[str, str], bytes]


class Fake(http.server.ThreadingHTTPServer):
    """A registry that answers what a test says."""

    daemon_threads = True

    def __init__(self, answer: "Callable[[http.server.BaseHTTPRequestHandler], Answer]") -> None:
        self.asked: List[str] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(handler) -> None:
                self.asked.append(handler.path)
                status, headers, body = answer(handler)
                handler.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    handler.send_header(name, value)
                # Who asked may have heard enough.
                with contextlib.suppress(OSError):
                    handler.end_headers()
                    handler.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.domain = f"127.0.0.1:{self.server_address[1]}"


def always(status: int, headers: Dict[str, str], body: bytes = b"") -> "Callable[[object], Answer]":
    return lambda _: (status, headers, body)


class FakeRegistries(unittest.TestCase):
    def setUp(self) -> None:
        self.content = Memory()
        manifest = self.content.image()
        self.index = self.content.add(INDEX_TYPE, {"schemaVersion": 2, "manifests": [
            {**written(manifest), "platform": {"os": "linux", "architecture": "amd64"}},
        ]})  # fmt: skip

    def serve(self, answer: "Callable[[http.server.BaseHTTPRequestHandler], Answer]") -> Fake:
        server = Fake(answer)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server

    def stored(self, handler: http.server.BaseHTTPRequestHandler) -> Answer:
        """What an honest registry answers; every tag is the index."""
        which = urlsplit(handler.path).path.rpartition("/")[2]
        digest = which if ":" in which else self.index.digest
        data = self.content.blobs.get(digest)
        if data is None:
            return 404, {}, b"{}"
        media_type = INDEX_TYPE if digest == self.index.digest else MANIFEST_TYPE
        return 200, {"Content-Type": media_type, "Docker-Content-Digest": digest}, data

    def resolve(self, server: Fake, **options: float) -> str:
        registry = Registry(timeout=options.get("timeout", 10.0))
        return consign().resolve(f"{server.domain}/a/b:1", registry, platform="linux/amd64").image.target.digest

    def test_three_documents_are_asked_for_and_no_more(self) -> None:
        server = self.serve(self.stored)
        self.assertEqual(self.resolve(server), self.index.digest)
        kinds = [path.split("/")[-2] for path in server.asked]
        self.assertEqual(kinds, ["manifests", "manifests", "blobs"])

    def test_a_token_that_anybody_gets_is_fetched_once(self) -> None:
        queries: List[Dict[str, List[str]]] = []

        def answer(handler: http.server.BaseHTTPRequestHandler) -> Answer:
            if handler.path.startswith("/token"):
                queries.append(parse_qs(urlsplit(handler.path).query))
                return 200, {}, b'{"token":"abc.DEF-1_2=="}'
            if handler.headers.get("Authorization") != "Bearer abc.DEF-1_2==":
                challenge = f'Bearer realm="http://{server.domain}/token",service="the registry",scope="ignored"'
                return 401, {"WWW-Authenticate": challenge}, b""
            return self.stored(handler)

        server = self.serve(answer)
        self.assertEqual(self.resolve(server), self.index.digest)
        self.assertEqual(queries, [{"scope": ["repository:a/b:pull"], "service": ["the registry"]}])

    def test_credentials_that_nobody_has_are_denied(self) -> None:
        def basic(_: object) -> Answer:
            return 401, {"WWW-Authenticate": 'Basic realm="x"'}, b""

        def refusing(handler: http.server.BaseHTTPRequestHandler) -> Answer:
            if handler.path.startswith("/token"):
                return 200, {}, b'{"access_token":"abc"}'
            return 401, {"WWW-Authenticate": f'Bearer realm="http://{handler.headers["Host"]}/token"'}, b""

        def bad_token(handler: http.server.BaseHTTPRequestHandler) -> Answer:
            if handler.path.startswith("/token"):
                return 200, {}, json.dumps({"token": "abc\r\nX-Injected: 1"}).encode()
            return refusing(handler)

        def deep_token(handler: http.server.BaseHTTPRequestHandler) -> Answer:
            if handler.path.startswith("/token"):
                return 200, {}, b"[" * 100_000
            return refusing(handler)

        for answer in (basic, refusing, bad_token, deep_token):
            with self.assertRaises(Denied):
                self.resolve(self.serve(answer))

    def test_a_token_is_not_fetched_in_clear_from_elsewhere(self) -> None:
        challenge = 'Bearer realm="http://registry.example/token"'
        server = self.serve(lambda _: (401, {"WWW-Authenticate": challenge}, b""))
        with self.assertRaisesRegex(RegistryError, "wanted HTTPS, found `http` to `registry.example`"):
            self.resolve(server)

    def test_a_tampered_blob_is_corrupt(self) -> None:
        for which in range(3):
            server: Fake

            def answer(handler: http.server.BaseHTTPRequestHandler) -> Answer:
                status, headers, body = self.stored(handler)
                return status, headers, body.replace(b"2", b"3") if len(server.asked) == which + 1 else body

            server = self.serve(answer)
            with self.assertRaises(Corrupt):
                self.resolve(server)

    def test_redirects_are_followed_a_few_times_and_never_to_plain_http_elsewhere(self) -> None:
        tokens: List[object] = []

        def blobs(handler: http.server.BaseHTTPRequestHandler) -> Answer:
            tokens.append(handler.headers.get("Authorization"))
            return self.stored(handler)

        elsewhere = self.serve(blobs)

        def answer(handler: http.server.BaseHTTPRequestHandler) -> Answer:
            if handler.path.startswith("/token"):
                return 200, {}, b'{"token":"secret"}'
            if "Authorization" not in handler.headers:
                return 401, {"WWW-Authenticate": f'Bearer realm="http://{handler.headers["Host"]}/token"'}, b""
            if "/blobs/" in handler.path:
                return 307, {"Location": f"http://{elsewhere.domain}{handler.path}"}, b""
            return self.stored(handler)

        self.assertEqual(self.resolve(self.serve(answer)), self.index.digest)
        # The token is for the registry and stays there.
        self.assertEqual(tokens, [None])
        endless = self.serve(lambda handler: (302, {"Location": handler.path + "x"}, b""))
        with self.assertRaisesRegex(RegistryError, "5 redirects"):
            self.resolve(endless)
        self.assertEqual(len(endless.asked), 6)
        for location in ("http://registry.example/x", "file:///etc/passwd", "http://[", "ftp://127.0.0.1/x"):
            with self.assertRaises(RegistryError):
                self.resolve(self.serve(always(302, {"Location": location})))

    def test_an_answer_that_never_ends_or_never_comes_is_given_up(self) -> None:
        def endless(handler: http.server.BaseHTTPRequestHandler) -> Answer:
            with contextlib.suppress(OSError):
                handler.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n")
                while True:
                    handler.wfile.write(b" " * 65536)
            return 200, {}, b""

        with self.assertRaises(TooLarge):
            self.resolve(self.serve(endless))
        announced = {"Content-Length": str(1 << 40)}
        with self.assertRaises(TooLarge) as large:
            self.resolve(self.serve(lambda _: (200, dict(announced), b"")))
        self.assertEqual(large.exception.size, 1 << 40)

        def trickling(handler: http.server.BaseHTTPRequestHandler) -> Answer:
            with contextlib.suppress(OSError):
                handler.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n")
                for _ in range(100):
                    handler.wfile.write(b" ")
                    time.sleep(0.05)
            return 200, {}, b""

        start = time.monotonic()
        with self.assertRaisesRegex(RegistryError, "took too long"):
            self.resolve(self.serve(trickling), timeout=0.5)
        self.assertLess(time.monotonic() - start, 4)

    def test_other_statuses_and_broken_answers_are_errors_of_their_own(self) -> None:
        for status in (403, 429, 500):
            with self.assertRaises(RegistryError) as error:
                self.resolve(self.serve(always(status, {})))
            self.assertEqual(error.exception.status, status)
        with self.assertRaises(RegistryError):
            self.resolve(self.serve(lambda _: (200, {"Content-Length": "100"}, b"short")))
        with self.assertRaises(BadDocument):
            self.resolve(self.serve(lambda _: (200, {"Content-Type": INDEX_TYPE}, b"<html>")))
        gone = self.serve(lambda handler: (404, {}, b"") if "/blobs/" in handler.path else self.stored(handler))
        with self.assertRaises(Incomplete):
            self.resolve(gone)
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            with self.assertRaisesRegex(RegistryError, "cannot be asked"):
                consign().resolve(f"127.0.0.1:{closed.getsockname()[1]}/a:1", Registry())

    def test_a_digest_that_is_announced_has_to_be_the_contents(self) -> None:
        server = self.serve(lambda _: (200, {"Docker-Content-Digest": sha256(b"other")}, b"{}"))
        with self.assertRaises(Corrupt):
            self.resolve(server)
        server = self.serve(lambda _: (200, {}, b"{}"))
        name = f"{server.domain}/a@{sha256(b'wanted')}"
        with self.assertRaises(Corrupt):
            consign().resolve(name, Registry())
