// Resolution against a real registry, filled by skopeo from the project's fixtures.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { ROOT } from '../build/component.js';
import { ImageNotFound, PlatformNotFound, load } from '../src/consign.js';
import { copy, missing, registry } from './peers.js';

const FIXTURE = join(ROOT, 'tests/fixtures/multi.oci.tar');

/** A file of the fixture, by its digest. */
function blob(digest) {
  return JSON.parse(execFileSync('tar', ['-xOf', FIXTURE, `blobs/${digest.replace(':', '/')}`], { encoding: 'utf8' }));
}

describe('a registry', { skip: missing('docker-registry', 'skopeo') }, () => {
  let consign;
  let server;
  let name;
  /** The fixture's index: its digest, and the manifests by platform. */
  let index;
  let manifests;

  before(async () => {
    consign = await load();
    server = await registry();
    name = `${server.host}/team/multi`;
    copy(`oci-archive:${FIXTURE}`, `docker://${name}:1`);
    const layout = JSON.parse(execFileSync('tar', ['-xOf', FIXTURE, 'index.json'], { encoding: 'utf8' }));
    index = layout.manifests[0].digest;
    manifests = new Map(blob(index).manifests.map(({ digest, platform: { os, architecture, variant } }) =>
      [[os, architecture, variant].filter(Boolean).join('/'), digest]));
  });
  after(() => server?.end());

  test('a tag leads to the image of every platform', async () => {
    assert.equal(manifests.size, 8);
    for (const [platform, digest] of manifests) {
      const resolved = await consign.resolve(`${name}:1`, { platform });
      assert.equal(resolved.matched.tag, 'name');
      assert.deepEqual(resolved.indexes.map((each) => each.digest), [index]);
      assert.equal(resolved.manifest.digest, digest, platform);
      const { config, layers } = blob(digest);
      assert.equal(resolved.config.digest, config.digest);
      assert.deepEqual(resolved.layers.map((layer) => layer.blob.digest), layers.map((layer) => layer.digest));
      assert.deepEqual(resolved.layers.map((layer) => layer.diffId), blob(config.digest).rootfs.diff_ids);
      assert.equal(resolved.explanation.considered.length, 8);
      assert.equal(resolved.explanation.considered.filter(({ words }) => words === 'chosen').length, 1);
    }
  });

  test('a platform that can run another gets it, with the reasons', async () => {
    const { manifest, explanation } = await consign.resolve(`${name}:1`, { platform: 'linux/arm/v8' });
    assert.equal(manifest.digest, manifests.get('linux/arm/v7'));
    const words = Object.fromEntries(explanation.considered.map((each) => [each.entry.platform.variant ?? each.entry.platform.architecture, each.words]));
    assert.match(words.v6, /^fits, but entry \d fits better/);
    assert.equal(words.s390x, 'another architecture: `s390x`');
    assert.deepEqual(explanation.steps.map((step) => step.words), [`name \`${name}:1\`: found`]);
  });

  test('a digest leads to the same, of the index or of a manifest', async () => {
    const byIndex = await consign.resolve(`${name}@${index}`, { platform: 'linux/riscv64' });
    assert.equal(byIndex.manifest.digest, manifests.get('linux/riscv64'));
    const byManifest = await consign.resolve(`${name}@${byIndex.manifest.digest}`);
    assert.deepEqual(byManifest.indexes, []);
    assert.equal(byManifest.config.digest, byIndex.config.digest);
  });

  test('a name without a tag means latest, which is not there', async () => {
    await assert.rejects(consign.resolve(name), (error) => {
      assert.ok(error instanceof ImageNotFound);
      assert.match(error.message, /^no such image: `.*\/team\/multi:latest`$/);
      return error.explanation.steps[0].tag === 'looked-up';
    });
  });

  test('a tag, a digest and a repository that are not there are not found', async () => {
    for (const text of [`${name}:2`, `${name}@sha256:${'0'.repeat(64)}`, `${server.host}/nobody/nothing:1`]) {
      await assert.rejects(consign.resolve(text), ImageNotFound, text);
    }
  });

  test('a platform that is not there is said so, with those that are', async () => {
    await assert.rejects(consign.resolve(`${name}:1`, { platform: 'linux/mips64le' }), (error) => {
      assert.match(error.message, /^wanted platform `linux\/mips64le`, found `linux\/amd64`, `linux\/arm64/);
      return error instanceof PlatformNotFound && error.explanation.considered.length === 8;
    });
  });

  test('an image of one platform is checked against the one asked for', async () => {
    const single = `${name}@${manifests.get('linux/s390x')}`;
    await assert.rejects(consign.resolve(single, { platform: 'linux/amd64' }), PlatformNotFound);
    const { platform } = await consign.resolve(single, { platform: 'linux/s390x' });
    assert.equal(platform.architecture, 's390x');
  });

  test('a mirror answers for another registry', async () => {
    const options = { platform: 'linux/386', registry: `http://${server.host}` };
    const { manifest, matched } = await consign.resolve('team/multi:1', options);
    assert.equal(manifest.digest, manifests.get('linux/386'));
    assert.equal(matched.val.domain, 'docker.io');
  });

  test('podman\'s rules choose as podman does', async () => {
    const { manifest } = await consign.resolve(`${name}:1`, { platform: 'linux/arm/v7', rules: 'podman' });
    assert.equal(manifest.digest, manifests.get('linux/arm/v7'));
  });

  test('several resolutions at once do not disturb each other', async () => {
    const all = [...manifests].flatMap(([platform, digest]) => Array(4).fill([platform, digest]));
    const found = await Promise.all(all.map(([platform]) => consign.resolve(`${name}:1`, { platform })));
    assert.deepEqual(found.map(({ manifest }) => manifest.digest), all.map(([, digest]) => digest));
  });
});
