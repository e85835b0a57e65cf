#!/usr/bin/env python3
"""sharing.py ARCHIVE COUNT [own]: writes a docker archive of COUNT images that share their only layer, of 1,000 files, or
that have, with `own`, a second one each: for `images` where layers are shared. Of images on the same layer podman looks
at each pair, for one may be the other's parent."""
import hashlib
import io
import json
import sys
import tarfile

path, count, with_own = sys.argv[1], int(sys.argv[2]), sys.argv[3:] == ["own"]
digest = lambda content: hashlib.sha256(content).hexdigest()


def tar(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


base = tar([(f"base/{number}", bytes([number % 256]) * 1000) for number in range(1000)])
files, manifest = [(f"{digest(base)}.tar", base)], []
for number in range(count):
    own = tar([(f"own/{number}", f"{number}".encode() * 100)])
    layers = [base, own] if with_own else [base]
    config = json.dumps({
        "architecture": "amd64", "os": "linux", "created": f"2020-01-01T00:{number // 60 % 60:02}:{number % 60:02}Z",
        "config": {"Labels": {"number": str(number)}},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest(layer)}" for layer in layers]},
        "history": [{"created_by": "base"}, {"created_by": f"own {number}", "empty_layer": not with_own}],
    }).encode()
    files += [(f"{digest(layer)}.tar", layer) for layer in layers[1:]] + [(f"{digest(config)}.json", config)]
    manifest.append({"Config": f"{digest(config)}.json", "RepoTags": [f"example.com/sharing:{number}"],
                     "Layers": [f"{digest(layer)}.tar" for layer in layers]})
with open(path, "wb") as out:
    out.write(tar([("manifest.json", json.dumps(manifest).encode()), *files]))
