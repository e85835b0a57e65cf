// The names world, from the command `consign`.

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The repository's root. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * The bytes of the component. `CONSIGN` names the command that writes it; without it the repository's own is built
 * and run, which takes a Rust toolchain and minutes.
 *
 * @returns {Promise<Uint8Array>}
 */
export async function component() {
  const command = process.env.CONSIGN
    ? [process.env.CONSIGN]
    : ['cargo', 'run', '--locked', '--quiet', '--'];
  const folder = await mkdtemp(join(tmpdir(), 'consign-'));
  try {
    const file = join(folder, 'names.wasm');
    const [program, ...first] = command;
    await run(program, [...first, 'component', '--world', 'names', '-o', file], { cwd: ROOT });
    return await readFile(file);
  } catch (error) {
    throw new Error(`wanted the component from \`${command.join(' ')}\` (set CONSIGN to an installed consign)`, {
      cause: error,
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}
