/** The types of events with an example of each, and how a receiver verifies what comes. */
import { call } from './api.js';
import { fill, find, part, text } from './dom.js';

/** Those of docs/webhooks.md, which the tests run. */
const SNIPPETS = [
  { language: 'Python', path: '/snippets/verify.py' },
  { language: 'Node', path: '/snippets/verify.mjs' },
  { language: 'Shell and curl', path: '/snippets/verify.sh' },
];

/** @type {Promise<EventType[]> | null} */
let asking = null;

/** Every type of the catalogue, read once. */
export function eventTypes() {
  asking ??= call('/api/webhooks/catalogue').then(({ items }) => items).catch((error) => {
    asking = null;
    throw error;
  });
  return asking;
}

/** Offer the types in the fields that take one. */
export async function offerTypes() {
  const types = await eventTypes();
  find('types').replaceChildren(...types.map(({ type }) => new Option(type, type)));
}

/** Read and show them. */
export async function showCatalogue() {
  const [types, snippets] = await Promise.all([eventTypes(), Promise.all(SNIPPETS.map(read))]);
  fill(find('type-list'), 'type-item', types, (item, { type, description, example, schema }) => {
    part(item, 'code').textContent = type;
    part(item, '.soft').replaceChildren(...description.split('`').map((words, index) => text(index % 2 ? 'code' : 'span', words)));
    part(item, '[data-example]').textContent = JSON.stringify(example, null, 2);
    part(item, '[data-schema]').textContent = JSON.stringify(schema, null, 2);
  });
  fill(find('snippets'), 'snippet', snippets, (item, { language, code }) => {
    part(item, 'strong').textContent = language;
    part(item, 'pre').textContent = code;
    part(item, 'pre').setAttribute('aria-label', language);
  });
}

/** @param {{language: string, path: string}} snippet */
async function read({ language, path }) {
  const answer = await fetch(path).catch(() => null);
  return { language, code: answer?.ok ? await answer.text() : `${path} cannot be loaded.` };
}
