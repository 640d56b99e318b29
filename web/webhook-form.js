/** The form in which an endpoint is made and edited. */
import { call } from './api.js';
import { onSubmit, open } from './dialogs.js';
import { copy, find, part, text } from './dom.js';
import { eventTypes } from './webhook-catalogue.js';

const PATH = '/api/webhooks/endpoints';
/** @type {Record<string, string>} */
const HELP = {
  standard: 'For receivers of your own: the whole event, signed by Standard Webhooks.',
  source: 'What older receivers know, signed as well. They often want an Authorization header.',
  ghl: 'For a GoHighLevel inbound trigger: every field always there. Its address is its secret.',
};

/** @param {string} id */
const input = (id) => find(id, HTMLInputElement);
/** @param {string} name */
const radio = (name) => /** @type {HTMLInputElement} */ (part(document, `[name="which"][value="${name}"]`));

/**
 * Open the form, empty for a new endpoint; `saved` gets what the API answers.
 * @param {Endpoint | null} endpoint @param {(endpoint: Endpoint) => void} saved
 */
export async function editEndpoint(endpoint, saved) {
  const types = (await eventTypes()).map(({ type }) => type);
  write(endpoint, types);
  open('form-dialog');
  onSubmit('form-dialog', async () => {
    const body = { ...read(endpoint), ...(endpoint ? { version: endpoint.version } : {}) };
    const path = endpoint ? `${PATH}/${endpoint.id}` : PATH;
    const made = await call(path, { method: endpoint ? 'PATCH' : 'POST', body });
    return () => saved(made);
  });
}

/** @param {Endpoint | null} endpoint @param {string[]} types */
function write(endpoint, types) {
  find('endpoint-form', HTMLFormElement).reset();
  find('form-title').textContent = endpoint ? 'Edit endpoint' : 'New endpoint';
  input('url').required = !endpoint;
  input('url').value = endpoint && endpoint.format !== 'ghl' ? endpoint.url : '';
  const hidden = 'The address is a secret and not shown. Leave it empty to keep it.';
  find('url-help').textContent = endpoint?.format === 'ghl' ? hidden : 'https, and reachable from the internet.';
  input('description').value = endpoint?.description ?? '';
  writeFormat(endpoint?.format ?? 'standard');
  writeEvents(endpoint?.events ?? ['*'], types);
  find('conditions').replaceChildren();
  for (const [path, wanted] of Object.entries(endpoint?.filter ?? {})) {
    for (const [operator, value] of Object.entries(wanted)) addCondition(path, operator, value);
  }
  find('add-condition').onclick = () => addCondition('', 'eq', '').focus();
  find('headers').replaceChildren();
  for (const name of endpoint?.headers ?? []) addHeader(name);
  find('add-header').onclick = () => addHeader('').focus();
  input('rate-limit').value = String(endpoint?.rateLimit ?? '');
  input('hold-out').value = String(endpoint?.holdOut || '');
  input('owner').value = endpoint?.owner ?? '';
  input('contact-name').value = endpoint?.defaultContact?.name ?? '';
  input('contact-email').value = endpoint?.defaultContact?.email ?? '';
  input('contact-phone').value = endpoint?.defaultContact?.phone ?? '';
  part(find('endpoint-form'), 'details').open = false;
}

/** @param {string} chosen */
function writeFormat(chosen) {
  const format = find('format', HTMLSelectElement);
  format.value = chosen;
  const explain = () => { find('format-help').textContent = HELP[format.value]; };
  format.onchange = explain;
  explain();
}

/** @param {string[]} events @param {string[]} types */
function writeEvents(events, types) {
  const all = events.includes('*');
  find('event-choices').replaceChildren(...types.map((type) => choice(type, events.includes(type))));
  input('own-types').value = events.filter((type) => type !== '*' && !types.includes(type)).join(', ');
  for (const name of ['all', 'some']) {
    radio(name).checked = (name === 'all') === all;
    radio(name).onchange = () => { find('some').hidden = radio('all').checked; };
  }
  find('some').hidden = all;
}

/** @param {string} type @param {boolean} checked */
function choice(type, checked) {
  const label = text('label', '', 'choice');
  const box = document.createElement('input');
  Object.assign(box, { type: 'checkbox', name: 'type', value: type, checked });
  label.append(box, text('code', type));
  return label;
}

/** @param {string} path @param {string} operator @param {unknown} value */
function addCondition(path, operator, value) {
  const row = copy('condition-row');
  const [pathField, valueField] = row.querySelectorAll('input');
  pathField.value = path;
  part(row, 'select').value = operator;
  valueField.value = written(value);
  addRow('conditions', row);
  return pathField;
}

/** A header that the endpoint has keeps its value while the field is empty. @param {string} name */
function addHeader(name) {
  const row = copy('header-row');
  const [nameField, valueField] = row.querySelectorAll('input');
  nameField.value = name;
  nameField.readOnly = Boolean(name);
  if (name) valueField.placeholder = 'Unchanged';
  addRow('headers', row);
  return nameField;
}

/** @param {string} list @param {HTMLElement} row */
function addRow(list, row) {
  part(row, '[data-remove]').onclick = () => {
    row.remove();
    find(`add-${list === 'headers' ? 'header' : 'condition'}`).focus();
  };
  find(list).append(row);
}

/** The body of the request. @param {Endpoint | null} endpoint */
function read(endpoint) {
  const url = input('url').value.trim();
  return {
    ...(url && url !== endpoint?.url ? { url } : {}),
    description: input('description').value.trim(),
    format: find('format', HTMLSelectElement).value,
    events: readEvents(),
    filter: readFilter(),
    headers: readHeaders(endpoint),
    rateLimit: numberOf('rate-limit'),
    holdOut: numberOf('hold-out') ?? 0,
    owner: input('owner').value.trim() || null,
    defaultContact: readContact(),
  };
}

function readEvents() {
  if (radio('all').checked) return ['*'];
  const chosen = [...find('event-choices').querySelectorAll('input')].filter(({ checked }) => checked);
  return [...chosen.map(({ value }) => value), ...input('own-types').value.split(/[\s,]+/).filter(Boolean)];
}

function readFilter() {
  /** @type {Record<string, Record<string, unknown>>} */
  const filter = {};
  for (const row of find('conditions').children) {
    const [path, value] = row.querySelectorAll('input');
    const operator = part(row, 'select').value;
    if (!path.value.trim()) continue;
    filter[path.value.trim()] = { ...filter[path.value.trim()], [operator]: typedValue(operator, value.value) };
  }
  return filter;
}

/** Values that were typed, and null for the headers that were removed. @param {Endpoint | null} endpoint */
function readHeaders(endpoint) {
  /** @type {Record<string, string | null>} */
  const headers = Object.fromEntries((endpoint?.headers ?? []).map((name) => [name, null]));
  for (const row of find('headers').children) {
    const [name, value] = row.querySelectorAll('input');
    if (value.value) headers[name.value.trim()] = value.value;
    else delete headers[name.value.trim()];
  }
  return headers;
}

function readContact() {
  const [name, email, phone] = ['name', 'email', 'phone'].map((field) => input(`contact-${field}`).value.trim() || null);
  return name || email || phone ? { name, email, phone } : null;
}

/** @param {string} id */
const numberOf = (id) => (input(id).value ? Number(input(id).value) : null);

/**
 * A value as it is typed: a text in quotes is a text, and what looks like JSON is that.
 * @param {unknown} value @returns {string}
 */
function written(value) {
  if (Array.isArray(value)) return value.map(written).join(', ');
  return typeof value === 'string' && parsed(value) === value ? value : JSON.stringify(value);
}

/** @param {string} operator @param {string} typed */
function typedValue(operator, typed) {
  if (operator === 'in') return typed.split(',').map((one) => parsed(one.trim()));
  return operator === 'exists' && !typed.trim() ? true : parsed(typed.trim());
}

/** @param {string} typed */
function parsed(typed) {
  try {
    const value = JSON.parse(typed);
    return value !== null && typeof value === 'object' ? typed : value;
  } catch {
    return typed;
  }
}
