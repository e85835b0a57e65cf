// What strangers may send: every call ends in an answer or an error in bounded time and memory, and the next works.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { ComponentTrap, InvalidDocument, InvalidPattern, InvalidPlatform, InvalidReference, load } from '../src/consign.js';
import { CallEnded, Guarded } from '../src/guarded.js';

/** Milliseconds any call below may take; each takes a tenth of it or less. */
const BOUND = 2000;

const MIB = 1 << 20;

let consign;
before(async () => {
  consign = await load();
});

/** Calls within the bound, then makes a call that has to work. */
function bounded(call, most = BOUND) {
  const start = performance.now();
  try {
    return call();
  } finally {
    const took = performance.now() - start;
    assert.ok(took < most, `wanted at most ${most} ms, found ${took.toFixed(0)}`);
    assert.equal(consign.parseReference('debian').familiar, 'debian');
  }
}

function refuses(call, error, most) {
  bounded(() => assert.throws(call, error), most);
}

const DIGEST = `sha256:${'ab'.repeat(32)}`;

function index(count, more = '') {
  const entry = `{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"${DIGEST}","size":1,` +
    `"platform":{"os":"linux","architecture":"arm","variant":"v6"}${more}}`;
  return `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[${Array(count).fill(entry).join(',')}]}`;
}

test('a document nested deeply is refused', () => {
  for (const open of ['[', '{"a":', '{"manifests":[']) {
    for (const depth of [129, 10_000, 1_000_000]) {
      const text = open.repeat(depth).slice(0, 4 * MIB);
      refuses(() => consign.parseManifest(text), InvalidDocument);
      refuses(() => consign.parseConfig(text), InvalidDocument);
    }
  }
});

test('a document of 8 MiB is refused, as text and as bytes', () => {
  const text = `{"schemaVersion":2,"manifests":[],"x":"${'x'.repeat(8 * MIB)}"}`;
  const bytes = new TextEncoder().encode(text);
  for (const parse of [(document) => consign.parseManifest(document), (document) => consign.parseConfig(document)]) {
    for (const document of [text, bytes]) {
      refuses(() => parse(document), (error) => {
        assert.equal(error.problem.tag, 'too-large');
        return error instanceof InvalidDocument;
      });
    }
  }
});

test('a document of 4 MiB is read or refused', () => {
  const padding = ' '.repeat(4 * MIB - index(1).length);
  assert.equal(bounded(() => consign.parseManifest(index(1) + padding)).tag, 'index');
  refuses(() => consign.parseManifest(new Uint8Array(4 * MIB).fill(0xff)), InvalidDocument);
  refuses(() => consign.parseManifest('"\\u0000'.repeat(600_000)), InvalidDocument);
});

test('names of 1 MiB are refused', () => {
  for (const text of ['a', '/', ':', '@', 'a/', 'é', '🦀', '\0'].map((part) => part.repeat(MIB / part.length))) {
    for (const reading of ['as-written', 'normalized', 'any', 'docker', 'canonical']) {
      refuses(() => consign.parseReference(text, { reading }), InvalidReference);
    }
    bounded(() => {
      try {
        consign.parsePlatform(text);
      } catch (error) {
        assert.ok(error instanceof InvalidPlatform);
      }
    });
  }
});

test('a pattern that is slow for others is not slow', () => {
  const reference = consign.parseReference('a'.repeat(200));
  assert.equal(bounded(() => consign.matchReference(`${'*a'.repeat(100)}b`, reference)), false);
  assert.equal(bounded(() => consign.matchReference('*'.repeat(MIB), reference)), true);
  refuses(() => consign.matchReference('['.repeat(MIB), reference), InvalidPattern);
});

test('an index of 10,000 entries is chosen from, and one more is refused', () => {
  const { val } = bounded(() => consign.parseManifest(index(10_000)));
  const { order, entries } = bounded(() => consign.choose(val.entries, 'linux/arm/v6'));
  assert.deepEqual([order[0], entries.length], [0, 10_000]);
  assert.equal(entries[9999].words, 'fits, but entry 0 fits better or comes before it');
  refuses(() => consign.parseManifest(index(10_001)), InvalidDocument);
});

test('text that is no Unicode is read as replacement characters', () => {
  refuses(() => consign.parseReference('a\ud800b'), (error) => error.problem.val === '\ufffd');
});

test('memory of the component ends at its limit, and the next call works', () => {
  // Copying that much in takes its time, a few nanoseconds a byte.
  const most = 20_000;
  refuses(() => consign.parseReference('a'.repeat(300 * MIB)), ComponentTrap, most);
  const entries = Array(100).fill({ mediaType: 'x'.repeat(4 * MIB), digest: '', size: 0n, annotations: [] });
  refuses(() => consign.choose(entries, 'linux/amd64'), ComponentTrap, most);
});

test('an argument of another type is a TypeError, and the next call works', () => {
  refuses(() => consign.parseReference(7), TypeError);
  refuses(() => consign.parseReference('a', { reading: 'no such reading' }), TypeError);
  refuses(() => consign.choose([{}], 'linux/amd64'), TypeError);
});

test('repeated calls do not grow memory', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  const document = index(2000);
  const calls = async () => {
    for (let count = 0; count < 40; count++) {
      consign.choose(consign.parseManifest(document).val.entries, 'linux/arm/v6');
      assert.throws(() => consign.parseManifest(document.slice(0, -10)), InvalidDocument);
      for (let more = 0; more < 500; more++) consign.parseReference(`ghcr.io/a/b${more}:${count}`);
    }
    // The test runner follows promises, of which the glue makes one a call, and forgets them between tasks.
    await setImmediate();
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return (heapUsed + external) / MIB;
  };
  await calls();
  const before = await calls();
  for (let round = 0; round < 4; round++) await calls();
  const after = await calls();
  console.log(`memory after 80 rounds of calls ${before.toFixed(1)} MiB, after 280 ${after.toFixed(1)} MiB`);
  assert.ok(after < before + 4, `wanted at most ${before.toFixed(1)} + 4 MiB, found ${after.toFixed(1)}`);
});

test('a call that takes too long is ended, and the next worker works', async () => {
  const guarded = new Guarded({ deadline: 300 });
  try {
    assert.deepEqual(await guarded.call('sortReferences', ['b', 'a']), ['docker.io/library/a', 'docker.io/library/b']);
    // Not malicious, only much: far more work than the deadline allows.
    const names = Array.from({ length: 1_000_000 }, (_, number) => `h${number % 977}.example/${number}`);
    const start = performance.now();
    await assert.rejects(guarded.call('sortReferences', names), CallEnded);
    const took = performance.now() - start;
    assert.ok(took < 5000, `wanted an end within 5 s, found ${took.toFixed(0)} ms`);
    console.log(`a call over its deadline of 300 ms ended after ${took.toFixed(0)} ms`);
    assert.equal((await guarded.call('parsePlatform', 'linux/arm64')).architecture, 'arm64');
    await assert.rejects(guarded.call('parsePlatform', 'a/b/c/d'), { name: 'InvalidPlatform', problem: 'too-many-components' });
  } finally {
    await guarded.close();
  }
});

test('a worker that runs out of memory is ended, and the next works', async () => {
  const guarded = new Guarded({ deadline: 20_000, memory: 16 });
  try {
    const many = Array.from({ length: 200_000 }, (_, number) => `linux/${number}/${'v'.repeat(20)}`);
    await assert.rejects(guarded.call('sortReferences', many), CallEnded);
    assert.equal(await guarded.call('isDigest', DIGEST), true);
  } finally {
    await guarded.close();
  }
});
