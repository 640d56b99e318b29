/** What administrators do with a user: freezes, goal and time zone, and erasing them. */
import { ApiError, call } from './api.js';
import { onSubmit, open } from './dialogs.js';
import { find } from './dom.js';
import { say } from './notes.js';
import { pathOf } from './usage-words.js';

/** Wire the buttons to this user; `changed` reads them again. @param {User} user @param {() => Promise<unknown>} changed */
export function offerChanges(user, changed) {
  find('grant').onclick = () => grant(user, changed);
  find('edit').onclick = () => edit(user, changed);
  find('erase').onclick = () => erase(user);
}

/** @param {string} id */
const input = (id) => find(id, HTMLInputElement);

/** @param {User} user @param {() => Promise<unknown>} changed */
function grant({ id }, changed) {
  open('freeze-dialog');
  const request = crypto.randomUUID(); // sent again, it grants nothing more
  input('freeze-count').value = '1';
  input('freeze-reason').value = '';
  onSubmit('freeze-dialog', async () => {
    const number = Number(input('freeze-count').value);
    const body = { count: number, reason: input('freeze-reason').value.trim(), id: request };
    await call(`${pathOf(id)}/freezes`, { method: 'POST', body });
    return () => changed().then(() => say(number === 1 ? 'A freeze is granted.' : `${number} freezes are granted.`));
  });
}

/** @param {User} user @param {() => Promise<unknown>} changed */
function edit(user, changed) {
  open('edit-dialog');
  const goal = user.nextDailyGoal ? user.nextDailyGoal.dailyGoal : user.dailyGoal;
  input('edit-goal').value = String(goal ?? '');
  input('edit-zone').value = user.timeZone;
  if (!find('zones').children.length) {
    find('zones').replaceChildren(...Intl.supportedValuesOf('timeZone').map((zone) => new Option(zone, zone)));
  }
  onSubmit('edit-dialog', async () => {
    const wanted = { dailyGoal: Number(input('edit-goal').value) || null, timeZone: input('edit-zone').value.trim() };
    const body = {
      ...(wanted.dailyGoal === goal ? {} : { dailyGoal: wanted.dailyGoal }),
      ...(wanted.timeZone === user.timeZone ? {} : { timeZone: wanted.timeZone }),
    };
    if (Object.keys(body).length) await call(pathOf(user.id), { method: 'PUT', body });
    return () => changed().then(() => say('Saved.'));
  });
}

/** It has to be confirmed with the id, since nothing brings the data back. @param {User} user */
function erase({ id, name }) {
  open('erase-dialog');
  find('erase-name').textContent = name ?? id;
  find('erase-label').textContent = `Type the id ${id} to confirm`;
  input('erase-id').value = '';
  onSubmit('erase-dialog', async () => {
    if (input('erase-id').value.trim() !== id) throw new ApiError(400, `That is not the id: it is ${id}`);
    await call(pathOf(id), { method: 'DELETE' });
    return () => {
      location.hash = '#users';
      addEventListener('hashchange', () => say(`${id} is erased. What was stored elsewhere follows within the hour.`), { once: true });
    };
  });
}
