/** The button Sync Data: starts a full sync, or joins the one that runs, and says how far it is. */
import { ApiError, call, statusOf } from './api.js';
import { find } from './dom.js';
import { counted } from './format.js';
import { explained } from './forms.js';

const ASK_EVERY = 1_000;
const ASK_AT_LEAST_EVERY = 8_000;
const NAMED = 3; // failures that are named; the rest are counted

const button = find('sync');
const box = find('sync-progress');
const bar = find('sync-bar', HTMLProgressElement);
/** @type {string | null} */
let followed = null;

/** @param {string} path */
const pathOf = (path) => `/api/analytics/sync${path}`;

/** Show a sync that runs already, and make the button start one. `creator` says of whom, '' of all. @param {{creator: () => string, done: () => void}} options */
export async function offerSync({ creator, done }) {
  button.onclick = () => press(creator(), done);
  try {
    const last = await call(pathOf(''));
    if (last?.state === 'running') follow(last, done);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error; // there was none yet, or the next press says what is wrong
  }
}

/** @param {string} creatorId @param {() => void} done */
async function press(creatorId, done) {
  if (button.hasAttribute('disabled')) return;
  button.toggleAttribute('disabled', true);
  say('Starting …');
  try {
    const run = await call(pathOf(''), { method: 'POST', body: creatorId ? { creatorId } : {} });
    follow(run, done);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    end(`The sync could not be started: ${explained(error)}`, true);
  } finally {
    button.toggleAttribute('disabled', false); // a press while one runs joins it
  }
}

/** Ask how far it is until it is done. @param {SyncRun} run @param {() => void} done */
async function follow(run, done) {
  show(run);
  if (followed === run.id) return;
  followed = run.id;
  let last = run;
  for (let wait = ASK_EVERY; last.state === 'running' && followed === run.id; wait = Math.min(ASK_AT_LEAST_EVERY, wait * 1.3)) {
    await new Promise((resolve) => { setTimeout(resolve, wait); });
    try {
      last = await call(pathOf(`/${run.id}`));
      if (last.state === 'running') show({ ...last, joined: run.joined });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (statusOf(error) === 404) break;
      say(`Cannot see how far the sync is: ${explained(error)} Trying again …`);
    }
  }
  if (followed !== run.id) return;
  followed = null;
  end(last.state === 'done' ? outcome(last) : 'The sync is no longer known.', last.creators.failed > 0);
  done();
}

/** @param {SyncRun} run */
function show({ joined, creators: { total, done, failed, skipped } }) {
  box.hidden = false;
  bar.hidden = false;
  bar.max = Math.max(total, 1);
  bar.value = done + failed + skipped;
  say(`${joined ? 'A sync was running already. ' : ''}${done + failed + skipped} of ${counted(total, 'creator')} done${failed ? `, ${failed} failed` : ''} …`);
}

/** @param {SyncRun} run */
function outcome({ creators: { total, done, skipped }, errors }) {
  const named = errors.slice(0, NAMED).map(({ name, message }) => `${name}: ${message}`);
  const rest = errors.length - named.length;
  return [
    total === 0 ? 'There is no creator to sync.' : `Synced ${done} of ${counted(total, 'creator')}.`,
    skipped ? `${counted(skipped, 'creator')} had just been synced or had to wait.` : '',
    ...(errors.length ? [`Failed: ${named.join('; ')}${rest > 0 ? `; and ${rest} more` : ''}.`] : []),
  ].filter(Boolean).join(' ');
}

/** @param {string} words @param {boolean} alarm */
function end(words, alarm) {
  say(words);
  bar.hidden = true;
  box.classList.toggle('alarm', alarm);
}

/** @param {string} words */
function say(words) {
  box.hidden = false;
  box.classList.remove('alarm');
  find('sync-words').textContent = words;
}
