// A registry, as far as resolving needs one: the pull side of the OCI distribution specification, over fetch.
//
// Nothing is believed: content is read up to a limit and checked against its digest before anybody parses it.

import { Aborted, DigestMismatch, NetworkFailure, TooLarge, Unauthorised, WrongSize } from './registry-errors.js';

/** @import { Descriptor, ImageName } from '../dist/component/interfaces/consign-image-types.js' */

const MANIFESTS = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];

/** Bytes of a document: 4 MiB, what the component reads. */
const DOCUMENT_LIMIT = 4 << 20;

/** Bytes of a token's document. */
const TOKEN_LIMIT = 64 << 10;

const REDIRECTS = 5;

/** WebCrypto's names of the digest algorithms. */
const ALGORITHMS = /** @type {Record<string, string>} */ ({ sha256: 'SHA-256', sha384: 'SHA-384', sha512: 'SHA-512' });

/**
 * @typedef {object} RegistryOptions
 * @property {string} [registry] a base URL asked instead of the reference's own host: a mirror, or a port forwarded
 * @property {boolean} [insecure] allow plain HTTP to hosts other than this machine
 * @property {AbortSignal} [signal] gives up
 * @property {number} [timeout] milliseconds for the whole resolution; 30 seconds by default
 * @property {typeof fetch} [fetch] in place of the global one
 */

/** One registry, for one repository and one resolution. */
export class Registry {
  #fetch;
  #signal;
  #insecure;
  /** @type {string | undefined} */
  #token;

  /** @param {ImageName} name @param {RegistryOptions} options @param {AbortSignal} signal */
  constructor(name, options, signal) {
    this.#fetch = options.fetch ?? globalThis.fetch;
    this.#signal = signal;
    this.#insecure = options.insecure ?? false;
    /** @readonly */
    this.base = new URL(options.registry ?? origin(name.domain, this.#insecure));
    this.path = name.path;
    this.#check(this.base);
  }

  /**
   * What a tag or digest points at.
   *
   * @param {ImageName} name
   * @returns {Promise<Descriptor | undefined>} undefined where there is nothing
   */
  async find({ tag, digest }) {
    const url = this.#url('manifests', /** @type {string} */ (digest ?? tag));
    const head = await this.#ask(url, 'HEAD');
    await head?.body?.cancel();
    if (!head) return undefined;
    const found = digest ?? head.headers.get('docker-content-digest');
    const size = head.headers.get('content-length');
    if (found && size && ALGORITHMS[found.split(':')[0]]) return pointer(head, found, BigInt(size));
    // The headers are not required of a registry. Then the content says what it is.
    const response = await this.#ask(url, 'GET');
    if (!response) return undefined;
    const bytes = await body(response, url, DOCUMENT_LIMIT);
    return pointer(response, digest ?? (await digestOf('sha256', bytes)), BigInt(bytes.length));
  }

  /**
   * Content, verified.
   *
   * @param {Descriptor} target
   * @returns {Promise<Uint8Array | undefined>} undefined where it is not there
   */
  async read({ mediaType, digest, size }) {
    const url = this.#url(MANIFESTS.includes(mediaType) ? 'manifests' : 'blobs', digest);
    if (size > DOCUMENT_LIMIT) throw new TooLarge(url, `at most ${DOCUMENT_LIMIT}`, size);
    const response = await this.#ask(url, 'GET');
    if (!response) return undefined;
    const bytes = await body(response, url, DOCUMENT_LIMIT);
    const found = await digestOf(digest.split(':')[0], bytes);
    if (found !== digest) throw new DigestMismatch(url, digest, found);
    if (BigInt(bytes.length) !== size) throw new WrongSize(url, `${size}`, BigInt(bytes.length));
    return bytes;
  }

  /** @param {'manifests' | 'blobs'} kind @param {string} name */
  #url(kind, name) {
    return new URL(`${this.base.pathname.replace(/\/$/, '')}/v2/${this.path}/${kind}/${name}`, this.base);
  }

  /**
   * The answer, or undefined for "not found". A registry that wants a token is asked again with one.
   *
   * @param {URL} url
   * @param {'HEAD' | 'GET'} method
   */
  async #ask(url, method) {
    let response = await this.#request(url, method, this.#token);
    if (response.status === 401) {
      await response.body?.cancel();
      this.#token = await this.#authenticate(url, response.headers.get('www-authenticate') ?? '');
      response = await this.#request(url, method, this.#token);
    }
    if (response.ok) return response;
    await response.body?.cancel();
    if (response.status === 404) return undefined;
    throw refused(url, response.status);
  }

  /**
   * An anonymous token (distribution specification, "Token Authentication").
   *
   * @param {URL} url what was asked for
   * @param {string} header
   */
  async #authenticate(url, header) {
    const challenge = bearer(header);
    if (!challenge) throw new Unauthorised(url, `wanted a bearer challenge, found \`${header}\``);
    const endpoint = parsed(challenge.realm);
    if (!endpoint) throw new Unauthorised(url, `wanted the URL of a token service, found \`${challenge.realm}\``);
    this.#check(endpoint);
    for (const key of /** @type {const} */ (['service', 'scope'])) {
      if (challenge[key]) endpoint.searchParams.set(key, challenge[key]);
    }
    const response = await this.#request(endpoint, 'GET');
    if (!response.ok) {
      await response.body?.cancel();
      throw refused(endpoint, response.status);
    }
    const text = new TextDecoder().decode(await body(response, endpoint, TOKEN_LIMIT));
    const token = tokenOf(text);
    if (!token) throw new Unauthorised(endpoint, 'wanted a token, found none');
    return token;
  }

  /**
   * @param {URL} url
   * @param {'HEAD' | 'GET'} method
   * @param {string} [token]
   * @returns {Promise<Response>}
   */
  async #request(url, method, token) {
    let [at, authorization] = [url, token && `Bearer ${token}`];
    for (let redirects = 0; ; redirects++) {
      const response = await this.#send(at, method, authorization, 'manual');
      // A browser does not show where a redirect leads; it follows up to 20 and keeps to secure ones by itself.
      if (response.type === 'opaqueredirect') return this.#send(at, method, authorization, 'follow');
      const location = response.headers.get('location');
      if (![301, 302, 303, 307, 308].includes(response.status) || !location) return response;
      await response.body?.cancel();
      if (redirects === REDIRECTS) throw new NetworkFailure(url, `wanted at most ${REDIRECTS} redirects, found more`);
      const next = parsed(location, at);
      if (!next) throw new NetworkFailure(at, `wanted a URL to go to, found \`${location}\``);
      if (at.protocol === 'https:' && next.protocol !== 'https:') {
        throw new NetworkFailure(at, `wanted a redirect to HTTPS, found \`${next.origin}\``);
      }
      this.#check(next);
      // A token is for the registry, not for whoever keeps its blobs.
      if (next.origin !== at.origin) authorization = undefined;
      at = next;
    }
  }

  /**
   * @param {URL} url
   * @param {'HEAD' | 'GET'} method
   * @param {string | undefined} authorization
   * @param {RequestRedirect} redirect
   */
  async #send(url, method, authorization, redirect) {
    /** @type {Record<string, string>} */
    const headers = { accept: MANIFESTS.join(', ') };
    if (authorization) headers.authorization = authorization;
    try {
      const send = this.#fetch; // called without a receiver, as the global one has to be
      return await send(url, { method, headers, redirect, signal: this.#signal, credentials: 'omit' });
    } catch (cause) {
      throw interrupted(url, cause);
    }
  }

  /** @param {URL} url */
  #check(url) {
    if (url.protocol === 'https:' || (url.protocol === 'http:' && (this.#insecure || isLoopback(url)))) return;
    throw new NetworkFailure(url, `wanted HTTPS, found \`${url.protocol}//\``);
  }
}

/**
 * Where the registry of a name's domain is.
 *
 * @param {string} domain
 * @param {boolean} insecure
 */
function origin(domain, insecure) {
  if (domain === 'docker.io') return 'https://registry-1.docker.io';
  const url = new URL(`https://${domain}`);
  if (insecure || isLoopback(url)) url.protocol = 'http:';
  // Port 443 vanished from an `https:` URL and has to be said in an `http:` one.
  if (url.protocol === 'http:' && /:443$/.test(domain)) url.port = '443';
  return url;
}

/** @param {URL} url */
function isLoopback({ hostname }) {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);
}

/** @param {Response} response @param {string} digest @param {bigint} size @returns {Descriptor} */
function pointer(response, digest, size) {
  const mediaType = (response.headers.get('content-type') ?? '').split(';')[0].trim();
  return { mediaType, digest, size, annotations: [] };
}

/** @param {URL} url @param {number} status */
function refused(url, status) {
  if (status === 401 || status === 403) return new Unauthorised(url, `wanted to be let in, found status ${status}`);
  return Object.assign(new NetworkFailure(url, `wanted an answer, found status ${status}`), { status });
}

/** @param {URL} url @param {unknown} cause */
function interrupted(url, cause) {
  const name = cause instanceof Error ? cause.name : '';
  if (name === 'TimeoutError') return new Aborted(url, 'wanted an answer in time, found none', { cause });
  if (name === 'AbortError') return new Aborted(url, 'given up by the caller', { cause });
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  return new NetworkFailure(url, inner instanceof Error ? inner.message : String(inner), { cause });
}

/**
 * The whole body, if it is no longer than the limit.
 *
 * @param {Response} response
 * @param {URL} url
 * @param {number} limit bytes
 */
async function body(response, url, limit) {
  /** @type {Uint8Array[]} */
  const chunks = [];
  let length = 0;
  try {
    const reader = response.body?.getReader();
    for (;;) {
      const { value, done } = (await reader?.read()) ?? { value: undefined, done: true };
      if (done || !value) break;
      length += value.length;
      if (length > limit) {
        await reader?.cancel();
        throw new TooLarge(url, `at most ${limit}`, BigInt(length));
      }
      chunks.push(value);
    }
  } catch (cause) {
    throw cause instanceof TooLarge ? cause : interrupted(url, cause);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** @param {string} algorithm @param {Uint8Array<ArrayBuffer>} bytes */
async function digestOf(algorithm, bytes) {
  const hash = new Uint8Array(await crypto.subtle.digest(ALGORITHMS[algorithm], bytes));
  return `${algorithm}:${Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

/**
 * A bearer challenge (RFC 6750, section 3): `Bearer realm="…",service="…",scope="…"`.
 *
 * @param {string} header
 * @returns {{ realm: string, service?: string, scope?: string } | undefined}
 */
export function bearer(header) {
  const parameters = /^\s*bearer\s+(.*)$/is.exec(header)?.[1];
  if (parameters === undefined) return undefined;
  /** @type {Record<string, string>} */
  const found = {};
  for (const [, key, quoted, plain] of parameters.matchAll(/([a-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/gi)) {
    found[key.toLowerCase()] ??= quoted?.replace(/\\(.)/g, '$1') ?? plain;
  }
  const { realm, service, scope } = found;
  return realm ? { realm, service, scope } : undefined;
}

/** @param {string} text @param {URL} [base] */
function parsed(text, base) {
  return URL.canParse(text, base) ? new URL(text, base) : undefined;
}

/** @param {string} text @returns {string | undefined} */
function tokenOf(text) {
  try {
    const { token, access_token: accessToken } = JSON.parse(text);
    // It goes into a header, where a line break would start another one.
    return [token, accessToken].find((value) => typeof value === 'string' && /^[\x21-\x7e]+$/.test(value));
  } catch {
    return undefined;
  }
}
