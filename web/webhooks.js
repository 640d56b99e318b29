/** Webhooks: who is told of which events, what was delivered, and what a receiver needs to know. */
import { patiently } from './api.js';
import { find, part } from './dom.js';
import { failed, say, told } from './notes.js';
import { WEBHOOK_MODULES } from './pages.js';
import { requireSession } from './require-sign-in.js';
import { keepSession } from './session.js';
import { showCatalogue } from './webhook-catalogue.js';
import { showDeliveries } from './webhook-deliveries.js';
import { showEndpoints } from './webhook-endpoints.js';

/** @type {Record<string, (query: URLSearchParams) => Promise<void>>} */
const VIEWS = { endpoints: showEndpoints, deliveries: showDeliveries, catalogue: showCatalogue };

const person = await patiently(() => requireSession(WEBHOOK_MODULES), ({ message }) => say(`${message}. Trying again …`))
  .catch(failed);
if (person) {
  say('');
  keepSession(person);
  addEventListener('hashchange', told(show));
  await told(show)();
}

/** The view that the address names: `#deliveries?status=failed`. */
async function show() {
  const [name, query] = location.hash.slice(1).split('?');
  const view = name in VIEWS ? name : 'endpoints';
  for (const each of Object.keys(VIEWS)) {
    find(each).hidden = each !== view;
    const link = part(document, `.views a[href="#${each}"]`);
    if (each === view) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  say('');
  await VIEWS[view](new URLSearchParams(query));
}
