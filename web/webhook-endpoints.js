/** The endpoints: how each is doing, and everything that can be done with one. */
import { call } from './api.js';
import { ask, onSubmit, open } from './dialogs.js';
import { fill, find, label, part, text } from './dom.js';
import { counted } from './format.js';
import { say, told } from './notes.js';
import { drawFigures, figuresOf, readFigures } from './webhook-figures.js';
import { editEndpoint } from './webhook-form.js';
import { lastAttempt, messageOnce } from './webhook-messages.js';
import { FORMATS, duration, healthOf, instantOf, localOf } from './webhook-words.js';

const PATH = '/api/webhooks/endpoints';
const MINUTE = 60_000;
const DAY = 86_400_000;

/** @type {Endpoint[]} */
let endpoints = [];
/** @type {Stats | null} */
let stats = null;

/** Read and show them. */
export async function showEndpoints() {
  find('new').onclick = () => editEndpoint(null, saved);
  endpoints = (await call(PATH)).items;
  draw();
  stats = await readFigures();
  drawFigures(stats);
  draw();
}

/** The endpoints, for those who need their names. @returns {Promise<Endpoint[]>} */
export async function knownEndpoints() {
  endpoints = (await call(PATH)).items;
  return endpoints;
}

/** What people call an endpoint. @param {string} id */
export function nameOf(id) {
  const found = endpoints.find((endpoint) => endpoint.id === id);
  return found ? found.description || found.url : id;
}

function draw() {
  find('no-endpoints').hidden = endpoints.length > 0;
  fill(find('endpoint-list'), 'endpoint-card', endpoints, drawOne);
}

/** @param {HTMLElement} card @param {Endpoint} endpoint */
function drawOne(card, endpoint) {
  const { mood, word, words } = healthOf(endpoint);
  part(card, '.address').textContent = endpoint.url;
  part(card, '.description').textContent = endpoint.description;
  label(part(card, '.badge'), mood, word);
  part(card, '.health').textContent = words;
  part(card, '.wants').textContent = wants(endpoint);
  part(card, '.results').textContent = figuresOf(stats, endpoint.id);
  const name = endpoint.description || endpoint.url;
  for (const button of card.querySelectorAll('[data-do]')) {
    const action = ACTIONS[/** @type {HTMLElement} */ (button).dataset.do ?? ''];
    /** @type {HTMLElement} */ (button).onclick = told(() => action(endpoint));
    button.setAttribute('aria-label', `${button.textContent}: ${name}`);
  }
  const more = part(card, '[data-more]');
  more.setAttribute('aria-label', `More: ${name}`);
  more.onclick = () => {
    const others = part(card, '[data-others]');
    others.hidden = !others.hidden;
    more.setAttribute('aria-expanded', String(!others.hidden));
  };
  part(card, '[data-do="pause"]').hidden = endpoint.state !== 'active';
  part(card, '[data-do="resume"]').hidden = endpoint.state === 'active';
}

/** @param {Endpoint} endpoint */
function wants({ format, events, filter, headers, rateLimit, holdOut, owner }) {
  const parts = [FORMATS[format], events.includes('*') ? 'all events' : events.join(', ')];
  const conditions = Object.values(filter ?? {}).reduce((sum, one) => sum + Object.keys(one).length, 0);
  if (conditions) parts.push(counted(conditions, 'condition'));
  if (headers.length) parts.push(counted(headers.length, 'header'));
  if (rateLimit) parts.push(`at most ${rateLimit} a second`);
  if (holdOut) parts.push(`${holdOut}% held out`);
  if (owner) parts.push(`owner ${owner}`);
  return parts.join(' · ');
}

/** @param {Endpoint} endpoint */
function saved(endpoint) {
  const place = endpoints.findIndex(({ id }) => id === endpoint.id);
  if (place < 0) endpoints.push(endpoint);
  else endpoints[place] = endpoint;
  draw();
  if (endpoint.secret) showSecret(endpoint.secret, 'Its messages are signed with this secret.');
  else say('The endpoint is saved.');
}

/** @param {string} secret @param {string} words */
function showSecret(secret, words) {
  const dialog = open('secret-dialog');
  const shown = find('secret');
  shown.textContent = secret;
  find('secret-words').textContent = words;
  const copy = find('copy');
  copy.textContent = 'Copy';
  copy.onclick = async () => {
    try {
      await navigator.clipboard.writeText(secret);
      copy.textContent = 'Copied';
    } catch { // without the permission, the person copies what is selected
      getSelection()?.selectAllChildren(shown);
      copy.textContent = 'Selected: copy it with your keyboard';
    }
  };
  dialog.onclose = () => { shown.textContent = ''; };
}

/** @param {string} id */
async function refresh(id) {
  const place = endpoints.findIndex((endpoint) => endpoint.id === id);
  endpoints[place] = await call(`${PATH}/${id}`);
  draw();
}

/** @param {Endpoint} endpoint @param {string} action @param {unknown} [body] */
const post = ({ id }, action, body) => call(`${PATH}/${id}/${action}`, { method: 'POST', body });

/** @type {Record<string, (endpoint: Endpoint) => unknown>} */
const ACTIONS = {
  async test(endpoint) {
    const { id } = await post(endpoint, 'test', {});
    say('A sample is on its way.');
    say(await outcomeOf(id));
  },
  deliveries({ id }) {
    location.hash = `#deliveries?endpoint=${id}`;
  },
  edit(endpoint) {
    editEndpoint(endpoint, saved);
  },
  async pause(endpoint) {
    await post(endpoint, 'pause');
    await refresh(endpoint.id);
    say('Paused. What happens meanwhile is kept.');
  },
  async resume(endpoint) {
    await post(endpoint, 'resume');
    await refresh(endpoint.id);
    say('Resumed.');
  },
  async recover(endpoint) {
    const found = await post(endpoint, 'recover', { dryRun: true });
    if (!found.messages) return say('Nothing failed that was not delivered since.');
    return ask({
      title: 'Recover what failed?',
      words: `${numberOf(found)} failed and ${found.messages === 1 ? 'was' : 'were'} not delivered since.`,
      button: `Send ${numberOf(found)}`,
    }, async () => {
      const done = await post(endpoint, 'recover', { dryRun: false });
      return () => say(`${numberOf(done)} will be sent again.`);
    });
  },
  replay,
  rotate(endpoint) {
    ask({
      title: 'Rotate the secret?',
      words: 'Messages are signed with a new secret, and for 24 hours with the old one too.',
      button: 'Rotate',
    }, async () => {
      const { secret } = await post(endpoint, 'rotate');
      return () => showSecret(secret, 'The new secret. The old one signs too for 24 hours.');
    });
  },
  delete(endpoint) {
    ask({
      title: 'Delete this endpoint?',
      words: `${endpoint.url} is told of nothing any more. What was not delivered yet is dropped.`,
      button: 'Delete',
      danger: true,
    }, async () => {
      await call(`${PATH}/${endpoint.id}`, { method: 'DELETE' });
      endpoints = endpoints.filter(({ id }) => id !== endpoint.id);
      draw();
      return () => say('The endpoint is deleted.');
    });
  },
};

/** Count first, then ask once more with the number. @param {Endpoint} endpoint */
function replay(endpoint) {
  const dialog = open('replay-dialog');
  const [from, to, events] = ['replay-from', 'replay-to', 'replay-events'].map((id) => find(id, HTMLInputElement));
  const number = find('replay-number');
  const submit = part(dialog, 'button[type="submit"]');
  from.value = localOf(new Date(Date.now() - DAY));
  to.value = localOf(new Date(Date.now() + MINUTE)); // the field has no seconds, and all until now is meant
  events.value = '';
  let isCounted = false;
  const forget = () => {
    isCounted = false;
    number.hidden = true;
    submit.textContent = 'Count first';
  };
  for (const input of [from, to, events]) input.oninput = forget;
  forget();
  onSubmit('replay-dialog', async () => {
    const types = events.value.split(/[\s,]+/).filter(Boolean);
    const body = {
      from: instantOf(from.value), to: instantOf(to.value), ...(types.length ? { events: types } : {}),
    };
    if (isCounted) {
      const done = await post(endpoint, 'replay', { ...body, dryRun: false });
      return () => say(`${numberOf(done)} will be sent again.`);
    }
    const found = await post(endpoint, 'replay', { ...body, dryRun: true });
    number.replaceChildren(text('strong', numberOf(found)), ' would be sent again.');
    number.hidden = false;
    isCounted = found.messages > 0;
    if (isCounted) submit.textContent = `Send ${numberOf(found)}`;
    return 'stay';
  });
}

/** How many messages a request is about. @param {{messages: number, atLeast: boolean}} resent */
const numberOf = ({ messages, atLeast }) => `${atLeast ? 'at least ' : ''}${counted(messages, 'message')}`;

/** What became of a sample, in a sentence. @param {string} id */
async function outcomeOf(id) {
  const message = await messageOnce(id, (one) => one.attempts.length > 0 || one.status !== 'pending');
  const last = lastAttempt(message);
  if (message.status === 'sent' && last) return `The sample was delivered: HTTP ${last.status} in ${duration(last.milliseconds)}.`;
  if (last || message.status !== 'pending') return `The sample was not delivered: ${message.errorMessage}.`;
  return 'The sample waits. Deliveries show what becomes of it.';
}
