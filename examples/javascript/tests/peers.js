// Programs of others that tests run against. A missing one is said so, and is a failure where peers are required.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

/** False, for a test's `skip`, where the programs are there; otherwise the reason to skip. */
export function missing(...programs) {
  const absent = programs.filter((program) => !path(program));
  if (absent.length === 0) return false;
  const reason = `not checked: ${absent.join(', ')} not installed`;
  if (process.env.CONSIGN_REQUIRE_PEERS === '1') throw new Error(`CONSIGN_REQUIRE_PEERS is set, and ${reason}`);
  console.log(reason);
  return reason;
}

/** Where a program is, if it is. */
export function path(program) {
  try {
    return execFileSync('sh', ['-c', 'command -v "$1"', 'sh', program], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
}

/** A server on a port of its own: `[base URL, stop]`. */
export async function serve(handler) {
  const server = createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return [`http://127.0.0.1:${server.address().port}`, stop];
}

/** A running docker-registry, empty: its host and how to end it. */
export async function registry() {
  const folder = await mkdtemp(join(tmpdir(), 'consign-registry-'));
  const [base, stop] = await serve(() => {});
  stop(); // the port was free a moment ago
  const { host } = new URL(base);
  const config = { version: 0.1, log: { level: 'error', accesslog: { disabled: true } }, storage: { filesystem: { rootdirectory: folder } }, http: { addr: host } };
  await writeFile(join(folder, 'config.yml'), JSON.stringify(config)); // YAML, as all JSON is
  const child = spawn('docker-registry', ['serve', join(folder, 'config.yml')], { stdio: ['ignore', 'ignore', 'inherit'] });
  const end = async () => {
    if (child.exitCode === null) {
      child.kill();
      await once(child, 'exit');
    }
    await rm(folder, { recursive: true });
  };
  for (let tries = 0; ; tries++) {
    if (await fetch(`http://${host}/v2/`).then(({ ok }) => ok, () => false)) return { host, end };
    if (tries === 100 || child.exitCode !== null) {
      await end();
      throw new Error('wanted docker-registry to answer, found silence');
    }
    await setTimeout(100);
  }
}

/** Copies an image with everything in it. */
export function copy(from, to) {
  execFileSync('skopeo', ['--insecure-policy', 'copy', '--quiet', '--all', '--preserve-digests', '--dest-tls-verify=false', from, to], { stdio: ['ignore', 'ignore', 'inherit'] });
}
