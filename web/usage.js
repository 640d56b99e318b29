/** Product usage: who the users are, what one has done and reached, and what all do together. */
import { patiently } from './api.js';
import { find, part } from './dom.js';
import { failed, say, told } from './notes.js';
import { USAGE_MODULES } from './pages.js';
import { requireSession } from './require-sign-in.js';
import { keepSession } from './session.js';
import { showTotals } from './usage-totals.js';
import { showUser } from './usage-user.js';
import { showUsers } from './usage-users.js';

/** @type {Record<string, (query: URLSearchParams, person: Session) => Promise<void>>} */
const VIEWS = { users: showUsers, user: showUser, totals: showTotals };

const person = await patiently(() => requireSession(USAGE_MODULES), ({ message }) => say(`${message}. Trying again …`))
  .catch(failed);
if (person) {
  say('');
  keepSession(person);
  addEventListener('hashchange', told(() => show(person)));
  await told(show)(person);
}

/** The view that the address names: `#users?goal=true`, `#user?id=ada`. @param {Session} person */
async function show(person) {
  const [name, query] = location.hash.slice(1).split('?');
  const view = name in VIEWS ? name : 'users';
  for (const each of Object.keys(VIEWS)) find(each).hidden = each !== view;
  for (const [link, views] of Object.entries({ users: ['users', 'user'], totals: ['totals'] })) {
    const element = part(document, `.views a[href="#${link}"]`);
    if (views.includes(view)) element.setAttribute('aria-current', 'page');
    else element.removeAttribute('aria-current');
  }
  say('');
  await VIEWS[view](new URLSearchParams(query), person);
}
