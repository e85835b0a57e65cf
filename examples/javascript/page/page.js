// The page: asks the worker about what was typed, and shows the answer. Everything shown is set as text.

import { indexOf } from './offsets.js';

/** Milliseconds after which a worker that does not answer is ended. */
const DEADLINE = 3000;

/** Milliseconds of quiet after a key before the worker is asked. */
const PAUSE = 60;

/** Bytes of a file that are read; the component reads 4 MiB. */
const FILE_LIMIT = 8 << 20;

const at = (id) => document.getElementById(id);
const [reference, platform, rule, index] = ['reference', 'platform', 'rule', 'index'].map(at);

let worker;
let ready = false;
let asked = 0;
let deadline;
let pause;

/** Starts a worker, in place of the one there is, and does this once it can be asked. */
function start(then) {
  worker?.terminate();
  ready = false;
  worker = new Worker('worker.js', { type: 'module' });
  worker.addEventListener('message', ({ data }) => {
    if (data.ready) {
      ready = true;
      then();
    } else if (data.id === asked) {
      clearTimeout(deadline);
      show(data);
    }
  });
  worker.addEventListener('error', () => ended('The component stopped.'));
}

function ask() {
  // Until the component is there, what is typed waits in the fields.
  if (!ready || !example.loaded) return;
  clearTimeout(deadline);
  deadline = setTimeout(() => ended(`The component did not answer within ${DEADLINE / 1000} seconds.`), DEADLINE);
  worker.postMessage({ id: ++asked, reference: reference.value, platform: platform.value, rule: rule.value, index: index.value });
}

function ended(reason) {
  clearTimeout(deadline);
  at('entries').hidden = true;
  if (!ready) {
    worker.terminate();
    return verdict(`${reason} Reload the page to try again.`);
  }
  verdict(`${reason} Change something, and another one will answer.`);
  // It is not asked the same again: that would end the same way.
  start(() => {});
}

function soon() {
  clearTimeout(pause);
  pause = setTimeout(ask, PAUSE);
}

function element(tag, text, className) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

/** A text in which backticks stand around code. */
function prose(text) {
  return text.split('`').map((part, position) => (position % 2 ? element('code', part) : part));
}

function verdict(...parts) {
  at('verdict').replaceChildren(...parts);
}

/** Shows what is wrong with a field: the text around the place, the place marked, and the message. */
function problem(field, found) {
  const box = at(`${field.id}-problem`);
  field.toggleAttribute('aria-invalid', false);
  if (!found) return box.replaceChildren();
  field.setAttribute('aria-invalid', 'true');
  const place = indexOf(field.value, found.offset);
  const [from, to] = around(field.value, place);
  const marked = String.fromCodePoint(field.value.codePointAt(place) ?? 0x20);
  const visible = /[\s\p{C}]/u.test(marked) ? '\u2423' : marked;
  const excerpt = document.createElement('pre');
  excerpt.append(
    (from > 0 && field.value[from - 1] !== '\n' ? '…' : '') + field.value.slice(from, place),
    element('mark', visible),
    place < field.value.length ? field.value.slice(place + marked.length, Math.max(to, place + marked.length)) : '',
  );
  const message = document.createElement('p');
  message.append(...prose(found.message), '.');
  box.replaceChildren(excerpt, message);
  if (field === index) {
    const go = element('button', `Go to line ${index.value.slice(0, place).split('\n').length}`);
    go.type = 'button';
    go.addEventListener('click', () => {
      index.focus();
      index.setSelectionRange(place, place + marked.length);
    });
    box.append(go);
  }
}

/** The part of the line around a place that is shown. */
function around(text, place) {
  const line = [text.lastIndexOf('\n', place - 1) + 1, text.indexOf('\n', place)];
  const [start, end] = [line[0], line[1] < 0 ? text.length : line[1]];
  return [Math.max(start, place - 40), Math.min(end, place + 24)];
}

function show({ reference: name, platform: wanted, index: choice }) {
  problem(reference, name.problem);
  problem(platform, wanted.problem);
  problem(index, choice?.problem);
  showName(name.value);
  showChoice(choice?.value, wanted.value);
  if (document.documentElement.dataset.ready) return;
  document.documentElement.dataset.ready = 'true';
  performance.mark('interactive');
}

function showName(name) {
  const part = (title, value, note) => {
    const group = document.createElement('div');
    const shown = element('dd', value ?? 'none', value === undefined ? 'none' : '');
    if (note) shown.append(element('span', note, 'note'));
    group.append(element('dt', title), shown);
    return group;
  };
  at('parts').hidden = !name;
  at('name-label').textContent = name ? 'In full' : 'The reference cannot be read.';
  at('full').textContent = name?.full ?? '';
  if (!name) return;
  at('parts').replaceChildren(
    part('Registry', name.domain, name.domainFilled && 'filled in'),
    part('Repository', name.path, name.namespaceFilled && 'library/ filled in'),
    part('Tag', name.tag, !name.tag && !name.digest && 'latest, when pulled'),
    part('Digest', name.digest),
  );
}

function showChoice(choice, wanted) {
  at('entries').hidden = !choice?.entries?.length;
  if (!choice) return verdict(wanted ? 'The index cannot be read.' : 'The platform cannot be read.');
  if (choice.manifest) {
    const { layers, config } = choice.manifest;
    return verdict(`Not an index but one image: ${layers} ${layers === 1 ? 'layer' : 'layers'}, config `, element('code', short(config)), '.');
  }
  at('rows').replaceChildren(...choice.entries.map(row));
  const entry = choice.entries[choice.chosen];
  const count = choice.entries.length;
  if (!entry) return verdict(element('strong', wanted), ` gets nothing: ${count === 0 ? 'the index is empty' : `none of the ${count} entries fits`}.`);
  verdict(element('strong', wanted), ` gets entry ${choice.chosen}, `, element('code', short(entry.digest)),
    entry.platform ? ` for ${entry.platform}.` : ', which names no platform and has to be looked into.');
}

function row(entry, position) {
  const made = element('tr', '', entry.chosen ? 'chosen' : 'lost');
  const platformText = entry.platform || (entry.nested ? 'none (an index)' : 'none');
  const cells = [position, platformText, short(entry.digest), ''].map((text) => element('td', text));
  const [, , digest, why] = cells;
  digest.title = entry.digest;
  why.append(...prose(entry.why));
  if (entry.chosen) {
    made.setAttribute('aria-current', 'true');
    const tick = element('span', '✓', 'tick');
    tick.setAttribute('aria-hidden', 'true');
    why.prepend(tick, 'chosen: ');
  }
  // Said, because narrow windows lay the table out as blocks, which takes its meaning away.
  made.setAttribute('role', 'row');
  for (const cell of cells) cell.setAttribute('role', 'cell');
  made.append(...cells);
  return made;
}

/** The algorithm and enough digits to tell entries apart. */
function short(digest) {
  const [algorithm, digits] = digest.split(':');
  return `${algorithm}:${digits.slice(0, 12)}…`;
}

async function open(file) {
  if (!file) return;
  if (file.size > FILE_LIMIT) return verdict(`Wanted a file of at most ${FILE_LIMIT >> 20} MiB, found ${(file.size / (1 << 20)).toFixed(1)}.`);
  index.value = await file.text();
  ask();
}

/** The index shown at first. */
const example = {
  loaded: false,
  async show() {
    const response = await fetch('example.json');
    // What somebody typed before it arrived stays.
    if (this.loaded || index.value === '') index.value = await response.text();
    this.loaded = true;
    ask();
  },
};

function theme() {
  const stored = localStorage.getItem('theme');
  if (stored) document.documentElement.dataset.theme = stored;
  const dark = () => (document.documentElement.dataset.theme ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark';
  const label = () => {
    at('theme').textContent = dark() ? 'Light theme' : 'Dark theme';
  };
  at('theme').addEventListener('click', () => {
    const next = dark() ? 'light' : 'dark';
    document.documentElement.dataset.theme = next;
    localStorage.setItem('theme', next);
    label();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', label);
  label();
}

theme();
start(ask);
example.show();
for (const field of [reference, platform, index]) field.addEventListener('input', soon);
rule.addEventListener('change', ask);
at('form').addEventListener('submit', (event) => {
  event.preventDefault();
  ask();
});
at('file').addEventListener('change', ({ target }) => open(target.files[0]));
at('example').addEventListener('click', () => example.show());
for (const [event, over] of [['dragover', true], ['dragleave', false], ['drop', false]]) {
  index.addEventListener(event, (happened) => {
    happened.preventDefault();
    index.classList.toggle('over', over);
    if (event === 'drop') {
      const [file] = happened.dataTransfer.files;
      if (file) open(file);
      else {
        index.value = happened.dataTransfer.getData('text');
        ask();
      }
    }
  });
}
