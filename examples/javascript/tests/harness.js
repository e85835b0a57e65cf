// Runs a file of cases observed on the peers' own code, and holds its failures against the list of known deviations.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import { ROOT } from '../build/component.js';

/** `CONSIGN_VECTORS` (relative to the repository's root), or the project's own copy. */
const FOLDER = join(ROOT, process.env.CONSIGN_VECTORS ?? 'tests/vectors/data');

/** The text of a file of cases; undefined where the folder has none. */
export function text(file) {
  try {
    return readFileSync(join(FOLDER, file), 'utf8');
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    console.log(`${file}: not in ${FOLDER}`);
    return undefined;
  }
}

/** The cases of one file. A missing file has none, which is an error unless another folder was asked for. */
export function cases(file) {
  const lines = text(file);
  assert.ok(lines !== undefined || process.env.CONSIGN_VECTORS, `${file} is missing`);
  return parsedLines(lines ?? '');
}

/** Runs every case through `check`, which returns what was wrong, or nothing. `key` names a case, as deviations do. */
export function run(file, key, check) {
  const all = cases(file);
  const failures = [];
  let deviations = 0;
  for (const each of all) {
    const name = key(each);
    const listed = LISTED.has(`${file}\n${name}`);
    const wrong = check(each);
    if (wrong && !listed) failures.push(`${name}\n    ${wrong}`);
    if (wrong && listed) deviations++;
    if (!wrong && listed) failures.push(`${name}\n    listed in deviations.jsonl but passing`);
  }
  console.log(`${file}: ${all.length} cases, ${deviations} deviations, ${failures.length} failures`);
  assert.equal(failures.length, 0, failures.slice(0, 20).join('\n'));
  assert.ok(all.length > 0 || process.env.CONSIGN_VECTORS, `${file} has no cases`);
}

/** Nothing if both are equal, otherwise what was wanted and what was found. */
export function same(what, wanted, found) {
  // As JSON: a member that is undefined is one that is absent.
  if (isDeepStrictEqual(plain(wanted), plain(found))) return undefined;
  return `${what}: wanted ${JSON.stringify(wanted)}, found ${JSON.stringify(found)}`;
}

/** The first thing that is wrong. */
export function first(...wrong) {
  return wrong.find((each) => each !== undefined);
}

function plain(value) {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

function parsedLines(lines) {
  return lines.split('\n').filter((line) => line.trim() !== '').map((line) => JSON.parse(line));
}

const LISTED = new Set(
  parsedLines(readFileSync(join(ROOT, 'tests/vectors/deviations.jsonl'), 'utf8'))
    .map((entry) => `${entry.file}\n${entry.case}`),
);
