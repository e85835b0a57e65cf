// The shared vectors through the wrapper: references, digests, platforms. Same answers as natively.

import { before, test } from 'node:test';

import { InvalidDigest, InvalidPattern, InvalidPlatform, InvalidReference, load } from '../src/consign.js';
import { first, run, same } from './harness.js';
import { platform, written } from './platform.js';

let consign;
before(async () => {
  consign = await load();
});

const READINGS = {
  parse: 'as-written',
  parse_normalized_named: 'normalized',
  parse_any_reference: 'any',
  parse_docker_ref: 'docker',
  parse_named: 'canonical',
};

/** The variants of the peers, by the key that lists where they differ. */
const VARIANTS = { '': 'docker', containers_image_differs: 'podman' };

const KINDS = {
  empty: 'ErrNameEmpty',
  unexpected: 'ErrReferenceInvalidFormat',
  uppercase: 'ErrNameContainsUppercase',
  'too-long': 'ErrNameTooLong',
  'invalid-tag': 'ErrTagInvalidFormat',
  'invalid-digest': 'ErrDigestInvalidFormat(reference)',
  identifier: 'other',
  'uppercase-path': 'other',
};

const DIGEST_KINDS = {
  format: 'digest.ErrDigestInvalidFormat',
  unsupported: 'digest.ErrDigestUnsupported',
  length: 'digest.ErrDigestInvalidLength',
};

/** What `read` returns, or the error of this class it throws. */
function outcome(read, refusal) {
  try {
    return read();
  } catch (error) {
    if (error instanceof refusal) return error;
    throw error;
  }
}

/** The answer a case lists for a reading, pointers to other readings followed. */
function listed(each, variant, key) {
  const within = each[variant]?.[key] !== undefined ? each[variant] : each;
  if (within[key] === 'same_as_parse_normalized_named') return listed(within, '', 'parse_normalized_named');
  if (within[key] === 'same_as_parse') return listed(within, '', 'parse');
  return within[key];
}

/** An answer in the form of the cases. Texts of errors are given only where the case has no kind for them. */
function shown(answer, wanted) {
  if (answer instanceof InvalidReference) {
    const { tag, val } = answer.problem;
    if (tag === 'not-canonical') return 'ErrNameNotCanonical';
    const text = wanted.error ?? '';
    const sameText =
      tag === 'identifier' ? text.endsWith('cannot specify 64-byte hexadecimal strings')
      : tag === 'uppercase-path' ?
        text.endsWith(`repository name (${val}) must be lowercase`) || text.endsWith('repository name must be lowercase')
      : true;
    const kind = tag === 'digest' ? DIGEST_KINDS[val.tag] : KINDS[tag];
    return { ok: false, error_kind: kind, error: sameText ? text : 'another text' };
  }
  const { value, domain, path, tag, digest, name } = answer;
  const common = { ok: true, string: `${answer}`, familiar_string: answer.familiar };
  if (value.tag === 'digest') return { ...common, type: 'digest-only', digest };
  return {
    ...common,
    type: tag ? (digest ? 'tagged+digested' : 'tagged') : digest ? 'canonical' : 'name-only',
    name,
    trim_named: `${consign.trim(answer)}`,
    domain,
    path,
    tag,
    digest,
    familiar_name: answer.familiarName,
    is_name_only: !tag && !digest,
    tag_name_only: `${consign.tagNameOnly(answer)}`,
  };
}

test('references are read as the peers read them', () => {
  run('reference_parse.jsonl', ({ input }) => JSON.stringify(input), (each) => {
    for (const [variant, rules] of Object.entries(VARIANTS)) {
      for (const [key, reading] of Object.entries(READINGS)) {
        const wanted = listed(each, variant, key);
        const answer = outcome(() => consign.parseReference(each.input, { reading, rules }), InvalidReference);
        if (answer instanceof Error && answer.offset > Buffer.byteLength(each.input)) return 'an offset outside';
        const wrong = same(`${variant} ${key}`, wanted, shown(answer, wanted));
        if (wrong) return wrong;
      }
    }
    return undefined;
  });
});

test('references are built as the peers build them', () => {
  const name = ({ fn, base, arg }) => [fn, base, arg].map((part) => JSON.stringify(part ?? null)).join(' ');
  run('reference_build.jsonl', name, ({ fn, base, arg, out }) => {
    const build = {
      WithTag: () => consign.withTag(consign.parseReference(base), arg),
      WithDigest: () => consign.withDigest(consign.parseReference(base), arg),
      WithName: () => consign.withName(arg),
    }[fn];
    return same('out', out, shown(outcome(build, InvalidReference), out));
  });
});

test('patterns match as the peers match them', () => {
  const name = ({ pattern, ref }) => `${JSON.stringify(pattern)} ${JSON.stringify(ref)}`;
  run('reference_match.jsonl', name, ({ pattern, ref, match, error }) => {
    const found = outcome(() => consign.matchReference(pattern, consign.parseReference(ref)), InvalidPattern);
    return first(
      same('match', match, found === true),
      same('is an error', error !== undefined, found instanceof Error),
    );
  });
});

test('references are sorted as the peers sort them', () => {
  run('reference_sort.jsonl', ({ input }) => JSON.stringify(input), ({ input, sorted }) =>
    same('sorted', sorted, consign.sortReferences(input)));
});

test('digests are read as the peers read them', () => {
  run('digest_parse.jsonl', ({ input }) => JSON.stringify(input), (each) => {
    const found = outcome(() => consign.parseDigest(each.input), InvalidDigest);
    const form = same('form', each.anchored_regexp_match, consign.isDigest(each.input));
    if (found instanceof Error) {
      return first(form, same('ok', each.ok, false), same('kind', each.error_kind, DIGEST_KINDS[found.problem.tag]));
    }
    return first(
      form,
      same('ok', each.ok, true),
      same('algorithm', each.algorithm, found.algorithm),
      same('encoded', each.encoded, found.encoded),
    );
  });
});

test('digests are computed', () => {
  run('digest_compute.jsonl', (each) => JSON.stringify(each.input_utf8), (each) =>
    first(...['sha256', 'sha384', 'sha512'].map((algorithm) =>
      same(algorithm, each[algorithm], consign.digest(each.input_utf8, algorithm)))));
});

/** The problem the peer's message speaks of. */
const PLATFORM_PROBLEMS = [
  ['wildcards not yet supported', 'wildcard'],
  ['is an invalid OS component of', 'operating-system'],
  ['has an invalid OS version', 'os-version'],
  ['has invalid OS features', 'os-feature'],
  ['is an invalid component of', 'component'],
  ['unknown operating system or architecture', 'unknown'],
  ['cannot parse platform specifier', 'too-many-components'],
];

function checkPlatform({ specifier, host, ok, error, ...wanted }) {
  const [os, architecture, variant] = host.split('/');
  const parsed = outcome(
    () => consign.parsePlatform(specifier, { os, architecture, variant, osFeatures: [] }),
    InvalidPlatform,
  );
  if (parsed instanceof Error) {
    const [, problem] = PLATFORM_PROBLEMS.find(([part]) => error?.includes(part)) ?? [];
    return same('problem', problem ?? 'none', parsed.problem);
  }
  const normal = consign.normalizePlatform(parsed, os);
  return first(
    same('ok', ok, true),
    same('parsed', wanted.parsed, written(parsed)),
    same('format', wanted.format, consign.formatPlatform(parsed)),
    same('format_all', wanted.format_all, consign.formatPlatform(parsed, { all: true })),
    same('normalized', wanted.normalized, written(normal)),
    same('normalized_format', wanted.normalized_format, consign.formatPlatform(normal)),
    same('normalized_format_all', wanted.normalized_format_all, consign.formatPlatform(normal, { all: true })),
  );
}

test('platforms are read as the peers read them', () => {
  run('platform_parse.jsonl', ({ specifier }) => JSON.stringify(specifier), checkPlatform);
});

test('platforms are read as the peers read them on other hosts', () => {
  const name = ({ specifier, host }) => `${JSON.stringify(specifier)} on ${JSON.stringify(host)}`;
  run('platform_parse_hosts.jsonl', name, checkPlatform);
});

test('platforms are normalised as the peers do it', () => {
  run('platform_normalize.jsonl', (each) => JSON.stringify(each.platform), (each) => {
    const value = platform(each.platform);
    const normal = consign.normalizePlatform(value, 'linux');
    return first(
      same('normalized', each.normalized, written(normal)),
      same('format', each.format, consign.formatPlatform(value)),
      same('format_all', each.format_all, consign.formatPlatform(value, { all: true })),
      same('normalized_format', each.normalized_format, consign.formatPlatform(normal)),
    );
  });
});

test('platforms match as the peers match them', () => {
  const name = ({ candidate, wanted }) => `${JSON.stringify(candidate)} on ${JSON.stringify(wanted)}`;
  run('platform_match.jsonl', name, (each) => {
    const [wanted, candidate] = [platform(each.wanted), platform(each.candidate)];
    const check = (key, tag, val) => same(key, each[key], consign.matchPlatform({ tag, val }, candidate, 'linux'));
    return first(
      check('new_matcher', 'exact', wanted),
      same('only', each.only, consign.matchPlatform(wanted, candidate, 'linux')),
      check('only_strict', 'only-strict', wanted),
      check('any', 'any', [wanted]),
      check('only_os', 'only-os', wanted),
      check('docker_only_with_fallback', 'docker-with-fallback', wanted),
    );
  });
});

test('platforms are ordered as the peers order them', () => {
  const name = ({ comparer, wanted, candidates }) => [comparer, wanted, candidates].map((part) => JSON.stringify(part)).join(' ');
  run('platform_order.jsonl', name, (each) => {
    const wanted = [each.wanted].flat().map(platform);
    const candidates = each.candidates.map(platform);
    const list = each.comparer === 'ordered' || each.comparer === 'any';
    const matcher = { tag: each.comparer.replace('_', '-'), val: list ? wanted : wanted[0] };
    const matching = [...candidates.keys()].filter((position) =>
      consign.matchPlatform(matcher, candidates[position], 'linux'));
    return first(
      same('matching', each.matching, matching),
      same('stable_sorted', each.stable_sorted, consign.orderPlatforms(matcher, candidates, 'linux')),
    );
  });
});
