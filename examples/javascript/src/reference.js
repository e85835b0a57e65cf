// References.

/** @import * as References from '../dist/component/interfaces/consign-image-references.js' */
/** @import { ImageName } from '../dist/component/interfaces/consign-image-types.js' */

/** @typedef {Pick<typeof References, 'format' | 'familiarName' | 'familiarString'>} ReferenceFunctions */

/** A reference that was read: a name with what was said after it, or a digest alone. Does not change. */
export class Reference {
  #functions;

  /**
   * @param {References.Reference} value
   * @param {ReferenceFunctions} functions
   */
  constructor(value, functions) {
    this.#functions = functions;
    const name = value.tag === 'named' ? value.val : undefined;
    /** As the component has it. */
    this.value = value;
    /** Registry host, port included; undefined for a digest alone. */
    this.domain = name?.domain;
    /** Repository path within the domain; undefined for a digest alone. */
    this.path = name?.path;
    /** At most 128 bytes of `[A-Za-z0-9_.-]`. */
    this.tag = name?.tag;
    /** `algorithm:hex`. */
    this.digest = value.tag === 'digest' ? value.val : name?.digest;
    Object.freeze(this);
  }

  /** The name without tag and digest; undefined for a digest alone. */
  get name() {
    if (this.path === undefined) return undefined;
    return this.domain ? `${this.domain}/${this.path}` : this.path;
  }

  /** The name as people write it, without tag and digest; undefined for a digest alone. */
  get familiarName() {
    return this.value.tag === 'named' ? this.#functions.familiarName(this.value.val) : undefined;
  }

  /** The whole reference as people write it: without `docker.io/` and `library/`. */
  get familiar() {
    return this.#functions.familiarString(this.value);
  }

  /** The whole reference: `domain/path:tag@digest`, or the digest. */
  toString() {
    return this.#functions.format(this.value);
  }

  toJSON() {
    const { domain, path, tag, digest, name, familiar } = this;
    return { domain, path, tag, digest, name, familiar, reference: this.toString() };
  }
}
