/** A user's milestones, and what was sent of each: those see it who may see webhooks. */
import { call } from './api.js';
import { copy, find, label, part, text } from './dom.js';
import { count } from './format.js';
import { told } from './notes.js';
import { WEBHOOK_MODULES } from './pages.js';
import { allows } from './session.js';
import { at, nameOf, pathOf, shortDay } from './usage-words.js';
import { STATUSES } from './webhook-words.js';

const PAGE = 25;
const KEPT_FOR = 90 * 86_400_000; // messages of webhooks
/** The worst first: what a line says of several endpoints. @type {Message['status'][]} */
const WORST_FIRST = ['failed', 'pending', 'skipped', 'held_out', 'sent'];

/** @type {string | null} */
let cursor = null;
let shown = '';

/** Read and show them, the newest first. @param {User} user @param {Session} person */
export async function showMilestones({ id }, person) {
  shown = id;
  cursor = null;
  find('milestone-rows').replaceChildren();
  for (const each of ['milestone-table', 'no-milestones', 'more-milestones']) find(each).hidden = true;
  find('more-milestones').onclick = told(() => more(id, person));
  await more(id, person);
}

/** @param {string} id @param {Session} person */
async function more(id, person) {
  const params = new URLSearchParams({ limit: String(PAGE), ...(cursor ? { cursor } : {}) });
  find('more-milestones').toggleAttribute('disabled', true);
  try {
    /** @type {ListPage<UserMilestone>} */
    const page = await call(`${pathOf(id)}/milestones?${params}`);
    if (id !== shown) return;
    cursor = page.nextCursor;
    const rows = page.items.map((milestone) => ({ milestone, row: rowOf(milestone) }));
    find('milestone-rows').append(...rows.map(({ row }) => row));
    find('milestone-table').hidden = find('milestone-rows').children.length === 0;
    find('no-milestones').hidden = !find('milestone-table').hidden;
    find('more-milestones').hidden = cursor === null;
    await showSent(rows, person);
  } finally {
    find('more-milestones').toggleAttribute('disabled', false);
  }
}

/** @param {UserMilestone} milestone */
function rowOf(milestone) {
  const row = copy('milestone-row');
  part(row, '.name').textContent = nameOf(milestone);
  part(row, '.also').textContent = moreOf(milestone);
  const badge = part(row, '.badge');
  badge.hidden = !milestone.corrected && !milestone.revertedAt;
  label(badge, 'corrected', milestone.revertedAt ? 'Taken back' : 'Corrected');
  badge.title = milestone.revertedAt ? 'An operator took it back.' : 'A correction came after it. What was announced stays.';
  const time = part(row, 'time');
  time.textContent = at(milestone.achievedAt);
  time.dateTime = milestone.achievedAt;
  return row;
}

/** Which day it was, and what else was passed. @param {UserMilestone} milestone */
function moreOf({ type, period, streakDays, alsoPassed }) {
  const also = alsoPassed.map(({ label: passed }) => passed).join(', ');
  const day = type === 'daily_goal' ? shortDay(period) : '';
  const streak = type === 'daily_goal' && streakDays ? `day ${count(streakDays)} of a streak` : '';
  return [day, streak, also && `also passed ${also}`].filter(Boolean).join(', ');
}

/** @param {{milestone: UserMilestone, row: HTMLElement}[]} rows @param {Session} person */
async function showSent(rows, person) {
  const events = rows.map(({ milestone }) => milestone.event);
  const mayLook = allows(person, WEBHOOK_MODULES);
  const messages = mayLook && events.length ? await messagesOf(events) : [];
  for (const { milestone, row } of rows) {
    const cell = part(row, '.sent');
    const own = messages.filter(({ event }) => event === milestone.event);
    if (!mayLook) cell.textContent = 'Shown to people with the module webhooks';
    else if (own.length) cell.replaceChildren(linkTo(milestone, own));
    else if (Date.now() - Date.parse(milestone.achievedAt) > KEPT_FOR) cell.textContent = 'No longer kept';
    else cell.textContent = 'No endpoint wanted it';
    cell.classList.toggle('soft', !own.length);
  }
}

/** All messages of these events, of whichever endpoint. @param {string[]} events @returns {Promise<Message[]>} */
async function messagesOf(events) {
  /** @type {Message[]} */
  const found = [];
  /** @type {string | null} */
  let after = null;
  do {
    const params = new URLSearchParams({ limit: '100', event: events.join(','), ...(after ? { cursor: after } : {}) });
    const page = await call(`/api/webhooks/messages?${params}`);
    found.push(...page.items);
    after = page.nextCursor;
  } while (after);
  return found;
}

/** @param {UserMilestone} milestone @param {Message[]} messages */
function linkTo(milestone, messages) {
  const link = /** @type {HTMLAnchorElement} */ (text('a', ''));
  const worst = WORST_FIRST.find((status) => messages.some((message) => message.status === status)) ?? 'sent';
  const of = messages.length > 1 ? ` (${messages.filter(({ status }) => status === worst).length} of ${messages.length})` : '';
  link.href = `/webhooks#deliveries?${new URLSearchParams({ event: milestone.event })}`;
  label(link, worst, STATUSES[worst] + of);
  link.className = 'badge';
  link.setAttribute('aria-label', `${STATUSES[worst]}${of}: deliveries of ${nameOf(milestone)}`);
  return link;
}
