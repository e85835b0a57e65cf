// The component behind a deadline (Node).
//
// JavaScript cannot interrupt WebAssembly in its own thread. So calls are made in a worker that is ended when one
// takes too long or takes too much memory; the next call starts another.

import { Worker } from 'node:worker_threads';

import { ConsignError } from './errors.js';

/** @import { Consign } from './consign.js' */

/** Methods whose results cross between threads. References do not: they have methods of their own. */
/** @typedef {'sortReferences' | 'parseDigest' | 'isDigest' | 'digest' | 'parsePlatform' | 'normalizePlatform'
 *   | 'formatPlatform' | 'matchPlatform' | 'orderPlatforms' | 'parseManifest' | 'parseConfig' | 'chainIds'
 *   | 'choose'} Method */

/** A call took too long, or its worker ran out of memory. */
export class CallEnded extends ConsignError {}

/** Makes calls one at a time, each within the limits. */
export class Guarded {
  /** @type {Worker | undefined} */
  #worker;
  /** @type {Promise<unknown>} */
  #last = Promise.resolve();
  #deadline;
  #memory;

  /**
   * @param {{ deadline?: number, memory?: number }} [limits] `deadline`: milliseconds a call may take, 1000 by default;
   *   `memory`: MiB of JavaScript objects in the worker, 128 by default. The component's own memory is limited to
   *   256 MiB besides
   */
  constructor({ deadline = 1000, memory = 128 } = {}) {
    this.#deadline = deadline;
    this.#memory = memory;
  }

  /**
   * Calls a method of `Consign`. Calls wait for the ones before them.
   *
   * @template {Method} M
   * @param {M} method
   * @param {Parameters<Consign[M]>} args
   * @returns {Promise<ReturnType<Consign[M]>>}
   * @throws {CallEnded} and what the method throws, as an Error with its name, message and facts
   */
  call(method, ...args) {
    const answer = this.#last.then(() => this.#ask(method, args));
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  /** Ends the worker. A call after that starts another. */
  async close() {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  /** @param {Method} method @param {unknown[]} args */
  async #ask(method, args) {
    // Starting does not count: the deadline is for what the arguments make the component do.
    const worker = (this.#worker ??= await this.#start());
    try {
      worker.postMessage({ method, args });
      const { value, error } = await message(worker, this.#deadline);
      if (error) throw Object.assign(new Error(error.message), error);
      return value;
    } catch (error) {
      if (error instanceof CallEnded) await this.close();
      throw error;
    }
  }

  async #start() {
    const worker = new Worker(new URL('guarded-worker.js', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: this.#memory },
    });
    worker.unref();
    await message(worker, 10_000);
    return worker;
  }
}

/**
 * The worker's next message.
 *
 * @param {Worker} worker
 * @param {number} deadline milliseconds
 * @returns {Promise<any>}
 */
function message(worker, deadline) {
  return new Promise((resolve, reject) => {
    /** @param {() => void} settle */
    const end = (settle) => {
      clearTimeout(timer);
      worker.off('message', onMessage).off('error', onError).off('exit', onExit);
      settle();
    };
    /** @param {string} message @param {Error} [cause] */
    const ended = (message, cause) => end(() => reject(new CallEnded(message, { cause })));
    const onMessage = (/** @type {unknown} */ value) => end(() => resolve(value));
    const onError = (/** @type {Error} */ cause) => ended(`the worker ended: ${cause.message}`, cause);
    const onExit = (/** @type {number} */ code) => ended(`the worker ended with code ${code}`);
    const timer = setTimeout(() => ended(`wanted an answer within ${deadline} ms, found none`), deadline);
    worker.on('message', onMessage).on('error', onError).on('exit', onExit);
  });
}
