// Serves a folder on this machine, and nothing above it.

import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

/** The page, built. */
export const PAGE = fileURLToPath(new URL('../dist/page/', import.meta.url));

/**
 * A server of the folder on a loopback port; 0 takes a free one.
 *
 * @param {string} folder
 * @param {number} port
 */
export async function serving(folder, port) {
  const server = createServer(async (request, response) => {
    try {
      const path = normalize(decodeURIComponent(new URL(request.url, 'http://x').pathname));
      const file = join(folder, path.endsWith('/') ? `${path}index.html` : path);
      if (!(await stat(file)).isFile() || !TYPES[extname(file)]) throw new Error('not served');
      response.writeHead(200, { 'content-type': TYPES[extname(file)], 'x-content-type-options': 'nosniff' });
      createReadStream(file).on('error', () => response.destroy()).pipe(response);
    } catch {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('not found\n');
    }
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `http://127.0.0.1:${server.address().port}/` };
}
