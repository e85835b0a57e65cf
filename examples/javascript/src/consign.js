// Container image references, platforms, documents and their resolution.
//
//   import { load } from 'consign-image';
//   const consign = await load();
//   consign.parseReference('debian:12').familiar;
//
// Everything but `resolve` is synchronous. Sizes in descriptors are bigints, as they can exceed what a number holds.

import { Component, compile, payload } from './component.js';
import { InvalidDigest, InvalidDocument, InvalidPattern, InvalidPlatform, InvalidReference } from './errors.js';
import { hostPlatform } from './host.js';
import { Reference } from './reference.js';
import { resolveWith } from './resolve.js';
import { platformWords, reasonWords } from './words.js';

/** @import { Algorithm, DigestParts } from '../dist/component/interfaces/consign-image-digests.js' */
/** @import { Document, ImageConfig } from '../dist/component/interfaces/consign-image-manifests.js' */
/** @import { Matcher } from '../dist/component/interfaces/consign-image-platforms.js' */
/** @import { Reading } from '../dist/component/interfaces/consign-image-references.js' */
/** @import { IndexFormat, Reason, Rule } from '../dist/component/interfaces/consign-image-selection.js' */
/** @import { Descriptor, Platform, Rules } from '../dist/component/interfaces/consign-image-types.js' */
/** @import { Root } from '../dist/component/consign.js' */
/** @import { ResolveOptions, Resolved } from './resolve.js' */

export * from './errors.js';
export * from './registry-errors.js';
export { hostPlatform } from './host.js';
export { Reference } from './reference.js';
export { nameWords, platformWords, reasonWords, stepWords, verdictWords } from './words.js';

/** @typedef {string | Platform} PlatformLike a platform, or a string to be read as one */

/**
 * @typedef {object} JudgedEntry an entry of an index
 * @property {number} position from 0
 * @property {Descriptor} descriptor
 * @property {string} platform its platform in words; empty where it names none
 * @property {boolean} chosen whether it is to be tried first
 * @property {Reason} reason why it is where it is
 * @property {string} words the same in words
 */

/**
 * @typedef {object} Choice
 * @property {JudgedEntry | undefined} chosen the entry to try first
 * @property {number[]} order positions to try, best first
 * @property {JudgedEntry[]} entries every entry of the index, by position
 */

/**
 * Compiles the component; a few milliseconds.
 *
 * @returns {Promise<Consign>}
 */
export async function load() {
  return new Consign(new Component(await compile()));
}

/** The component's functions. Made by `load`. */
export class Consign {
  #component;
  #references;

  /** @param {Component} component */
  constructor(component) {
    this.#component = component;
    /** @type {import('./reference.js').ReferenceFunctions} */
    this.#references = {
      format: (reference) => this.#call(({ references }) => references.format(reference)),
      familiarName: (name) => this.#call(({ references }) => references.familiarName(name)),
      familiarString: (reference) => this.#call(({ references }) => references.familiarString(reference)),
    };
  }

  /**
   * Reads an image reference, by default as Docker reads what people type: `docker.io` and `library/` are filled in.
   *
   * @param {string} text
   * @param {{ reading?: Reading, rules?: Rules }} [options] `reading`: `as-written`, `normalized` (default), `any`,
   *   `docker` or `canonical`; `rules`: `docker` (default) or `podman`
   * @returns {Reference}
   * @throws {InvalidReference}
   */
  parseReference(text, { reading = 'normalized', rules = 'docker' } = {}) {
    const parse = (/** @type {Root} */ { references }) => references.parse(text, reading, rules);
    return new Reference(this.#call(parse, (error) => new InvalidReference(text, error)), this.#references);
  }

  /**
   * The name with this tag in place of its own; a digest stays.
   *
   * @param {Reference} reference a name
   * @param {string} tag
   * @returns {Reference}
   * @throws {InvalidReference}
   */
  withTag(reference, tag) {
    return this.#built(tag, ({ references }) => references.withTag(named(reference), tag));
  }

  /**
   * The name with this digest in place of its own; a tag stays.
   *
   * @param {Reference} reference a name
   * @param {string} digest
   * @returns {Reference}
   * @throws {InvalidReference}
   */
  withDigest(reference, digest) {
    return this.#built(digest, ({ references }) => references.withDigest(named(reference), digest));
  }

  /**
   * A name from its text alone, with nothing filled in.
   *
   * @param {string} text
   * @param {Rules} [rules]
   * @returns {Reference}
   * @throws {InvalidReference}
   */
  withName(text, rules = 'docker') {
    return this.#built(text, ({ references }) => references.withName(text, rules));
  }

  /**
   * The name without tag and digest.
   *
   * @param {Reference} reference a name
   * @returns {Reference}
   */
  trim(reference) {
    return this.#built('', ({ references }) => references.trim(named(reference)));
  }

  /**
   * The name with the tag `latest` if it has neither a tag nor a digest.
   *
   * @param {Reference} reference a name
   * @returns {Reference}
   */
  tagNameOnly(reference) {
    return this.#built('', ({ references }) => references.tagNameOnly(named(reference)));
  }

  /**
   * Whether a shell pattern matches the reference as people write it, with or without tag and digest.
   *
   * @param {string} pattern `*` and `?` do not match `/`
   * @param {Reference} reference
   * @returns {boolean}
   * @throws {InvalidPattern}
   */
  matchReference(pattern, reference) {
    return this.#call(
      ({ references }) => references.familiarMatch(pattern, reference.value),
      (error) => new InvalidPattern(pattern, error),
    );
  }

  /**
   * References in canonical form, the most specific kind first, then by text; what is no reference last.
   *
   * @param {string[]} texts
   * @returns {string[]}
   */
  sortReferences(texts) {
    return this.#call(({ references }) => references.sort(texts));
  }

  /**
   * Reads a digest of sha256, sha384 or sha512.
   *
   * @param {string} text
   * @returns {DigestParts}
   * @throws {InvalidDigest}
   */
  parseDigest(text) {
    return this.#call(({ digests }) => digests.parse(text), (error) => new InvalidDigest(text, error));
  }

  /**
   * Whether the text has the form of a digest of any algorithm.
   *
   * @param {string} text
   * @returns {boolean}
   */
  isDigest(text) {
    return this.#call(({ digests }) => digests.isWellFormed(text));
  }

  /**
   * The digest of content. WebCrypto is faster for much of it.
   *
   * @param {Uint8Array | string} content
   * @param {Algorithm} [algorithm]
   * @returns {string}
   */
  digest(content, algorithm = 'sha256') {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    return this.#call(({ digests }) => digests.compute(algorithm, bytes));
  }

  /**
   * Reads `os`, `architecture`, `os/architecture` or `os/architecture/variant`.
   *
   * @param {string} text
   * @param {Platform} [host] fills in what a single component leaves out; by default `hostPlatform()`
   * @returns {Platform}
   * @throws {InvalidPlatform}
   */
  parsePlatform(text, host = hostPlatform()) {
    return this.#call(({ platforms }) => platforms.parse(text, host), (error) => new InvalidPlatform(text, error));
  }

  /**
   * The platform by its canonical names: `aarch64` is `arm64`, `arm` is `arm/v7`.
   *
   * @param {PlatformLike} platform
   * @param {string} [hostOs] stands in for an operating system that is left out
   * @returns {Platform}
   */
  normalizePlatform(platform, hostOs = hostPlatform().os) {
    const value = this.#platform(platform);
    return this.#call(({ platforms }) => platforms.normalize(value, hostOs));
  }

  /**
   * `os/architecture/variant`, absent parts left out.
   *
   * @param {Platform} platform
   * @param {{ all?: boolean }} [options] `all`: with the operating system's version and features in parentheses
   * @returns {string}
   */
  formatPlatform(platform, { all = false } = {}) {
    return this.#call(({ platforms }) => (all ? platforms.formatAll(platform) : platforms.format(platform)));
  }

  /**
   * Whether an image for `candidate` runs where `wanted` does.
   *
   * @param {PlatformLike | Matcher} wanted a platform means what it can run (`only`); a matcher says otherwise
   * @param {PlatformLike} candidate
   * @param {string} [hostOs]
   * @returns {boolean}
   */
  matchPlatform(wanted, candidate, hostOs = hostPlatform().os) {
    const [matcher, value] = [this.#matcher(wanted), this.#platform(candidate)];
    return this.#call(({ platforms }) => platforms.matches(matcher, value, hostOs));
  }

  /**
   * Positions of all candidates, preferred ones first, those that do not match last.
   *
   * @param {PlatformLike | Matcher} wanted
   * @param {PlatformLike[]} candidates
   * @param {string} [hostOs]
   * @returns {number[]}
   */
  orderPlatforms(wanted, candidates, hostOs = hostPlatform().os) {
    const [matcher, values] = [this.#matcher(wanted), candidates.map((candidate) => this.#platform(candidate))];
    return Array.from(this.#call(({ platforms }) => platforms.order(matcher, values, hostOs)));
  }

  /**
   * Reads an index or a manifest: OCI's, or Docker's list or schema 2.
   *
   * @param {string | Uint8Array} document at most 4 MiB; a string crosses into the component faster
   * @param {string} [mediaType] what the pointer to it announced
   * @returns {Document} `{ tag: 'index' | 'manifest', val }`
   * @throws {InvalidDocument}
   */
  parseManifest(document, mediaType) {
    return this.#document(({ manifests }) =>
      typeof document === 'string'
        ? manifests.parseText(document, mediaType)
        : manifests.parse(document, mediaType));
  }

  /**
   * Reads an image config.
   *
   * @param {string | Uint8Array} document at most 4 MiB
   * @returns {ImageConfig}
   * @throws {InvalidDocument}
   */
  parseConfig(document) {
    return this.#document(({ manifests }) =>
      typeof document === 'string' ? manifests.parseConfigText(document) : manifests.parseConfig(document));
  }

  /**
   * The chain IDs of layers.
   *
   * @param {string[]} diffIds of uncompressed layers, base layer first; at most 10,000
   * @returns {string[]}
   * @throws {InvalidDocument}
   */
  chainIds(diffIds) {
    return this.#document(({ manifests }) => manifests.chainIds(diffIds));
  }

  /**
   * Chooses from an index for a platform, with the reason for every entry.
   *
   * @param {Descriptor[]} entries as `parseManifest` has them
   * @param {PlatformLike} platform
   * @param {{ rule?: Rule, format?: IndexFormat, hostOs?: string }} [options] `rule`: `docker` (default),
   *   `docker-strict`, `docker-pull`, `podman`, `podman-gzip`, `podman-zstd` or `first-match`
   * @returns {Choice}
   */
  choose(entries, platform, { rule = 'docker', format = 'oci-index', hostOs = hostPlatform().os } = {}) {
    const wanted = this.#platform(platform);
    const choice = this.#call(({ selection }) => selection.choose(entries, { wanted, rule, format, hostOs }));
    const judged = choice.reasons.map((reason, position) => {
      const descriptor = entries[position];
      return {
        position,
        descriptor,
        platform: descriptor.platform ? platformWords(descriptor.platform) : '',
        chosen: reason.tag === 'best',
        reason,
        words: reasonWords(reason, descriptor.platform !== undefined),
      };
    });
    return { chosen: judged.find(({ chosen }) => chosen), order: Array.from(choice.order), entries: judged };
  }

  /**
   * What a reference means on a platform, as its registry says, over fetch, or as other content says.
   *
   * @param {string} reference
   * @param {Omit<ResolveOptions, 'platform'> & { platform?: PlatformLike }} [options]
   * @returns {Promise<Resolved>}
   * @throws {import('./registry-errors.js').ResolutionFailed} and its subclasses; `RegistryError` and its subclasses;
   *   `InvalidReference`; `InvalidPlatform`; what `content` throws
   */
  async resolve(reference, options = {}) {
    const platform = options.platform === undefined ? undefined : this.#platform(options.platform);
    // An instance of its own: it ends with the resolution, whatever the documents did to it.
    return resolveWith(this.#component.another(), reference, { ...options, platform });
  }

  /** @param {PlatformLike} platform @returns {Platform} */
  #platform(platform) {
    return typeof platform === 'string' ? this.parsePlatform(platform) : platform;
  }

  /** @param {PlatformLike | Matcher} wanted @returns {Matcher} */
  #matcher(wanted) {
    return typeof wanted === 'object' && 'tag' in wanted ? wanted : { tag: 'only', val: this.#platform(wanted) };
  }

  /**
   * @param {string} text
   * @param {(root: Root) => import('../dist/component/interfaces/consign-image-types.js').ImageName} build
   */
  #built(text, build) {
    const name = this.#call(build, (error) => new InvalidReference(text, error));
    return new Reference({ tag: 'named', val: name }, this.#references);
  }

  /**
   * @template Answer
   * @param {(root: Root) => Answer} parse
   */
  #document(parse) {
    return this.#call(parse, (error) => new InvalidDocument(error));
  }

  /**
   * @template Answer
   * @param {(root: Root) => Answer} call
   * @param {(answer: any) => Error} [refusal] the error for the one the component answers with
   * @returns {Answer}
   */
  #call(call, refusal) {
    try {
      return this.#component.callOnce(call);
    } catch (error) {
      const answer = payload(error);
      throw refusal && answer !== undefined ? refusal(answer) : error;
    }
  }
}

/** @param {Reference} reference */
function named(reference) {
  if (reference.value.tag !== 'named') throw new TypeError(`wanted a name, found \`${reference.value.val}\``);
  return reference.value.val;
}
