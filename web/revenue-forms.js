/** What an administrator changes: agencies, creators and their keys. A key is sent and never shown again. */
import { ApiError, call } from './api.js';
import { ask, onSubmit, open } from './dialogs.js';
import { find } from './dom.js';
import { say } from './notes.js';

/** @param {string} id */
const input = (id) => find(id, HTMLInputElement);
/** @param {string} id */
const written = (id) => input(id).value.trim();

/** @param {{agencies: Agency[], creators: Creator[]}} known @param {() => Promise<unknown>} changed */
export function offerForms(known, changed) {
  const done = (/** @type {string} */ words) => () => changed().then(() => say(words));
  find('new-agency').onclick = () => addAgency(done);
  find('new-creator').onclick = () => addCreator(known.agencies, done);
  return {
    /** @param {Agency} agency */
    retireAgency({ id, name }) {
      const words = 'Its figures stay. It has to have no creator that is not retired.';
      ask({ title: `Retire ${name}?`, words, button: 'Retire', danger: true }, async () => {
        await call(`/api/agencies/${encodeURIComponent(id)}`, { method: 'DELETE' });
        return done(`${name} is retired.`);
      });
    },
    /** @param {Creator} creator */
    retireCreator({ id, name }) {
      const words = 'Cairn reads nothing more of this creator, and forgets its key. What was read stays in the figures.';
      ask({ title: `Retire ${name}?`, words, button: 'Retire', danger: true }, async () => {
        await call(`/api/creators/${encodeURIComponent(id)}`, { method: 'DELETE' });
        return done(`${name} is retired.`);
      });
    },
    /** @param {Creator} creator */
    changeKey(creator) { changeKey(creator, done); },
  };
}

/** @typedef {(words: string) => () => Promise<void>} Done */

/** @param {Done} done */
function addAgency(done) {
  open('agency-dialog');
  input('agency-name').value = '';
  onSubmit('agency-dialog', async () => {
    const name = written('agency-name');
    await call('/api/agencies', { method: 'POST', body: { name } });
    return done(`${name} is added.`);
  });
}

/** @param {Agency[]} agencies @param {Done} done */
function addCreator(agencies, done) {
  if (!agencies.length) return say('Add an agency first: a creator belongs to one.');
  open('creator-dialog');
  find('creator-form', HTMLFormElement).reset();
  find('creator-agency').replaceChildren(...agencies.map(({ id, name }) => new Option(name, id)));
  onSubmit('creator-dialog', async () => {
    const name = written('creator-name');
    /** @type {Record<string, string>} */
    const optional = { currency: written('creator-currency').toUpperCase(), timeZone: written('creator-zone'), apiKey: input('creator-key').value.trim() };
    const body = {
      agencyId: find('creator-agency', HTMLSelectElement).value,
      name,
      platform: 'fanvue',
      externalId: written('creator-external'),
      ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value)),
    };
    await call('/api/creators', { method: 'POST', body });
    input('creator-key').value = '';
    return done(`${name} is added. The first reading begins now, and goes back a year in silence.`);
  });
  return undefined;
}

/** @param {Creator} creator @param {Done} done */
function changeKey({ id, name, credentials }, done) {
  open('key-dialog');
  find('key-title').textContent = `API key of ${name}`;
  input('key').value = '';
  find('key-forget').hidden = credentials !== 'own';
  const path = `/api/creators/${encodeURIComponent(id)}/credentials`;
  onSubmit('key-dialog', async () => {
    const apiKey = input('key').value.trim();
    if (!apiKey) throw new ApiError(400, 'Enter the key');
    await call(path, { method: 'PUT', body: { apiKey } });
    input('key').value = '';
    return done(`The key of ${name} is stored, and never shown.`);
  });
  find('key-forget').onclick = () => {
    find('key-dialog', HTMLDialogElement).close();
    ask({ title: `Forget the key of ${name}?`, words: 'The key of its agency or of the deployment is used instead, if there is one.', button: 'Forget', danger: true }, async () => {
      await call(path, { method: 'DELETE' });
      return done(`The key of ${name} is forgotten.`);
    });
  };
}
