// What calls and starting cost. Printed; held against bounds that a busy machine keeps too.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { load } from '../src/consign.js';

/** Microseconds for a reference: as promised, and as held here. */
const PARSE = { promised: 50, held: 200 };

/** Milliseconds from nothing loaded to the first answer, as held here. */
const START = 1000;

const NAMES = ['debian', 'debian:12', 'ghcr.io/team/app:v1.2.3', 'localhost:5000/a/b/c', `quay.io/a/b@sha256:${'ab'.repeat(32)}`];

/** Median microseconds of a call, over batches. */
function cost(call, batch) {
  const times = [];
  for (let round = 0; round < 21; round++) {
    const start = performance.now();
    for (let count = 0; count < batch; count++) call(count);
    times.push(((performance.now() - start) * 1000) / batch);
  }
  return times.sort((a, b) => a - b)[10];
}

test('calls are fast', async () => {
  const consign = await load();
  const index = readFileSync(new URL('../page/example.json', import.meta.url));
  const indexText = index.toString();
  const { entries } = consign.parseManifest(index).val;
  const figures = {
    'parse a reference': cost((count) => consign.parseReference(NAMES[count % NAMES.length]), 2000),
    'refuse a reference': cost(() => assert.throws(() => consign.parseReference('ghcr.io/Team/app')), 500),
    'parse a reference and format it': cost((count) => `${consign.parseReference(NAMES[count % NAMES.length])}`, 2000),
    'parse a platform': cost(() => consign.parsePlatform('linux/arm64/v8'), 2000),
    'match a platform': cost(() => consign.matchPlatform('linux/arm/v7', 'linux/arm/v6'), 1000),
    'parse an index of 16 entries from bytes': cost(() => consign.parseManifest(index), 200),
    'parse it from text': cost(() => consign.parseManifest(indexText), 200),
    'choose from it, with reasons': cost(() => consign.choose(entries, 'linux/arm/v6'), 200),
  };
  for (const [name, microseconds] of Object.entries(figures)) console.log(`${name}: ${microseconds.toFixed(1)} µs`);
  const parse = figures['parse a reference'];
  assert.ok(parse < PARSE.held, `wanted ${PARSE.promised} µs, at most ${PARSE.held}, found ${parse.toFixed(1)}`);
});

test('it starts fast', () => {
  const program = `
    const start = performance.now();
    const { load } = await import('./src/consign.js');
    (await load()).parseReference('debian');
    console.log(performance.now() - start);`;
  const times = Array.from({ length: 7 }, () => Number(execFileSync(
    process.execPath,
    ['--input-type=module', '--eval', program],
    { cwd: new URL('..', import.meta.url), encoding: 'utf8' },
  )));
  const median = times.sort((a, b) => a - b)[3];
  console.log(`from import to the first answer: ${median.toFixed(0)} ms (median of 7)`);
  assert.ok(median < START, `wanted at most ${START} ms, found ${median.toFixed(0)}`);
});
