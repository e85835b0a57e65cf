// Instances of the component: made when needed, replaced when they stop or have grown.

import { instantiate } from '../dist/component/consign.js';
import { ComponentTrap } from './errors.js';

/** @import { Root } from '../dist/component/consign.js' */

/** @typedef {Map<string, WebAssembly.Module>} CoreModules */

const FOLDER = new URL('../dist/component/', import.meta.url);
const CORE_MODULES = ['consign.core.wasm', 'consign.core2.wasm', 'consign.core3.wasm'];

/** An instance that has grown over this is replaced, because a WebAssembly memory never shrinks. Bytes. */
const KEPT_MEMORY = 64 << 20;

/**
 * The component's core modules, compiled.
 *
 * @returns {Promise<CoreModules>}
 */
export async function compile() {
  const modules = CORE_MODULES.map(async (file) => /** @type {const} */ ([file, await compiled(new URL(file, FOLDER))]));
  return new Map(await Promise.all(modules));
}

/** @param {URL} url @returns {Promise<WebAssembly.Module>} */
async function compiled(url) {
  // Node's fetch does not read files, and browsers have no `node:fs`.
  if (url.protocol !== 'file:') return WebAssembly.compileStreaming(fetch(url));
  const { readFile } = await import('node:fs/promises');
  return WebAssembly.compile(await readFile(url));
}

/** The component, whichever instance of it answers. Calls are synchronous. */
export class Component {
  #modules;
  /** @type {Root | undefined} */
  #root;
  /** @type {WebAssembly.Memory | undefined} */
  #memory;

  /** @param {CoreModules} modules */
  constructor(modules) {
    this.#modules = modules;
  }

  /** Another one of the same modules, with memory of its own. */
  another() {
    return new Component(this.#modules);
  }

  /** Bytes of memory of the instance there is; 0 where there is none. */
  get memory() {
    return this.#memory?.buffer.byteLength ?? 0;
  }

  /**
   * Calls into the component. An error that the component answers with is thrown as it is, with the answer in
   * `payload`; after any other error the instance is not used again.
   *
   * @template Answer
   * @param {(root: Root) => Answer} call
   * @returns {Answer}
   */
  call(call) {
    try {
      return call((this.#root ??= this.#instantiate()));
    } catch (error) {
      if (payload(error) !== undefined) throw error;
      this.drop();
      // Anything else is about the caller's arguments, as a TypeError is.
      if (error instanceof WebAssembly.RuntimeError || error instanceof RangeError) throw new ComponentTrap(error);
      throw error;
    }
  }

  /**
   * As `call`, for calls that leave nothing behind in the instance.
   *
   * @template Answer
   * @param {(root: Root) => Answer} call
   * @returns {Answer}
   */
  callOnce(call) {
    try {
      return this.call(call);
    } finally {
      if (this.memory > KEPT_MEMORY) this.drop();
    }
  }

  /** Lets go of the instance; the next call gets a fresh one. */
  drop() {
    this.#root = undefined;
    this.#memory = undefined;
  }

  #instantiate() {
    const module = (/** @type {string} */ file) => /** @type {WebAssembly.Module} */ (this.#modules.get(file));
    return instantiate(module, {}, (core, imports) => {
      const instance = new WebAssembly.Instance(core, imports);
      const { memory } = instance.exports;
      if (memory instanceof WebAssembly.Memory) this.#memory = memory;
      return instance;
    });
  }
}

/**
 * What the component answered with instead of a result; undefined for errors of other origin.
 *
 * @param {unknown} error
 */
export function payload(error) {
  return error instanceof Error && 'payload' in error ? error.payload : undefined;
}
