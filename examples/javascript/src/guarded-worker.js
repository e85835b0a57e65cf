// The other end of `Guarded`: one component, asked by messages.

import { parentPort } from 'node:worker_threads';

import { load } from './consign.js';

const port = /** @type {import('node:worker_threads').MessagePort} */ (parentPort);
const consign = await load();

port.on('message', ({ method, args }) => {
  try {
    // @ts-expect-error The caller's types hold the method and its arguments together.
    port.postMessage({ value: consign[method](...args) });
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    // Class and methods do not survive the way; the facts do.
    port.postMessage({ error: { ...(error instanceof Error ? error : {}), name, message, cause: undefined } });
  }
});
port.postMessage({ ready: true });
