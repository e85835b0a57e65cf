"""What the README says of speed, measured."""

import os
import subprocess
import sys
import tempfile
import time
import timeit
import unittest

from consign_image.types import Manifest

from .support import consign, large_index, sha256


class Figures(unittest.TestCase):
    """Printed; the bounds leave room for busy machines."""

    def test_a_reference_is_parsed_in_a_fraction_of_a_millisecond(self) -> None:
        parse = consign().references.parse
        text = "registry.example.com:5000/team/service:1.2.3@" + sha256(b"")
        for name in ("debian:12", text):
            best = min(timeit.repeat(lambda: parse(name), number=500, repeat=5)) / 500
            print(f"parse `{name[:30]}`: {best * 1e6:.1f} µs", flush=True)
            self.assertLess(best, 1.5e-3)

    def test_a_large_index_is_read_in_a_fraction_of_a_second(self) -> None:
        index = large_index(1 << 20)
        times = []
        for function, document in (("parse-text", index), ("parse", index.encode())):
            call = (lambda f, d: lambda: consign().sandbox.call("manifests", f, d, None))(function, document)
            times.append(min(timeit.repeat(call, number=1, repeat=5)))
        text, listed = times
        print(f"index of {len(index)} bytes: text {text * 1e3:.0f} ms, list<u8> {listed * 1e3:.0f} ms, {listed / text:.1f}×")
        self.assertLess(text, 1.0)
        self.assertLess(text, listed)
        parsed = consign().manifests.parse(index)
        self.assertNotIsInstance(parsed, Manifest)

    def test_starting_is_measured(self) -> None:
        program = "import consign_image; consign_image.Consign().references.parse('debian')"
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "XDG_CACHE_HOME": folder}
            times = []
            for _ in range(6):
                start = time.perf_counter()
                subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=60)
                times.append(time.perf_counter() - start)
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import wasmtime.component"], check=True, timeout=60)
        alone = time.perf_counter() - start
        cold, warm = times[0], min(times[1:])
        print(f"process with a first parse: cold {cold * 1e3:.0f} ms, warm {warm * 1e3:.0f} ms, wasmtime alone {alone * 1e3:.0f} ms")
        self.assertLess(warm, cold)
