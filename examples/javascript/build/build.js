// Makes dist/: the component for JavaScript, and the page.
//
//   dist/component/  what src/ imports: glue, core modules, declarations
//   dist/page/       everything the page loads

import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { opt, transpile } from '@bytecodealliance/jco';
import { rolldown } from 'rolldown';

import { component } from './component.js';
import { limited } from './memory.js';

const HERE = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(HERE, 'dist');

/** 256 MiB, as in consign itself. */
const MEMORY_PAGES = 4096;

/** The functions the page calls. The glue of all others stays out of it. */
const PAGE_FUNCTIONS = {
  references: ['parse', 'format', 'familiarString', 'familiarName'],
  platforms: ['parse', 'format', 'normalize'],
  manifests: ['parseText'],
  selection: ['choose'],
};

const TRANSPILE = {
  name: 'consign',
  nodejsCompat: false, // the glue then has no `node:` imports and runs in browsers as it is
  wasiShim: false, // the component imports nothing
  base64Cutoff: 0,
  namespacedExports: false,
  quiet: true,
};

/**
 * Where the glue prepares for calls that wait, of which this component has none. Where an engine lacks
 * `WebAssembly.promising` each of them throws, and V8 reads the whole glue again to word each error: 200 ms a start.
 */
const PROMISING = /try \{\s*\w+ = WebAssembly\.promising\(.*\);\s*\} catch ?\(err\) \{\s*\w+ = .*;\s*\}/g;

/** Shrinks by a tenth what the Rust compiler left. */
const OPTIMIZE = ['-Oz', '--enable-bulk-memory', '--enable-sign-ext', '--enable-nontrapping-float-to-int',
  '--enable-mutable-globals', '--enable-multivalue', '--enable-reference-types', '--strip-debug'];

const optimized = (await opt(await component(), { quiet: true, optArgs: OPTIMIZE })).component;

await rm(DIST, { recursive: true, force: true });
await library();
await page();

/** The whole component, to be instantiated as often as wanted. */
async function library() {
  const { files, imports } = await transpile(optimized, { ...TRANSPILE, instantiation: 'sync' });
  if (imports.length > 0) throw new Error(`wanted a component without imports, found ${imports.join(', ')}`);
  const folder = join(DIST, 'component');
  await write(folder, files, (path) => !path.endsWith('.js'));
  const glue = new TextDecoder().decode(files['consign.js']);
  await writeFile(join(folder, 'consign.js'), await bundled(glue));
}

/** The page, with the glue of the functions it calls. */
async function page() {
  const { files } = await transpile(optimized, { ...TRANSPILE, tlaCompat: true });
  const folder = join(DIST, 'page');
  await write(folder, files, (path) => path.endsWith('.wasm'));
  const glue = exporting(new TextDecoder().decode(files['consign.js']), PAGE_FUNCTIONS);
  await writeFile(join(folder, 'worker.js'), await bundled(glue, join(HERE, 'page/worker.js')));
  await cp(join(HERE, 'src/offsets.js'), join(folder, 'offsets.js'));
  for (const file of ['index.html', 'page.css', 'page.js', 'example.json']) {
    await cp(join(HERE, 'page', file), join(folder, file));
  }
}

/**
 * The files that are wanted, core modules with their memory limited.
 *
 * @param {string} folder
 * @param {Record<string, Uint8Array>} files
 * @param {(path: string) => boolean} wanted
 */
async function write(folder, files, wanted) {
  for (const [path, bytes] of Object.entries(files).filter(([path]) => wanted(path))) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), path.endsWith('.wasm') ? limited(bytes, MEMORY_PAGES) : bytes);
  }
}

/**
 * The glue with only these functions in the objects it exports for the interfaces, so that the rest is unused.
 *
 * @param {string} glue
 * @param {Record<string, string[]>} functions by interface
 */
function exporting(glue, functions) {
  const interfaces = /^const (\w+?)010 = \{([^}]*)\};?$/gm;
  let kept = 0;
  const trimmed = glue.replace(interfaces, (_, name, members) => {
    const wanted = members.split(',').map((member) => member.trim())
      .filter((member) => functions[name]?.includes(member.split(':')[0]));
    kept += wanted.length;
    return `const ${name}010 = { ${wanted.join(', ')} };`;
  });
  const wanted = Object.values(functions).flat().length;
  if (kept !== wanted) throw new Error(`wanted ${wanted} functions in the glue, found ${kept}`);
  const list = Object.keys(functions).map((name) => `${name}010 as ${name}`).join(', ');
  return trimmed.replace(/^export \{ \w+010 as .*$/m, `export { ${list} };`);
}

/**
 * One minified module: the glue, or an entry that imports it as `component`.
 *
 * @param {string} glue
 * @param {string} [entry]
 */
async function bundled(glue, entry) {
  const folder = await mkdtemp(join(tmpdir(), 'consign-'));
  try {
    const file = join(folder, 'component.js');
    await writeFile(file, glue.replace('"use components";', '').replace(PROMISING, ''));
    const build = await rolldown({
      input: entry ?? file,
      resolve: { alias: { component: file } },
      // Traces and prototypes of classes are all that keeps unused glue alive.
      treeshake: {
        manualPureFunctions: ['_debugLog', 'finalizationRegistryCreate'],
        propertyWriteSideEffects: entry ? false : 'always',
      },
    });
    const { output } = await build.generate({ format: 'esm', minify: true });
    return output[0].code;
  } finally {
    await rm(folder, { recursive: true });
  }
}
