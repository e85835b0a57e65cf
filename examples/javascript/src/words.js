// The component's reasons in words: the words of `consign resolve --explain`.

/** @import { ImageName, Platform } from '../dist/component/interfaces/consign-image-types.js' */
/** @import { Reason } from '../dist/component/interfaces/consign-image-selection.js' */
/** @import { Considered, Step } from '../dist/component/interfaces/consign-image-resolution.js' */

/**
 * `os(os-version)/architecture/variant`, absent parts left out; `unknown` where it names nothing.
 *
 * @param {Platform} platform
 */
export function platformWords({ os, architecture, variant, osVersion }) {
  if (!os && !architecture) return 'unknown';
  const rest = [architecture, variant].filter(Boolean).map((part) => `/${part}`);
  return `${os}${osVersion ? `(${osVersion})` : ''}${rest.join('')}`;
}

/** @param {ImageName} name */
export function nameWords({ domain, path, tag, digest }) {
  return `${domain ? `${domain}/` : ''}${path}${tag ? `:${tag}` : ''}${digest ? `@${digest}` : ''}`;
}

/**
 * Why an entry of an index is where it is.
 *
 * @param {Reason} reason
 * @param {boolean} [hasPlatform] whether the entry names one
 * @returns {string}
 */
export function reasonWords(reason, hasPlatform = true) {
  switch (reason.tag) {
    case 'best':
      return 'fits best';
    case 'outranked':
      return hasPlatform
        ? `fits, but entry ${reason.val} fits better or comes before it`
        : `names no platform, and entry ${reason.val} fits`;
    case 'other-os':
      return `another operating system: \`${reason.val}\``;
    case 'other-architecture':
      return `another architecture: \`${reason.val}\``;
    case 'other-variant':
      return `a variant this platform does not run: ${reason.val === undefined ? 'none given' : `\`${reason.val}\``}`;
    case 'other-os-version':
      return `another OS version: ${reason.val === undefined ? 'none given' : `\`${reason.val}\``}`;
    case 'missing-os-features':
      return `needs OS features that are not offered: ${quoted(reason.val)}`;
    case 'no-platform':
      return 'names no platform';
    case 'attestation':
      return 'an attestation, not an image';
    case 'not-an-image':
      return `not an image: \`${reason.val}\``;
  }
}

/**
 * What became of an entry of an index.
 *
 * @param {Considered} considered
 * @returns {string}
 */
export function verdictWords({ verdict, entry }) {
  switch (verdict.tag) {
    case 'chosen':
      return 'chosen';
    case 'passed-over':
      return reasonWords(verdict.val, entry.platform !== undefined);
    case 'absent':
      return 'fits, but its content is not here';
    case 'config-disagrees':
      return `its config says \`${platformWords(verdict.val)}\``;
    case 'nothing-within':
      return 'an index with nothing in it that fits';
  }
}

/**
 * One thing that was tried.
 *
 * @param {Step} step
 * @returns {string}
 */
export function stepWords(step) {
  switch (step.tag) {
    case 'looked-up':
      return `name \`${nameWords(step.val[0])}\`: ${step.val[1] ? 'found' : 'not there'}`;
    case 'searched':
      return `ID \`${step.val[0]}\`: ${step.val[1]} found`;
    case 'dangling':
      return `\`${step.val.digest}\` is pointed at and not here`;
    case 'config-platform':
      return `the config's platform \`${platformWords(step.val[0])}\` is ${step.val[1] ? 'good' : 'not what was asked for'}`;
    case 'vouched':
      return `index \`${step.val.digest}\` holds the image under the platform that was asked for`;
  }
}

/** @param {string[]} texts */
export function quoted(texts) {
  return texts.map((text) => `\`${text}\``).join(', ');
}
