// A limit on the memory of a core module.
//
// A JavaScript host cannot limit a memory that a module defines itself, except by what the module says of it. So the
// module is made to say it: its memory section gets a maximum, as `wasm-tools` would write it.

const MEMORY_SECTION = 5;

/**
 * The module with a maximum on its one memory. What grows over it fails inside as an allocation does, which traps.
 *
 * @param {Uint8Array} module a core module in binary form
 * @param {number} pages the most it may have, of 64 KiB each
 * @returns {Uint8Array}
 */
export function limited(module, pages) {
  let at = 8; // after the magic number and the version
  while (at < module.length) {
    const start = at;
    const id = module[at];
    const [size, body] = unsigned(module, at + 1);
    if (id === MEMORY_SECTION) {
      const [count, afterCount] = unsigned(module, body);
      const flags = module[afterCount];
      if (count !== 1 || flags > 1) throw new Error(`wanted one 32-bit memory, found ${count} with flags ${flags}`);
      const [least] = unsigned(module, afterCount + 1);
      if (least > pages) throw new Error(`wanted a module that starts with at most ${pages} pages, found ${least}`);
      const section = [1, 1, ...leb128(least), ...leb128(pages)];
      return Buffer.concat([
        module.subarray(0, start),
        Uint8Array.from([MEMORY_SECTION, ...leb128(section.length), ...section]),
        module.subarray(body + size),
      ]);
    }
    at = body + size;
  }
  return module; // no memory of its own
}

/** @param {Uint8Array} bytes @param {number} at @returns {[value: number, next: number]} */
function unsigned(bytes, at) {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++];
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return [value, at];
  }
}

/** @param {number} value @returns {number[]} */
function leb128(value) {
  const bytes = [];
  do {
    bytes.push((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    value = Math.floor(value / 128);
  } while (value > 0);
  return bytes;
}
