// Resolution: the component asks, a registry or any other content answers.

import { payload } from './component.js';
import { InvalidReference } from './errors.js';
import { hostPlatform } from './host.js';
import { failure, RegistryError } from './registry-errors.js';
import { Registry } from './registry.js';
import { stepWords, verdictWords } from './words.js';

/** @import { Component } from './component.js' */
/** @import { RegistryOptions } from './registry.js' */
/** @import { Descriptor, ImageName, Platform, Rules } from '../dist/component/interfaces/consign-image-types.js' */
/** @import * as Resolution from '../dist/component/interfaces/consign-image-resolution.js' */

/**
 * @template T
 * @typedef {T | undefined | Promise<T | undefined>} Answer undefined: there is none
 */

/**
 * @typedef {object} Content where images are looked for. Functions may be asynchronous; what they throw ends the
 *   resolution and is thrown by it.
 * @property {(name: ImageName) => Answer<Descriptor>} find what a name points at: by its digest, where it has one,
 *   otherwise by its tag
 * @property {(target: Descriptor) => Answer<Uint8Array | string>} read the whole content, verified by whoever reads it
 * @property {(prefix: string) => Answer<Descriptor[]>} [search] configs of the images whose ID starts so; at most 16
 * @property {(config: string) => Answer<Descriptor[]>} [indexes] the indexes that hold the image of this ID
 * @property {(config: string) => Answer<Descriptor[]>} [manifests] the manifests that have this config
 */

/**
 * @typedef {RegistryOptions & {
 *   platform?: Platform,
 *   host?: Platform,
 *   rules?: Rules,
 *   content?: Content,
 * }} ResolveOptions `platform`: the one asked for; without it an index is resolved for `host`, which is by default
 *   `hostPlatform()`, and a single image is taken as it is. `content`: asked instead of a registry
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
  const { platform, host = hostPlatform(), rules = 'docker', content = registries(options) } = options;
  const machine = component.call(({ resolution }) =>
    new resolution.Resolution({ tag: 'text', val: reference }, { platform, host, rules }));
  /** @type {unknown} */
  let thrown;
  for (;;) {
    const request = component.call(() => machine.next());
    if (request.tag === 'done') break;
    const answer = await answerTo(request, content).catch((error) => {
      // The component decides what that means for the resolution; the error itself waits for its end.
      thrown = error;
      return /** @type {Resolution.Answer} */ ({ tag: 'failed', val: { tag: 'unavailable', val: String(error) } });
    });
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
    if (problem.tag !== 'content' || thrown === undefined) throw failure(problem, explanation);
    if (thrown instanceof RegistryError) thrown.explanation = explanation;
    throw thrown;
  }
}

/**
 * @param {Resolution.Request} request
 * @param {Content} content
 * @returns {Promise<Resolution.Answer>}
 */
async function answerTo(request, content) {
  switch (request.tag) {
    case 'find':
      return { tag: 'found', val: await content.find(request.val) };
    case 'read': {
      const found = await content.read(request.val);
      return typeof found === 'string' ? { tag: 'text', val: found } : { tag: 'content', val: found };
    }
    case 'done':
      throw new TypeError('nothing was asked');
    default:
      return { tag: 'several', val: (await content[request.tag]?.(request.val)) ?? [] };
  }
}

/**
 * The registry of whatever name is looked for. It knows nothing by ID, and does not say what holds what.
 *
 * @param {RegistryOptions} options
 * @returns {Content}
 */
function registries(options) {
  const timeout = AbortSignal.timeout(options.timeout ?? TIMEOUT);
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  /** @type {Registry | undefined} */
  let registry;
  return {
    find: async (name) => {
      registry = new Registry(name, options, signal);
      return registry.find(name);
    },
    read: async (target) => registry?.read(target),
  };
}

/** @param {Resolution.Explanation} explanation @returns {Explained} */
function inWords({ steps, considered }) {
  return {
    steps: steps.map((step) => ({ ...step, words: stepWords(step) })),
    considered: considered.map((entry) => ({ ...entry, words: verdictWords(entry) })),
  };
}
