// Places in texts: bytes of UTF-8 to JavaScript's indexes.

/**
 * The index into a string of a byte of its UTF-8; the string's length where it has fewer.
 *
 * @param {string} text
 * @param {number} offset
 */
export function indexOf(text, offset) {
  let bytes = 0;
  let index = 0;
  for (const character of text) {
    if (bytes >= offset) break;
    const code = /** @type {number} */ (character.codePointAt(0));
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    index += character.length;
  }
  return index;
}
