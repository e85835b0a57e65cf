// The shared vectors through the wrapper: choosing from indexes, looking up images, chain IDs.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';

import { ImageNotFound, InvalidReference, PlatformNotFound, ResolutionFailed, load } from '../src/consign.js';
import { cases, first, run, same, text } from './harness.js';
import { platform } from './platform.js';

let consign;
before(async () => {
  consign = await load();
});

const CONFIG = 'application/vnd.docker.container.image.v1+json';
const FORMATS = {
  'application/vnd.oci.image.index.v1+json': 'oci-index',
  'application/vnd.docker.distribution.manifest.list.v2+json': 'docker-list',
};

function entry(value) {
  return {
    mediaType: value.mediaType ?? '',
    digest: value.digest ?? '',
    size: BigInt(value.size ?? 0),
    platform: value.platform ? platform(value.platform) : undefined,
    annotations: Object.entries(value.annotations ?? {}),
    artifactType: value.artifactType,
  };
}

/** Every entry has a reason, and it says the same as the order. */
function explained({ order, entries }, count) {
  if (entries.length !== count) return `${entries.length} reasons for ${count} entries`;
  const wrong = entries.find(({ position, reason }) => {
    if (reason.tag === 'best') return order[0] !== position;
    if (reason.tag === 'outranked') return order[0] !== reason.val || reason.val === position;
    return order.includes(position);
  });
  return wrong && `entry ${wrong.position} is said to be ${wrong.words}, order is ${order}`;
}

/** What containerd does with the entry that was chosen: it reads it, and if it has no platform looks at its config's. */
function taken(position, entries, matcher) {
  if (position === undefined) return undefined;
  const { mediaType, platform: found } = entries[position];
  if (/index|manifest\.list/.test(mediaType)) return undefined;
  const config = found ?? { os: 'linux', architecture: 'amd64', osFeatures: [] };
  return consign.matchPlatform(matcher, config, 'linux') ? position : undefined;
}

test('entries are chosen as the peers choose them', () => {
  const indexes = new Map(cases('manifest_select_indexes.jsonl').map((each) => [
    each.index_name,
    { format: FORMATS[each.media_type], entries: (each.index.manifests ?? []).map(entry) },
  ]));
  const name = ({ index_name: index, wanted }) => `${index} on ${JSON.stringify(wanted)}`;
  run('manifest_select.jsonl', name, (each) => {
    const { format, entries } = indexes.get(each.index_name);
    assert.ok(format, 'a case is about an index of one of the two kinds');
    const wanted = platform(each.wanted);
    const found = (position) => (position === undefined ? 'error' : { position, digest: entries[position].digest });
    const listed = (result) => (typeof result.error === 'string' ? 'error' : result);
    const wrong = [];
    const order = (rule) => {
      const choice = consign.choose(entries, wanted, { rule, format, hostOs: 'linux' });
      wrong.push(explained(choice, entries.length));
      return choice.order;
    };
    const podman = each.containers_image;
    for (const [key, rule] of [['choose_instance', 'podman'], ['choose_prefer_gzip', 'podman-gzip'], ['choose_prefer_zstd', 'podman-zstd']]) {
      // Absent where the peer's type lacks the choice by compression.
      if (podman[key]) wrong.push(same(key, listed(podman[key]), found(order(rule)[0])));
    }
    const containerd = each.containerd_images_manifest;
    for (const [key, rule, tag] of [['only', 'docker', 'only'], ['only_strict', 'docker-strict', 'only-strict']]) {
      const position = taken(order(rule)[0], entries, { tag, val: wanted });
      wrong.push(same(key, listed(containerd[key]), found(position)));
    }
    wrong.push(same('docker_pull_filter_manifests', each.docker_pull_filter_manifests, order('docker-pull')));
    wrong.push(same('go_containerregistry', listed(each.go_containerregistry), found(order('first-match')[0])));
    return first(...wrong);
  });
});

test('chain IDs are those of the image specification', () => {
  run('history_chainid.jsonl', (each) => JSON.stringify(each.diff_ids), (each) =>
    same('chain_ids', each.chain_ids ?? [], consign.chainIds(each.diff_ids ?? [])));
});

/** What Docker's daemon had, as content. */
function moby(state) {
  const descriptor = (mediaType, digest) => ({ mediaType, digest, size: 0n, annotations: [] });
  const blobs = new Map(Object.entries(state.blobs));
  const images = state.images.map(({ id, config }) => {
    blobs.set(id, config);
    return id;
  });
  const references = new Map(state.references.map(({ ref, id }) => [`${consign.parseReference(ref)}`, id]));
  const leased = new Map();
  for (const { image_id: image, resources } of state.leases) {
    const content = resources.filter(({ type }) => type === 'content').map(({ id }) => id);
    leased.set(image, [...(leased.get(image) ?? []), ...content]);
  }
  return {
    find({ domain, path, tag, digest }) {
      const id = references.get(`${domain}/${path}${digest ? `@${digest}` : tag ? `:${tag}` : ''}`);
      return id && descriptor(CONFIG, id);
    },
    search: (prefix) => images
      .filter((id) => id.startsWith(prefix) || id.slice('sha256:'.length).startsWith(prefix))
      .sort()
      .map((id) => descriptor(CONFIG, id)),
    read: ({ mediaType, digest }) =>
      (mediaType === CONFIG && !images.includes(digest) ? undefined : blobs.get(digest)),
    indexes: (config) => (leased.get(config) ?? []).map((digest) => descriptor('', digest)),
  };
}

test('images are looked up as Docker looks them up', async () => {
  const state = text('moby_getimage_state.json');
  if (state === undefined) return;
  const content = moby(JSON.parse(state));
  const all = cases('moby_getimage.jsonl');
  const host = { os: 'linux', architecture: 'amd64', osFeatures: [] };
  const answers = new Map();
  for (const each of all) {
    const options = { content, host, platform: each.platform && platform(each.platform) };
    answers.set(JSON.stringify(each), await consign.resolve(each.input, options).catch((error) => error));
  }
  run('moby_getimage.jsonl', ({ input, platform: wanted }) => `${JSON.stringify(input)} for ${JSON.stringify(wanted ?? null)}`, (each) => {
    const answer = answers.get(JSON.stringify(each));
    if (!(answer instanceof Error)) {
      const { matched, config } = answer;
      const byId = matched.tag === 'prefix' || matched.tag === 'digest';
      return first(
        same('ok', each.ok, true),
        same('id', each.id, config.digest),
        byId ? same('matched id', each.id, matched.val) : undefined,
      );
    }
    if (!(answer instanceof InvalidReference || answer instanceof ResolutionFailed)) throw answer;
    const missing = answer instanceof ImageNotFound || answer.problem.tag === 'ambiguous';
    return first(
      same('ok', each.ok, false),
      same('class', each.class, answer instanceof InvalidReference ? 'invalid_argument' : 'not_found'),
      same('is_ErrImageDoesNotExist', each.is_ErrImageDoesNotExist, missing),
      answer instanceof PlatformNotFound
        ? same('image', each.image_returned_with_error ?? null, answer.problem.val.image?.[0] ?? null)
        : undefined,
    );
  });
});
