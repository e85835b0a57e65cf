// The platform images run on here.

/** @import { Platform } from '../dist/component/interfaces/consign-image-types.js' */

/** Node's names of architectures that are others than the image specification's. */
const ARCHITECTURES = /** @type {Record<string, string>} */ ({ x64: 'amd64', ia32: '386', ppc64: 'ppc64le', mipsel: 'mipsle' });

/**
 * What images run on here: Linux on this machine's architecture, as containers do on other systems too; `linux/amd64`
 * where the architecture is not known, as in a browser.
 *
 * @returns {Platform}
 */
export function hostPlatform() {
  const arch = globalThis.process?.arch ?? 'x64';
  return { os: 'linux', architecture: ARCHITECTURES[arch] ?? arch, osFeatures: [] };
}
