// Resolution against a registry: the component asks, the registry answers.

import { payload } from './component.js';
import { InvalidReference } from './errors.js';
import { hostPlatform } from './host.js';
import { failure, RegistryError } from './registry-errors.js';
import { Registry } from './registry.js';
import { stepWords, verdictWords } from './words.js';

/** @import { Component } from './component.js' */
/** @import { RegistryOptions } from './registry.js' */
/** @import { Descriptor, Platform, Rules } from '../dist/component/interfaces/consign-image-types.js' */
/** @import * as Resolution from '../dist/component/interfaces/consign-image-resolution.js' */

/**
 * @typedef {RegistryOptions & {
 *   platform?: Platform,
 *   host?: Platform,
 *   rules?: Rules,
 * }} ResolveOptions `platform`: the one asked for; without it an index is resolved for `host`, which is by default
 *   `hostPlatform()`, and a single image is taken as it is
 */

/** @typedef {Resolution.Resolved & { explanation: Explained }} Resolved */

/**
 * @typedef {object} Explained how a resolution went
 * @property {Array<Resolution.Step & { words: string }>} steps what was tried, in order
 * @property {Array<Resolution.Considered & { words: string }>} considered every entry of every index that was looked
 *   into, in order of looking, then position
 */

const TIMEOUT = 30_000;

/**
 * Drives one resolution in a component of its own.
 *
 * @param {Component} component
 * @param {string} reference
 * @param {ResolveOptions} options
 * @returns {Promise<Resolved>}
 */
export async function resolveWith(component, reference, options) {
  const { platform, host = hostPlatform(), rules = 'docker' } = options;
  const timeout = AbortSignal.timeout(options.timeout ?? TIMEOUT);
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  const world = new World(options, signal);
  const machine = component.call(({ resolution }) =>
    new resolution.Resolution({ tag: 'text', val: reference }, { platform, host, rules }));
  for (;;) {
    const request = component.call(() => machine.next());
    if (request.tag === 'done') break;
    const answer = await world.answer(request);
    component.call(() => machine.supply(answer));
  }
  const explanation = component.call(() => machine.explain());
  try {
    const resolved = component.call(({ resolution }) => resolution.Resolution.finish(machine));
    return { ...resolved, explanation: inWords(explanation) };
  } catch (error) {
    const problem = /** @type {Resolution.ResolveError | undefined} */ (payload(error));
    if (!problem) throw error;
    if (problem.tag === 'name') throw new InvalidReference(reference, problem.val);
    if (problem.tag !== 'content' || !world.error) throw failure(problem, explanation);
    if (world.error instanceof RegistryError) world.error.explanation = explanation;
    throw world.error;
  }
}

/** What the component asks about: the registry of the name it looks for first. */
class World {
  #options;
  #signal;
  /** @type {Registry | undefined} */
  #registry;

  /** Why the last question had no answer. @type {unknown} */
  error = undefined;

  /** @param {RegistryOptions} options @param {AbortSignal} signal */
  constructor(options, signal) {
    this.#options = options;
    this.#signal = signal;
  }

  /** @param {Resolution.Request} request @returns {Promise<Resolution.Answer>} */
  async answer(request) {
    try {
      switch (request.tag) {
        case 'find':
          this.#registry = new Registry(request.val, this.#options, this.#signal);
          return { tag: 'found', val: await this.#registry.find(request.val) };
        case 'read':
          return contentAnswer(await this.#registry?.read(request.val));
        default:
          // A registry knows nothing by ID, and does not say what holds what.
          return { tag: 'several', val: [] };
      }
    } catch (error) {
      // The component decides what that means for the resolution; the error itself waits here for its end.
      this.error = error;
      return { tag: 'failed', val: { tag: 'unavailable', val: String(error) } };
    }
  }
}

/** @param {Uint8Array | undefined} bytes @returns {Resolution.Answer} */
function contentAnswer(bytes) {
  return { tag: 'content', val: bytes };
}

/** @param {Resolution.Explanation} explanation @returns {Explained} */
function inWords({ steps, considered }) {
  return {
    steps: steps.map((step) => ({ ...step, words: stepWords(step) })),
    considered: considered.map((entry) => ({ ...entry, words: verdictWords(entry) })),
  };
}
