// What an image reference says, and which image a platform gets of it.
//
//   node demo.js                                         an index that lies beside this file; no network
//   node demo.js alpine:3 --platform linux/arm64         asks the registry

import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';

import { ConsignError, load, platformWords } from './src/consign.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { platform: { type: 'string' }, rules: { type: 'string', default: 'docker' } },
});

const consign = await load();

/** Text from a registry, without what a terminal would obey. */
const printable = (text) => text.replace(/\p{C}/gu, '\ufffd');

/** Rows with their columns aligned; the last one as it is. */
function table(raw) {
  const rows = raw.map((row) => row.map(printable));
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  for (const row of rows) {
    console.log(row.map((cell, column) => (column < row.length - 1 ? cell.padEnd(widths[column]) : cell)).join('  '));
  }
}

const short = (digest) => digest.slice(0, 'sha256:'.length + 12);

function name(text) {
  const reference = consign.parseReference(text, { rules: values.rules });
  const { domain, path, tag = '', digest = '', familiar } = reference;
  table(Object.entries({ reference: `${reference}`, domain, path, tag, digest, familiar }).filter(([, value]) => value));
}

/** Without network: names, and the choice from an index of eight images. */
async function local(platform) {
  for (const text of ['debian', 'ghcr.io/team/app:v1@sha256:'.concat('ab'.repeat(32))]) {
    name(text);
    console.log();
  }
  const index = consign.parseManifest(await readFile(new URL('page/example.json', import.meta.url)));
  const { entries } = consign.choose(index.val.entries, platform, { rule: values.rules });
  console.log(`page/example.json for ${platform}`);
  table(entries.map((entry) => [
    `${entry.chosen ? '*' : ' '}${entry.position}`, entry.platform, short(entry.descriptor.digest), entry.words,
  ]));
}

/** Over the network: what the registry has under a name. */
async function remote(text) {
  name(text);
  console.log();
  const { platform, indexes, manifest, config, layers, explanation } =
    await consign.resolve(text, { platform: values.platform, rules: values.rules });
  table([
    ['platform', platformWords(platform)],
    ...indexes.map(({ digest }) => ['index', digest]),
    ...(manifest ? [['manifest', manifest.digest]] : []),
    ['image id', config.digest],
    ...layers.map(({ blob, diffId }) => ['layer', blob ? `${blob.digest} ${blob.size} bytes` : diffId]),
  ]);
  console.log();
  for (const { words } of explanation.steps) console.log(printable(words));
  if (explanation.considered.length > 0) {
    table(explanation.considered.map(({ position, entry, words }) => [
      `${words === 'chosen' ? '*' : ' '}${position}`, entry.platform ? platformWords(entry.platform) : '', short(entry.digest), words,
    ]));
  }
}

try {
  await (positionals.length > 0 ? remote(positionals[0]) : local(values.platform ?? 'linux/arm/v6'));
} catch (error) {
  if (!(error instanceof ConsignError)) throw error;
  console.error(`error: ${printable(error.message)}`);
  process.exitCode = 1;
}
