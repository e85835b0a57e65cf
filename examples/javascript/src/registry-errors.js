// Why a resolution ended without an image.

import { ConsignError, documentMessage } from './errors.js';
import { platformWords, quoted } from './words.js';

/** @import { Descriptor } from '../dist/component/interfaces/consign-image-types.js' */
/** @import { Explanation, ResolveError } from '../dist/component/interfaces/consign-image-resolution.js' */

/** The component's own verdict. Subclasses exist for what callers tell apart. */
export class ResolutionFailed extends ConsignError {
  /** @param {ResolveError} problem @param {Explanation} explanation */
  constructor(problem, explanation) {
    super(failureMessage(problem, explanation));
    /** What the component says. */
    this.problem = problem;
    /** How it went. */
    this.explanation = explanation;
  }
}

/** The registry has nothing of this name, tag or digest. */
export class ImageNotFound extends ResolutionFailed {}

/** There is an image, but none for the platform. */
export class PlatformNotFound extends ResolutionFailed {}

/** A document the registry sent is not what its place says. */
export class DocumentRefused extends ResolutionFailed {}

/** The registry could not be asked, or what it sent is not to be used. */
export class RegistryError extends ConsignError {
  /** How it went until then. @type {Explanation | undefined} */
  explanation = undefined;

  /** @param {URL} url @param {string} message @param {ErrorOptions} [options] */
  constructor(url, message, options) {
    super(`${url.host}: ${message}`, options);
    /** What was asked for; without its query, which can hold a secret. */
    this.url = `${url.origin}${url.pathname}`;
  }
}

/** The registry wants to know who asks, or does not let them. */
export class Unauthorised extends RegistryError {}

/** The connection failed or was refused, or the registry answered with an error of its own. */
export class NetworkFailure extends RegistryError {
  /** The HTTP status, where there was an answer. @type {number | undefined} */
  status = undefined;
}

/** The time ran out, or the caller gave up. */
export class Aborted extends RegistryError {}

/** Content does not have the digest it was asked for by. */
export class DigestMismatch extends RegistryError {
  /** @param {URL} url @param {string} wanted @param {string} found */
  constructor(url, wanted, found) {
    super(url, `wanted content with digest \`${wanted}\`, found \`${found}\``);
    this.wanted = wanted;
    this.found = found;
  }
}

/** Content is larger than is read, or larger or smaller than its descriptor says. */
export class WrongSize extends RegistryError {
  /** @param {URL} url @param {string} wanted @param {bigint} found bytes; where reading stopped at the limit, more than it */
  constructor(url, wanted, found) {
    super(url, `wanted ${wanted} bytes, found ${found}`);
    this.found = found;
  }
}

/** Content is larger than is read. */
export class TooLarge extends WrongSize {}

/**
 * @param {ResolveError} problem
 * @param {Explanation} explanation
 * @returns {ResolutionFailed}
 */
export function failure(problem, explanation) {
  switch (problem.tag) {
    case 'not-found':
      return new ImageNotFound(problem, explanation);
    case 'platform':
      return new PlatformNotFound(problem, explanation);
    case 'document':
    case 'not-an-image':
    case 'layer-count':
      return new DocumentRefused(problem, explanation);
    default:
      return new ResolutionFailed(problem, explanation);
  }
}

/** @param {ResolveError} problem @param {Explanation} explanation @returns {string} */
function failureMessage(problem, explanation) {
  switch (problem.tag) {
    case 'name':
      return `not an image reference: wanted ${problem.val.expected}, at byte ${problem.val.offset}`;
    case 'not-found':
      return `no such image: \`${problem.val}\``;
    case 'ambiguous':
      return `the beginning of an ID fits several images: ${quoted(problem.val)}`;
    case 'platform':
      return noPlatform(problem.val, explanation);
    case 'incomplete':
      return `wanted ${content(problem.val)}, which is not there`;
    case 'document':
      return `${content(problem.val[0])}: ${documentMessage(problem.val[1].problem, problem.val[1].offset)}`;
    case 'not-an-image':
      return `wanted an index, a manifest or an image config, found ${content(problem.val)}`;
    case 'layer-count':
      return `wanted as many layers as the config's ${problem.val[0]} diff IDs, found ${problem.val[1]} in the manifest`;
    case 'limit':
      return `over the limit of ${problem.val[1]} ${problem.val[0]}`;
    case 'content':
      return `the registry could not answer: ${JSON.stringify(problem.val, (_, value) => typeof value === 'bigint' ? Number(value) : value)}`;
  }
}

/** @param {Descriptor} descriptor */
function content({ digest, mediaType }) {
  return mediaType ? `\`${digest}\` (${mediaType})` : `\`${digest}\``;
}

/**
 * @param {import('../dist/component/interfaces/consign-image-resolution.js').Mismatch} mismatch
 * @param {Explanation} explanation
 */
function noPlatform({ wanted, image }, { considered }) {
  const start = `wanted platform \`${platformWords(wanted)}\`, found`;
  if (image) return `${start} image \`${image[0]}\` for \`${platformWords(image[1])}\``;
  const offered = considered
    .filter(({ verdict }) => !(verdict.tag === 'passed-over' && verdict.val.tag === 'attestation'))
    .flatMap(({ entry }) => (entry.platform ? [platformWords(entry.platform)] : []));
  if (offered.length === 0) return `${start} an index without a platform that fits`;
  return `${start} ${quoted([...new Set(offered)])}`;
}
