// Answers the page's questions with the component. What takes too long is ended from outside.

import { $init, manifests, platforms, references, selection } from 'component';

import { InvalidDocument, InvalidPlatform, InvalidReference } from '../src/errors.js';
import { platformWords, reasonWords } from '../src/words.js';

const HOST = { os: 'linux', architecture: 'amd64', osFeatures: [] };

/** What the page shows of a reference. */
function name(text) {
  const reference = references.parse(text, 'normalized', 'docker');
  const { domain, path, tag, digest } = reference.val;
  return {
    domain,
    path,
    tag,
    digest,
    full: references.format(reference),
    familiar: references.familiarString(reference),
    // What a person did not type was filled in.
    domainFilled: !text.startsWith(`${domain}/`),
    namespaceFilled: path.startsWith('library/') && !text.includes('library/'),
  };
}

/** The choice from an index, or what else the document is. */
function choice(text, wanted, rule) {
  const { tag, val } = manifests.parseText(text, undefined);
  if (tag === 'manifest') return { manifest: { layers: val.layers.length, config: val.config.digest } };
  const { order, reasons } = selection.choose(val.entries, { wanted, rule, format: val.kind, hostOs: HOST.os });
  return {
    chosen: order[0],
    entries: val.entries.map(({ digest, platform, mediaType }, position) => ({
      digest,
      platform: platform ? platformWords(platform) : '',
      nested: /index|manifest\.list/.test(mediaType),
      chosen: reasons[position].tag === 'best',
      why: reasonWords(reasons[position], platform !== undefined),
    })),
  };
}

/** `{ value }`, or `{ problem }` with what is wrong and where. */
function attempt(read, refusal) {
  try {
    return { value: read() };
  } catch (error) {
    if (error.payload === undefined) throw error;
    const { message, offset } = refusal(error.payload);
    return { problem: { message, offset } };
  }
}

await $init;

addEventListener('message', ({ data: { id, reference, platform, rule, index } }) => {
  const wanted = attempt(() => platforms.parse(platform, HOST), (error) => new InvalidPlatform(platform, error));
  postMessage({
    id,
    reference: attempt(() => name(reference), (error) => new InvalidReference(reference, error)),
    platform: wanted.value ? { value: platforms.format(platforms.normalize(wanted.value, HOST.os)) } : wanted,
    index: wanted.value && attempt(() => choice(index, wanted.value, rule), (error) => new InvalidDocument(error)),
  });
});
postMessage({ ready: true });
