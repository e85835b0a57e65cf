// What can go wrong, as subclasses of Error that carry the facts. Messages are those of the command `consign`.

import { indexOf } from './offsets.js';

/** @import * as References from '../dist/component/interfaces/consign-image-references.js' */
/** @import * as Digests from '../dist/component/interfaces/consign-image-digests.js' */
/** @import * as Platforms from '../dist/component/interfaces/consign-image-platforms.js' */
/** @import * as Manifests from '../dist/component/interfaces/consign-image-manifests.js' */

/** Everything this package throws on purpose, a `TypeError` for an argument of the wrong type apart. */
export class ConsignError extends Error {
  /** @override */
  get name() {
    return this.constructor.name;
  }
}

/**
 * A text that is not what it should be, and where.
 *
 * @template Problem
 */
class InvalidText extends ConsignError {
  /**
   * @param {string} message
   * @param {string} text
   * @param {Problem} problem
   * @param {number} offset
   */
  constructor(message, text, problem, offset) {
    super(message);
    /** What was read. */
    this.text = text;
    /** What is wrong, as the component says it. @type {Problem} */
    this.problem = problem;
    /** Byte of the text's UTF-8 at which it was noticed; at most their number. */
    this.offset = offset;
  }

  /** The same place as an index into the string. */
  get index() {
    return indexOf(this.text, this.offset);
  }
}

/**
 * The text is not an image reference.
 *
 * @extends {InvalidText<References.ReferenceProblem>}
 */
export class InvalidReference extends InvalidText {
  /** @param {string} text @param {References.ReferenceError} error */
  constructor(text, { problem, offset, expected }) {
    super(`not an image reference: wanted ${expected}, at byte ${offset}`, text, problem, offset);
    /** What could have stood there, for people. */
    this.expected = expected;
  }
}

/**
 * The text is not a digest.
 *
 * @extends {InvalidText<Digests.DigestProblem>}
 */
export class InvalidDigest extends InvalidText {
  /** @param {string} text @param {Digests.DigestError} error */
  constructor(text, { problem, offset, expected }) {
    super(`not a digest: wanted ${expected}, at byte ${offset}`, text, problem, offset);
    /** What could have stood there, for people. */
    this.expected = expected;
  }
}

/**
 * The text is not a shell pattern.
 *
 * @extends {InvalidText<'pattern'>}
 */
export class InvalidPattern extends InvalidText {
  /** @param {string} text @param {References.PatternError} error */
  constructor(text, { offset, expected }) {
    super(`not a pattern: wanted ${expected}, at byte ${offset}`, text, 'pattern', offset);
    /** What could have stood there, for people. */
    this.expected = expected;
  }
}

/** @type {Record<Platforms.PlatformProblem, string>} */
const PLATFORM_EXPECTED = {
  wildcard: 'no wildcard',
  'operating-system': 'an operating system, `name[(version[+feature]*)]`',
  'os-version': 'two hexadecimal digits after `%` in the version',
  'os-feature': 'two hexadecimal digits after `%` in the feature',
  component: 'letters, digits, `_`, `.` or `-`',
  unknown: 'a known operating system or architecture',
  'too-many-components': '`os/architecture[/variant]`',
};

/**
 * The text is not a platform.
 *
 * @extends {InvalidText<Platforms.PlatformProblem>}
 */
export class InvalidPlatform extends InvalidText {
  /** @param {string} text @param {Platforms.PlatformError} error */
  constructor(text, { problem, offset, component }) {
    const expected = PLATFORM_EXPECTED[problem];
    super(`not a platform: wanted ${expected}, found \`${component}\`, at byte ${offset}`, text, problem, Number(offset));
    /** What could have stood there, for people. */
    this.expected = expected;
    /** The component, version or feature at fault, as written. */
    this.component = component;
  }
}

/** The bytes are not an index, a manifest or a config. */
export class InvalidDocument extends ConsignError {
  /** @param {Manifests.ManifestError} error */
  constructor({ problem, offset }) {
    super(documentMessage(problem, offset));
    /** What is wrong, as the component says it. */
    this.problem = problem;
    /** Byte of the document at which it was noticed; 0 where none applies. */
    this.offset = Number(offset);
  }
}

/**
 * The component stopped in the middle of a call: it ran out of its memory, or has a bug. The instance is dropped, and
 * the next call gets a fresh one.
 */
export class ComponentTrap extends ConsignError {
  /** @param {unknown} cause */
  constructor(cause) {
    super(`the component stopped: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

/**
 * What is wrong with a document, in words.
 *
 * @param {Manifests.ManifestProblem} problem
 * @param {number | bigint} offset
 */
export function documentMessage(problem, offset) {
  const what = documentProblem(problem);
  return offset > 0 ? `${what}, at byte ${offset}` : what;
}

/** @param {Manifests.ManifestProblem} problem @returns {string} */
function documentProblem(problem) {
  switch (problem.tag) {
    case 'syntax':
      return `not JSON: ${problem.val}`;
    case 'missing':
      return `wanted a member \`${problem.val}\`, found none`;
    case 'invalid':
      return `member \`${problem.val[0]}\`: wanted ${problem.val[1]}, found \`${problem.val[2]}\``;
    case 'duplicate':
      return `member \`${problem.val}\` is there more than once`;
    case 'ambiguous':
      return `it can be read as two kinds of document: ${problem.val}`;
    case 'media-type-mismatch':
      return `wanted media type \`${problem.val[0]}\`, found \`${problem.val[1]}\``;
    case 'unsupported':
      return `\`${problem.val}\` is not supported`;
    case 'too-large':
      return `wanted at most ${problem.val[1]} ${problem.val[0]}, found ${problem.val[2]}`;
  }
}
