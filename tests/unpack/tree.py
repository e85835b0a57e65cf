#!/usr/bin/env python3
"""tree.py DIR: a line for each path below DIR, with all that can be said of it, in the order of the paths.

Two directories are the same tree where this prints the same for both. Without times: --no-times.
"""
import hashlib
import json
import os
import stat
import sys

KINDS = {
    stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink", stat.S_IFCHR: "char",
    stat.S_IFBLK: "block", stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket",
}


def walk(fd, path):
    """Paths with the directory they are in, opened one by one: some are longer than the system takes at once."""
    for name in sorted(os.listdir(fd), key=os.fsencode):
        name = os.fsencode(name)
        below = path + b"/" + name if path else name
        yield fd, name, below
        if stat.S_ISDIR(os.lstat(name, dir_fd=fd).st_mode):
            child = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
            try:
                yield from walk(child, below)
            finally:
                os.close(child)


def shown(data):
    return data.decode("utf-8", "surrogateescape").encode("unicode_escape").decode("ascii")


def main():
    times = "--no-times" not in sys.argv
    root = os.open([a for a in sys.argv[1:] if not a.startswith("--")][0], os.O_RDONLY | os.O_DIRECTORY)
    links = {}
    show(root, b".", b"", links, times)
    for fd, name, path in walk(root, b""):
        show(fd, name, path, links, times)


def show(fd, name, path, links, times):
    st = os.lstat(name, dir_fd=fd)
    kind = KINDS[stat.S_IFMT(st.st_mode)]
    what = {"path": shown(path), "kind": kind, "uid": st.st_uid, "gid": st.st_gid}
    if kind != "symlink":
        what["mode"] = oct(stat.S_IMODE(st.st_mode))
    if times:
        what["mtime"] = st.st_mtime_ns
    if kind in ("char", "block"):
        what["device"] = [os.major(st.st_rdev), os.minor(st.st_rdev)]
    if kind == "symlink":
        what["target"] = shown(os.readlink(name, dir_fd=fd))
    if kind != "directory" and st.st_nlink > 1:
        first = links.setdefault((st.st_dev, st.st_ino), path)
        if first != path:
            what["same-as"] = shown(first)
    if kind == "file":
        what["size"] = st.st_size
        digest = hashlib.sha256()
        with os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=fd), "rb") as content:
            while block := content.read(1 << 20):
                digest.update(block)
        what["digest"] = digest.hexdigest()
    itself = os.fsencode(f"/proc/self/fd/{fd}/") + name
    xattrs = {x: os.getxattr(itself, x, follow_symlinks=False).hex() for x in os.listxattr(itself, follow_symlinks=False)}
    if xattrs:
        what["xattrs"] = dict(sorted(xattrs.items()))
    print(json.dumps(what))


if __name__ == "__main__":
    sys.setrecursionlimit(10000)
    main()
