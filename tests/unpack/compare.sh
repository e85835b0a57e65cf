#!/usr/bin/env bash
# compare.sh CORPUS [CONSIGN]: what consign unpacks is what umoci unpacks and what podman mounts; and how long it takes.
#
# For each OCI layout in CORPUS/layouts that is named in IMAGES (default: all below): paths, kinds, modes, owners, times,
# links, extended attributes and content of the three trees are compared, and consign's own again: unpacked from the
# layout in place, from what GNU tar makes of the tree, and from what `consign cp` writes of the image. Of an index every
# platform is. Run as root. Peers: umoci, podman, skopeo, GNU tar, GNU time.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
corpus=$(cd "${1:?usage: compare.sh CORPUS [CONSIGN]}" && pwd)
consign=$(realpath "${2:-$here/../../target/release/consign}")
# In lower case: podman takes the path for a name.
work=${TMPDIR:-/tmp}/consign-unpack.$$; mkdir "$work"; trap 'rm -rf "$work"' EXIT
install "$consign" "$work/consign"; consign=$work/consign
export CONSIGN_ROOT=$work/store
podman() { command podman --storage-driver=vfs --root "$work/podman" --runroot "$work/run" "$@"; }
wrong=0

# seconds NAME COMMAND...: wall, user and system seconds, and peak memory
seconds() {
  local name=$1; shift
  /usr/bin/time -f '%e %U %S %M' -o "$work/time" "$@" >"$work/stdout" 2>"$work/stderr" || { cat "$work/stderr" >&2; exit 1; }
  read -r wall user system memory < "$work/time"
  printf '  %-34s %6s s wall %6s s user %6s s system %8s KiB\n' "$name" "$wall" "$user" "$system" "$memory"
}

# same NAME A B [FILTER]: whether two listings say the same
same() {
  if diff -q "$2" "$3" >/dev/null; then
    printf '  %-34s the same (%s paths)\n' "$1" "$(wc -l < "$2")"
  else
    printf '  %-34s DIFFERENT\n' "$1"; { diff "$2" "$3" || true; } | head -20; wrong=1
  fi
}

# plain LISTING: without what podman's vfs driver does otherwise: the root is its own directory, times before 1970 are 0,
# hard links to symbolic links are copies.
plain() {
  python3 -c '
import json, sys
for line in open(sys.argv[1]):
    entry = json.loads(line)
    if entry["kind"] == "symlink":
        entry.pop("same-as", None)
    entry["mtime"] = max(entry["mtime"], 0)
    if entry["path"]:
        print(json.dumps(entry))' "$1"
}

# unsaid OURS THEIRS: their listing, with the time 0 where ours has it for a directory: no layer says anything of it, and
# peers leave the time of unpacking.
unsaid() {
  python3 -c '
import json, sys
ours = [json.loads(line) for line in open(sys.argv[1])]
zero = {entry["path"] for entry in ours if entry["kind"] == "directory" and entry["mtime"] == 0}
for line in open(sys.argv[2]):
    entry = json.loads(line)
    if entry["path"] in zero and entry["kind"] == "directory":
        entry["mtime"] = 0
    print(json.dumps(entry))' "$1" "$2" > "$2.said"
  mv "$2.said" "$2"
}

# again NAME WRITER...: what the writer writes, a tar, is imported and unpacked: the same tree
again() {
  local name=$1; shift
  "$@" > "$work/again.tar"
  "$consign" import -q "$work/again.tar" example.com/again:1 >/dev/null
  "$consign" unpack -q example.com/again:1 "$work/$image.again.$name"
  "$here/tree.py" "$work/$image.again.$name" > "$work/$image.again.txt"
  same "unpacked, and again by $name" "$work/$image.consign.txt" "$work/$image.again.txt"
}

# compare LAYOUT: the image `latest` of the layout, as $image
compare() {
  local layout=$1
  echo "== $image"
  "$consign" tag "$("$consign" load -q "oci:$layout:latest")" "example.com/$image:1"
  # Output is under new names each time: removing slows what is written next.
  for round in $(seq "${ROUNDS:-1}"); do
    seconds "consign unpack ($round)" "$consign" unpack -q "example.com/$image:1" "$work/$image.consign.$round"
    seconds "umoci unpack ($round)" umoci unpack --image "$layout:latest" "$work/$image.umoci.$round"
  done
  seconds "consign unpack, in place" "$consign" unpack -q "oci:$layout:latest" "$work/$image.place"
  "$here/tree.py" "$work/$image.consign.1" > "$work/$image.consign.txt"
  "$here/tree.py" "$work/$image.umoci.1/rootfs" > "$work/$image.umoci.txt"
  "$here/tree.py" "$work/$image.place" > "$work/$image.place.txt"
  unsaid "$work/$image.consign.txt" "$work/$image.umoci.txt"
  same "consign and umoci" "$work/$image.consign.txt" "$work/$image.umoci.txt"
  same "stored and in place" "$work/$image.consign.txt" "$work/$image.place.txt"
  again tar tar --format=posix --xattrs --xattrs-include='*' -C "$work/$image.consign.1" -cf - .
  again cp "$consign" cp "example.com/$image:1:/" -
  podman pull -q "oci:$layout:latest" >/dev/null
  id=$(podman images -q | head -1)
  mounted=$(podman image mount "$id")
  "$here/tree.py" "$mounted" > "$work/$image.podman.txt"
  podman image unmount "$id" >/dev/null
  podman rmi -f "$id" >/dev/null
  unsaid "$work/$image.consign.txt" "$work/$image.podman.txt"
  plain "$work/$image.consign.txt" > "$work/$image.plain.txt"
  plain "$work/$image.podman.txt" > "$work/$image.podman.plain.txt"
  same "consign and podman" "$work/$image.plain.txt" "$work/$image.podman.plain.txt"
}

for name in ${IMAGES:-debian edge layers120 layers127 node python multi big}; do
  layout=$corpus/layouts/$name
  [ -d "$layout" ] || { echo "== $name: not in the corpus"; continue; }
  if ! grep -q image.index "$layout/index.json" || ! skopeo inspect --raw "oci:$layout:latest" | grep -q '"manifests"'; then
    image=$name; compare "$layout"
    continue
  fi
  # Peers take no index; each of its images becomes a layout of its own.
  skopeo inspect --raw "oci:$layout:latest" |
    python3 -c 'import json, sys
for entry in json.load(sys.stdin)["manifests"]:
    platform = entry.get("platform", {})
    if platform.get("os") == "linux":
        print(platform["architecture"], platform.get("variant", ""))' |
    while read -r architecture variant; do
      image=$name-$architecture$variant
      skopeo --override-os linux --override-arch "$architecture" ${variant:+--override-variant "$variant"} \
        copy -q "oci:$layout:latest" "oci:$work/layout-$image:latest"
      compare "$work/layout-$image"
      [ $wrong = 0 ] || exit 1
    done || wrong=1
done
exit $wrong
