/** What was delivered, what waits and what failed, with every attempt of a message. */
import { ApiError, call } from './api.js';
import { ask, open, showProblem } from './dialogs.js';
import { copy, fill, find, label, part, text } from './dom.js';
import { counted, when } from './format.js';
import { explained } from './forms.js';
import { say, told } from './notes.js';
import { offerTypes } from './webhook-catalogue.js';
import { knownEndpoints, nameOf } from './webhook-endpoints.js';
import { messageOnce, readMessage } from './webhook-messages.js';
import { STATUSES, instantOf } from './webhook-words.js';

const PATH = '/api/webhooks/messages';
const PAGE = 50;
/** @type {Record<string, string>} */
const FEEDBACK = { opened: 'Opened', clicked: 'Clicked', converted: 'Converted' };

const filters = find('filters', HTMLFormElement);
/** @type {string | null} */
let cursor = null;
let query = new URLSearchParams();
let turn = 0; // only what the newest filter found is shown

/** Read and show what a filter finds: its fields are those of the form. @param {URLSearchParams} wanted */
export async function showDeliveries(wanted) {
  query = wanted;
  filters.onsubmit = (event) => {
    event.preventDefault();
    const chosen = [...new FormData(filters)].map(([name, value]) => [name, String(value).trim()]);
    const address = `#deliveries?${new URLSearchParams(chosen.filter(([, value]) => value))}`;
    if (location.hash === address) told(load)();
    else location.hash = address;
  };
  filters.onreset = () => { location.hash = '#deliveries'; };
  find('more').onclick = told(more);
  find('process').onclick = told(process);
  await Promise.all([offerEndpoints(), offerTypes()]);
  writeFilters();
  await load();
}

async function offerEndpoints() {
  const options = (await knownEndpoints()).map(({ id }) => new Option(nameOf(id), id));
  find('by-endpoint').replaceChildren(new Option('Any', ''), ...options);
}

function writeFilters() {
  for (const element of filters.elements) {
    if (element instanceof HTMLInputElement || element instanceof HTMLSelectElement) {
      element.value = query.get(element.name) ?? '';
    }
  }
}

async function load() {
  find('delivery-rows').replaceChildren();
  cursor = null;
  await more();
}

async function more() {
  turn += 1;
  const asked = turn;
  const params = new URLSearchParams({ limit: String(PAGE) });
  for (const [name, value] of query) {
    const sent = name === 'from' || name === 'to' ? instantOf(value) : value;
    if (sent) params.set(name, sent);
  }
  if (cursor) params.set('cursor', cursor);
  find('more').toggleAttribute('disabled', true);
  try {
    const page = await call(`${PATH}?${params}`);
    if (asked !== turn) return;
    cursor = page.nextCursor;
    find('delivery-rows').append(...page.items.map(rowOf));
    summarize();
  } finally {
    find('more').toggleAttribute('disabled', false);
  }
}

function summarize() {
  const shown = find('delivery-rows').children.length;
  find('delivery-table').hidden = shown === 0;
  find('more').hidden = cursor === null;
  find('no-deliveries').hidden = shown > 0 || cursor !== null;
  find('no-deliveries').textContent = query.size ? 'No delivery matches.' : 'Nothing was delivered yet.';
  const others = cursor === null ? '' : ', and there may be more';
  find('announcement').textContent = `${counted(shown, 'delivery').replace('deliverys', 'deliveries')}${others}`;
}

/** @param {Message} message */
function rowOf(message) {
  const row = copy('delivery-row');
  write(row, message);
  return row;
}

/** An event is kept for 90 days, and a message as long. @param {Pick<Message, 'type' | 'sample'>} message */
const typeOf = ({ type, sample }) => `${type ?? 'forgotten'}${sample ? ' (sample)' : ''}`;

/** @param {HTMLElement} row @param {Message} message */
function write(row, message) {
  part(row, '.type').textContent = typeOf(message);
  part(row, '.subject').textContent = message.subject ?? '';
  part(row, '.to').textContent = nameOf(message.endpoint);
  label(part(row, '.badge'), message.status, STATUSES[message.status]);
  part(row, '.why').textContent = message.status === 'sent' ? '' : message.errorMessage ?? '';
  part(row, '.number').textContent = String(message.attempts);
  const time = part(row, 'time');
  time.textContent = when(message.createdAt);
  time.dateTime = message.createdAt;
  const button = part(row, 'button');
  button.setAttribute('aria-label', `Details of ${typeOf(message)} ${message.subject ?? ''} to ${nameOf(message.endpoint)}`);
  button.onclick = told(() => showDelivery(message.id, row));
}

async function process() {
  const { messages } = await call('/api/webhooks/process-queue', { method: 'POST', body: {} });
  say(messages ? `${counted(messages, 'message')} will be sent now.` : 'Nothing is due.');
}

// -- one delivery

/** @param {string} id @param {HTMLElement} row */
async function showDelivery(id, row) {
  draw(await readMessage(id), row);
  const dialog = open('delivery-dialog');
  note('');
  find('resend').onclick = inside(dialog, () => resend(id, row));
  find('erase').onclick = () => ask({
    title: 'Erase the content?',
    words: 'What the event says and what receivers answered is erased, for every endpoint. What was not sent yet is not sent any more.',
    button: 'Erase',
    danger: true,
  }, async () => {
    await call(`${PATH}/${id}/content`, { method: 'DELETE' });
    const erased = await readMessage(id);
    return () => draw(erased, row);
  });
}

/** @param {string} id @param {HTMLElement} row */
async function resend(id, row) {
  const before = (await readMessage(id)).attempts.length;
  await call(`${PATH}/${id}/resend`, { method: 'POST' });
  note('It is sent again. A receiver recognises it by the same webhook-id.');
  draw(await messageOnce(id, ({ attempts }) => attempts.length > before), row);
}

/** A handler that says in the dialog what goes wrong. @param {HTMLElement} dialog @param {() => Promise<void>} work */
const inside = (dialog, work) => () => work().catch((error) => {
  if (!(error instanceof ApiError)) throw error;
  showProblem(dialog, explained(error));
});

/** @param {string} words */
function note(words) {
  find('delivery-note').textContent = words;
  find('delivery-note').hidden = !words;
}

/** @param {MessageDetails} message @param {HTMLElement} row */
function draw(message, row) {
  drawDelivery(message);
  write(row, { ...message, attempts: message.attempts.length });
}

/** @param {MessageDetails} message */
function drawDelivery(message) {
  find('delivery-title').textContent = typeOf(message);
  find('delivery-facts').replaceChildren(...Object.entries({
    Status: STATUSES[message.status] + (message.errorMessage && message.status !== 'sent' ? `: ${message.errorMessage}` : ''),
    Endpoint: nameOf(message.endpoint),
    Subject: message.subject,
    'Number of its subject': message.sequence,
    Happened: when(message.createdAt),
    Sent: message.sentAt && when(message.sentAt),
    'Next attempt': message.dueAt && when(message.dueAt),
    Contact: contactOf(message.contact),
    Template: message.template,
    ...Object.fromEntries(Object.entries(message.feedback).map(([name, at]) => [FEEDBACK[name] ?? name, when(at)])),
    'webhook-id': message.id,
  }).flatMap(([name, value]) => (value === null || value === undefined ? [] : [fact(name, String(value))])));
  const erased = 'Somebody erased its content.';
  find('erase').hidden = message.erased;
  find('resend').hidden = message.erased;
  find('delivery-event').textContent = message.erased ? erased : JSON.stringify(message.data, null, 2);
  find('no-attempts').hidden = message.attempts.length > 0;
  fill(find('attempts'), 'attempt-item', message.attempts, drawAttempt);
}

/** @param {Contact | null} contact */
const contactOf = (contact) => contact && [contact.name, contact.email, contact.phone].filter(Boolean).join(', ');

/** @param {string} name @param {string} value */
function fact(name, value) {
  const pair = document.createElement('div');
  pair.append(text('dt', name, 'soft small'), text('dd', value));
  return pair;
}

/** @param {HTMLElement} item @param {Attempt} attempt */
function drawAttempt(item, { at, milliseconds, status, error, reason, response }) {
  part(item, 'strong').textContent = status ? `HTTP ${status}` : error ?? 'Sent';
  part(item, '.soft').textContent = `${when(at)} · ${milliseconds.toLocaleString('en-US')} ms`;
  part(item, '.reason').textContent = error ? `${error}${reason ? `: ${reason}` : ''}` : '';
  const body = part(item, 'pre');
  body.hidden = !response;
  body.textContent = response;
}
