// Registries that lie, refuse, redirect, stall or never end: a typed error for each, in bounded time.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, test } from 'node:test';

import {
  Aborted, DigestMismatch, DocumentRefused, ImageNotFound, InvalidReference, NetworkFailure, ResolutionFailed, TooLarge,
  Unauthorised, WrongSize, load,
} from '../src/consign.js';
import { bearer } from '../src/registry.js';
import { serve } from './peers.js';

let consign;
before(async () => {
  consign = await load();
});

const digestOf = (text) => `sha256:${createHash('sha256').update(text).digest('hex')}`;
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

/** An image of one layer: its blobs by digest, and the digest of its manifest. */
function image(platform = { os: 'linux', architecture: 'amd64' }) {
  const config = JSON.stringify({ ...platform, rootfs: { type: 'layers', diff_ids: [digestOf('layer')] } });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(config), size: config.length },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: digestOf('layer'), size: 5 }],
  });
  return { config, manifest, blobs: new Map([config, manifest].map((text) => [digestOf(text), text])) };
}

/** What an honest registry answers. */
function honest({ manifest, blobs }, request, response) {
  const [, kind, name] = /^\/v2\/team\/app\/(manifests|blobs)\/(.*)$/.exec(request.url) ?? [];
  const text = name === '1' ? manifest : blobs.get(name);
  if (text === undefined) return void response.writeHead(404).end();
  const type = kind === 'manifests' ? MANIFEST : 'application/octet-stream';
  response.writeHead(200, { 'content-type': type, 'docker-content-digest': digestOf(text), 'content-length': text.length });
  response.end(request.method === 'HEAD' ? undefined : text);
}

/** Resolves `team/app:1` against a registry that answers as `handler` does, unless that returns false. */
async function resolving(handler, options = {}, made = image()) {
  const requests = [];
  const [registry, stop] = await serve((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    if (handler(request, response, made) === false) honest(made, request, response);
  });
  try {
    const { host } = new URL(registry);
    return { ...(await consign.resolve(`${host}/team/app:1`, options)), requests };
  } finally {
    stop();
  }
}

test('an honest one is asked no more than is needed', async () => {
  const { config, requests } = await resolving(() => false);
  const made = image();
  assert.equal(config.digest, digestOf(made.config));
  assert.deepEqual(requests, [
    'HEAD /v2/team/app/manifests/1',
    `GET /v2/team/app/manifests/${digestOf(made.manifest)}`,
    `GET /v2/team/app/blobs/${digestOf(made.config)}`,
  ]);
});

test('one that sends no digest with a tag is asked for the content', async () => {
  const { manifest } = await resolving(({ method, url }, response, { manifest: text }) => {
    if (!url.endsWith('/1')) return false;
    return response.writeHead(200, { 'content-type': MANIFEST }).end(method === 'HEAD' ? undefined : text);
  });
  assert.equal(manifest.digest, digestOf(image().manifest));
});

test('content of another digest is refused, before it is parsed', async () => {
  for (const kind of ['manifests', 'blobs']) {
    await assert.rejects(
      resolving(({ method, url }, response) => {
        if (method === 'HEAD' || !url.includes(`/${kind}/sha256:`)) return false;
        return response.end('{"tampered":true}');
      }),
      (error) => {
        assert.ok(error instanceof DigestMismatch);
        assert.equal(error.found, digestOf('{"tampered":true}'));
        assert.match(error.url, new RegExp(`/${kind}/${error.wanted}$`));
        return error.explanation.steps.length === 1;
      },
    );
  }
});

test('a blob with bytes changed in place is refused', async () => {
  await assert.rejects(
    resolving(({ url }, response, { config }) => {
      if (!url.includes('/blobs/')) return false;
      return response.end(config.replace('amd64', 'arm64'));
    }),
    DigestMismatch,
  );
});

test('content of another size than its descriptor says is refused', async () => {
  const made = image();
  const manifest = made.manifest.replace(/"size":\d+/, '"size":7');
  const lying = { ...made, manifest, blobs: new Map([...made.blobs, [digestOf(manifest), manifest]]) };
  await assert.rejects(resolving(() => false, {}, lying), WrongSize);
});

test('content without end is read up to 4 MiB', async () => {
  let sent = 0;
  await assert.rejects(
    resolving(({ method }, response) => {
      if (method === 'HEAD') return false;
      const chunk = Buffer.alloc(65536, 0x20);
      const more = () => {
        while (!response.destroyed && response.write(chunk)) sent += chunk.length;
      };
      response.on('drain', more);
      more();
      return true;
    }),
    TooLarge,
  );
  assert.ok(sent < 64 << 20, `wanted little more than 4 MiB to be sent, found ${sent}`);
});

test('content that is said to be larger than 4 MiB is not asked for', async () => {
  const size = 5 << 20;
  const requests = [];
  await assert.rejects(
    resolving(({ method }, response) => {
      requests.push(method);
      const headers = { 'content-type': MANIFEST, 'docker-content-digest': digestOf(''), 'content-length': size };
      return response.writeHead(200, headers).end();
    }),
    (error) => error instanceof TooLarge && error.found === BigInt(size),
  );
  assert.deepEqual(requests, ['HEAD']);
});

test('a manifest that is none is refused, with the place', async () => {
  const manifest = '{"schemaVersion":2,"manifests":[],"layers":[]}';
  await assert.rejects(
    resolving(() => false, {}, { manifest, blobs: new Map([[digestOf(manifest), manifest]]) }),
    DocumentRefused,
  );
});

test('a config that is not there is said so', async () => {
  const made = image();
  made.blobs.delete(digestOf(made.config));
  await assert.rejects(resolving(() => false, {}, made), (error) =>
    error instanceof ResolutionFailed && !(error instanceof ImageNotFound) && error.problem.tag === 'incomplete');
});

test('a token is fetched anonymously and used', async () => {
  const scope = 'repository:team/app:pull';
  let tokens = 0;
  const { config } = await resolving(({ url, headers }, response) => {
    if (url.startsWith('/token')) {
      const query = new URL(url, 'http://x').searchParams;
      assert.deepEqual([query.get('service'), query.get('scope')], ['the registry', scope]);
      assert.equal(headers.authorization, undefined);
      return response.end(JSON.stringify({ token: `secret${++tokens}` }));
    }
    if (headers.authorization === 'Bearer secret1') return false;
    const challenge = `Bearer realm="http://${headers.host}/token",service="the registry",scope="${scope}"`;
    return response.writeHead(401, { 'www-authenticate': challenge }).end();
  });
  assert.equal(config.digest, digestOf(image().config));
  assert.equal(tokens, 1, 'one token does for all requests');
});

test('a registry that does not accept its own token is not asked for ever', async () => {
  let asked = 0;
  await assert.rejects(
    resolving(({ url, headers }, response) => {
      asked++;
      if (url.startsWith('/token')) return response.end('{"access_token":"x"}');
      return response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${headers.host}/token"` }).end();
    }),
    Unauthorised,
  );
  assert.equal(asked, 3);
});

test('challenges that cannot be met are unauthorised', async () => {
  const challenges = ['', 'Basic realm="x"', 'Bearer', 'Bearer realm="not a url"', 'Bearer service="x"'];
  for (const challenge of challenges) {
    await assert.rejects(
      resolving((_, response) => response.writeHead(401, { 'www-authenticate': challenge }).end()),
      Unauthorised,
      challenge,
    );
  }
  for (const token of ['', '{}', '{"token":7}', '{"token":"a\\r\\nb: c"}', '[']) {
    await assert.rejects(
      resolving(({ url, headers }, response) => url.startsWith('/token')
        ? response.end(token)
        : response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${headers.host}/token"` }).end()),
      Unauthorised,
      token,
    );
  }
  await assert.rejects(resolving((_, response) => response.writeHead(403).end()), Unauthorised);
});

test('challenges are read as they are written', () => {
  assert.deepEqual(bearer('bearer realm = "https://a/\\"b" , scope=c,service="d,e"'), { realm: 'https://a/"b', scope: 'c', service: 'd,e' });
  assert.equal(bearer('Basic realm="x"'), undefined);
  const start = performance.now();
  bearer(`Bearer ${'a="\\'.repeat(20_000)}`);
  bearer(`Bearer ${'a '.repeat(50_000)}`);
  assert.ok(performance.now() - start < 1000);
});

test('a token is not sent on to where a redirect leads', async () => {
  const made = image();
  const [elsewhere, stop] = await serve((request, response) => {
    assert.equal(request.headers.authorization, undefined);
    response.end(made.config);
  });
  try {
    const { config } = await resolving(({ url, headers }, response) => {
      if (url.startsWith('/token')) return response.end('{"token":"x"}');
      if (!headers.authorization) {
        return response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${headers.host}/token"` }).end();
      }
      return url.includes('/blobs/') ? response.writeHead(307, { location: `${elsewhere}/there` }).end() : false;
    });
    assert.equal(config.digest, digestOf(made.config));
  } finally {
    stop();
  }
});

test('redirects end', async () => {
  let asked = 0;
  await assert.rejects(
    resolving((_, response) => {
      asked++;
      return response.writeHead(302, { location: '/again' }).end();
    }),
    NetworkFailure,
  );
  assert.equal(asked, 6);
});

test('a redirect to plain HTTP elsewhere is not followed', async () => {
  for (const location of ['http://registry.example/x', 'file:///etc/passwd', 'http://[', 'data:,x']) {
    await assert.rejects(
      resolving((_, response) => response.writeHead(302, { location }).end()),
      NetworkFailure,
      location,
    );
  }
});

test('one that fails, hangs up or is not there is a network failure', async () => {
  await assert.rejects(resolving((_, response) => response.writeHead(500).end()), (error) =>
    error instanceof NetworkFailure && error.status === 500);
  await assert.rejects(resolving((_, response) => response.destroy()), NetworkFailure);
  await assert.rejects(
    resolving(({ method }, response) => {
      if (method === 'HEAD') return false;
      response.writeHead(200, { 'content-length': 100 }).write('x');
      return setTimeout(() => response.destroy(), 50);
    }),
    NetworkFailure,
  );
  const [gone, stop] = await serve(() => {});
  stop();
  await assert.rejects(consign.resolve(`${new URL(gone).host}/a:1`), NetworkFailure);
});

test('one that stalls is given up on, before its answer and within it', async () => {
  for (const start of [() => {}, (response) => response.write('x')]) {
    const begun = performance.now();
    await assert.rejects(
      resolving(({ method }, response) => (method === 'HEAD' ? false : void start(response)), { timeout: 300 }),
      Aborted,
    );
    assert.ok(performance.now() - begun < 3000);
  }
  await assert.rejects(resolving(() => {}, { signal: AbortSignal.timeout(100) }), Aborted);
});

test('plain HTTP is for this machine only', async () => {
  const asked = [];
  const fetch = (url) => {
    asked.push(`${url}`);
    return Promise.reject(new TypeError('offline'));
  };
  const ask = (text, options) => consign.resolve(text, { fetch, ...options }).catch((error) => error);
  const hosts = ['alpine', 'ghcr.io/a/b', 'localhost/a', 'localhost:5000/a', '127.0.0.1:5000/a', '[::1]:5000/a', '127.evil.example/a', 'x.example:443/a'];
  for (const host of hosts) assert.ok((await ask(host)) instanceof NetworkFailure, host);
  assert.deepEqual(asked.map((url) => url.replace(/\/v2\/.*/, '')), [
    'https://registry-1.docker.io', 'https://ghcr.io', 'http://localhost', 'http://localhost:5000',
    'http://127.0.0.1:5000', 'http://[::1]:5000', 'https://127.evil.example', 'https://x.example',
  ]);
  assert.equal(asked[0], 'https://registry-1.docker.io/v2/library/alpine/manifests/latest');
  asked.length = 0;
  assert.match((await ask('alpine', { registry: 'http://mirror.example' })).message, /wanted HTTPS/);
  assert.deepEqual(asked, []);
  await ask('x.example:443/a', { insecure: true });
  assert.match(asked[0], /^http:\/\/x\.example:443\/v2\/a\//);
});

test('what is no reference is not asked for', async () => {
  const fetch = () => assert.fail('asked');
  await assert.rejects(consign.resolve('Not A Name', { fetch }), (error) => error instanceof InvalidReference && error.offset >= 0);
});
