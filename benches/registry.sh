#!/usr/bin/env bash
# registry.sh CORPUS [CONSIGN [ROUNDS]]: pulls from, looks into and pushes to a registry on the loopback, against skopeo and podman, as
# ratios in one run.
#
# CORPUS holds layouts/{big,debian}, as real builders write them. Peers: docker-registry, skopeo, podman, hyperfine, GNU
# time. CONSIGN is the release binary. The registry is started on a port nobody has, over a directory that goes with this
# run.
set -euo pipefail
corpus=$(cd "${1:?usage: registry.sh CORPUS [CONSIGN [ROUNDS]]}" && pwd)
consign=$(realpath "${2:-$(dirname "$0")/../target/release/consign}")
rounds=${3:-3}
work=$(mktemp -d "${TMPDIR:-/tmp}/consign-registry.XXXXXX")
registry=
trap '[ -z "$registry" ] || kill "$registry" 2>/dev/null || true; rm -rf "$work"' EXIT
install "$consign" "$work/consign"; consign=$work/consign
export CONSIGN_ROOT=$work/store TMPDIR=$work HOME=$work XDG_RUNTIME_DIR=$work
podman=(podman --storage-driver=vfs --root "$work/podman" --runroot "$work/run")

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
at=127.0.0.1:$port
cat > "$work/registry.yml" <<C
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: "$work/registry"}, maintenance: {uploadpurging: {enabled: false}}}
http: {addr: "$at", secret: bench}
C
docker-registry serve "$work/registry.yml" > "$work/registry.log" 2>&1 &
registry=$!
for _ in $(seq 100); do (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; sleep 0.1; done
for image in big debian; do
  skopeo copy -q --dest-tls-verify=false "oci:$corpus/layouts/$image:latest" "docker://$at/bench/$image:1"
done

# seconds NAME COMMAND...: wall seconds, processor seconds and peak memory of one run
seconds() {
  local name=$1; shift
  /usr/bin/time -f '%e %U %S %M' -o "$work/time" "$@" >/dev/null 2>"$work/stderr" || { cat "$work/stderr" >&2; exit 1; }
  read -r wall user system memory < "$work/time"
  printf '%-36s %8s s  (%s + %s s of processors) %8s KiB\n' "$name" "$wall" "$user" "$system" "$memory"
  printf '%s\t%s\n' "$name" "$wall" >> "$work/all"
}
# Old output is renamed away, not removed: removing slows what is written next.
turn=0
away() { turn=$((turn + 1)); for path in "$@"; do [ ! -e "$path" ] || mv "$path" "$work/old.$turn.$(basename "$path")"; done; }

echo "== pull the large image"
for _ in $(seq "$rounds"); do
  seconds "consign pull" "$consign" pull -q "$at/bench/big:1"; away "$CONSIGN_ROOT"
  seconds "podman pull" "${podman[@]}" pull -q --tls-verify=false "$at/bench/big:1"; away "$work/podman" "$work/run"
  seconds "consign pull --defer" "$consign" pull -q --defer "$at/bench/big:1"; away "$CONSIGN_ROOT"
  seconds "skopeo copy to oci" skopeo copy -q --src-tls-verify=false "docker://$at/bench/big:1" "oci:$work/oci:1"; away "$work/oci"
  rm -rf "$work"/old.*
done
python3 - "$work/all" <<'P'
import statistics, sys
times = {}
for line in open(sys.argv[1]):
    name, wall = line.rstrip("\n").split("\t")
    times.setdefault(name, []).append(float(wall))
median = {name: statistics.median(walls) for name, walls in times.items()}
print(f"podman pull / consign pull                 {median['podman pull'] / median['consign pull']:6.2f}")
print(f"skopeo copy / consign pull --defer         {median['skopeo copy to oci'] / median['consign pull --defer']:6.2f}")
P

# Ratios of medians, to the first command.
ratios() {
  hyperfine -N --warmup 3 --min-runs 20 --export-json "$work/ratios.json" "$@" >/dev/null 2>&1
  python3 - "$work/ratios.json" <<'P'
import json, sys
results = json.load(open(sys.argv[1]))["results"]
base = results[0]["median"]
for result in results:
    words = [word for word in result["command"].split() if not word.startswith("-")]
    name = " ".join([words[0].rsplit("/", 1)[-1], *words[1:2]])
    print(f"{name:36} {result['median'] * 1000:9.2f} ms   {result['median'] / base:6.2f} x")
P
}
echo "== pull what is here, look at what is there"
"$consign" pull -q "$at/bench/debian:1" > "$work/id"
ratios "$consign pull -q $at/bench/debian:1" "skopeo inspect --tls-verify=false docker://$at/bench/debian:1"
ratios "$consign inspect docker://$at/bench/debian:1" "skopeo inspect --tls-verify=false docker://$at/bench/debian:1"
ratios "$consign tags list $at/bench/debian" "skopeo list-tags --tls-verify=false docker://$at/bench/debian"

# A proxy that counts what comes back.
cat > "$work/counting.py" <<'P'
import socket, sys, threading
there, bytes_seen = int(sys.argv[1]), [0]
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
def pump(source, sink, count):
    # Either side may go when it likes.
    try:
        while data := source.recv(65536):
            if count:
                bytes_seen[0] += len(data)
                open(sys.argv[2], "w").write(str(bytes_seen[0]))
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass
while True:
    client, _ = listener.accept()
    try:
        server = socket.create_connection(("127.0.0.1", there))
    except OSError:
        client.close()
        continue
    for source, sink, count in ((client, server, False), (server, client, True)):
        threading.Thread(target=pump, args=(source, sink, count), daemon=True).start()
P
echo "== read one file of the large image in the registry"
coproc counting { exec python3 "$work/counting.py" "$port" "$work/moved"; }
read -r proxied <&"${counting[0]}"
file=$("$consign" ls -R --format json "docker://$at/bench/big:1" | python3 -c '
import json, sys
document = json.load(sys.stdin)
entries = document if isinstance(document, list) else document["entries"]
files = [entry for entry in entries if entry.get("size") and 1000 < entry["size"] < 100000]
print(files[len(files) // 2]["path"])')
for round in first second; do
  echo 0 > "$work/moved"
  kill "${counting_PID}" 2>/dev/null || true; wait "${counting_PID}" 2>/dev/null || true
  coproc counting { exec python3 "$work/counting.py" "$port" "$work/moved"; }
  read -r proxied <&"${counting[0]}"
  seconds "consign cat docker:// ($round)" "$consign" cat "docker://127.0.0.1:$proxied/bench/big:1" "$file"
  printf '%-36s %8s MiB moved\n' "" "$(($(cat "$work/moved") / 1048576))"
done
kill "${counting_PID}" 2>/dev/null || true

echo "== push the large image, each time to a registry that has nothing"
away "$CONSIGN_ROOT" "$work/podman" "$work/run"
"$consign" load -q "oci:$corpus/layouts/big" > "$work/id"
id=$(cat "$work/id")
"${podman[@]}" pull -q "oci:$corpus/layouts/big" > "$work/podman-id"
: > "$work/all"
# Another port for each, so that nobody knows a blob from before.
empty() {
  kill "$registry" 2>/dev/null || true; wait "$registry" 2>/dev/null || true
  away "$work/registry"
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  sed -i "s/addr: \"[^\"]*\"/addr: \"127.0.0.1:$port\"/" "$work/registry.yml"
  at=127.0.0.1:$port
  docker-registry serve "$work/registry.yml" > "$work/registry.log" 2>&1 &
  registry=$!
  for _ in $(seq 100); do (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; sleep 0.1; done
}
for _ in $(seq "$rounds"); do
  empty; seconds "consign push" "$consign" push -q "$id" "$at/bench/big:1"
  empty; seconds "skopeo copy" skopeo copy -q --dest-tls-verify=false "oci:$corpus/layouts/big:latest" "docker://$at/bench/big:1"
  empty; seconds "podman push" "${podman[@]}" push -q --tls-verify=false "$(cat "$work/podman-id")" "docker://$at/bench/big:1"
  rm -rf "$work"/old.*
done
python3 - "$work/all" <<'P'
import statistics, sys
times = {}
for line in open(sys.argv[1]):
    name, wall = line.rstrip("\n").split("\t")
    times.setdefault(name, []).append(float(wall))
median = {name: statistics.median(walls) for name, walls in times.items()}
for peer in ("skopeo copy", "podman push"):
    print(f"{peer + ' / consign push':42} {median[peer] / median['consign push']:6.2f}")
P
