/** The front door: what is here, and for whom. */
import { mayLead, session } from './api.js';
import { leave } from './shell.js';

const me = await session().catch(() => null);
document.getElementById('signed-out').hidden = Boolean(me);
if (me) {
  const who = document.getElementById('who');
  who.querySelector('[data-name]').textContent = me.name;
  who.querySelector('[data-sign-out]').addEventListener('click', leave);
  who.hidden = false;
  document.getElementById('without').hidden = mayLead(me);
}
