/** One user: totals beside this month's, today, streak, days, first uses, and milestones with what was sent of each. */
import { call, statusOf } from './api.js';
import { fill, find, text } from './dom.js';
import { count, month as monthName } from './format.js';
import { told } from './notes.js';
import { allows } from './session.js';
import { drawCalendar, firstDay } from './usage-calendar.js';
import { offerChanges } from './usage-changes.js';
import { showMilestones } from './usage-milestones.js';
import { at, daysOf, nextOf, pathOf, shortDay, spoken, titled, todayOf } from './usage-words.js';

let turn = 0; // only the user that was asked for last is shown

/** @param {URLSearchParams} query @param {Session} person */
export async function showUser(query, person) {
  const id = query.get('id') ?? '';
  turn += 1;
  const asked = turn;
  find('person').hidden = true;
  find('nobody').hidden = true;
  const user = await readUser(id);
  if (asked !== turn) return;
  find('nobody').hidden = user !== null;
  find('nobody').textContent = `There is no user ${id}.`;
  if (!user) return;
  drawUser(user);
  find('person').hidden = false;
  find('export').onclick = told(() => save(id));
  find('admin').hidden = !allows(person, ['admin']);
  find('user-title').focus();
  offerChanges(user, told(() => showUser(query, person)));
  const [days] = await Promise.all([readDays(user), showMilestones(user, person), showFreezes(id)]);
  if (asked === turn) drawCalendar(days, user.today.date);
}

/** All that is stored of a user, as a file. @param {string} id */
async function save(id) {
  const json = JSON.stringify(await call(`${pathOf(id)}/export`), null, 2);
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([json], { type: 'application/json' }));
  link.download = `${id.replace(/[^\w.-]+/g, '-')}.json`;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** null for one who is not known. @param {string} id @returns {Promise<User | null>} */
async function readUser(id) {
  try {
    return id ? await call(pathOf(id)) : null;
  } catch (error) {
    if (statusOf(error) === 404 || statusOf(error) === 400) return null;
    throw error;
  }
}

/** @param {User} user @returns {Promise<UsageDay[]>} */
async function readDays({ id, today }) {
  const range = new URLSearchParams({ from: firstDay(today.date), to: today.date });
  return (await call(`${pathOf(id)}/usage?${range}`)).items;
}

/** @param {User} user */
function drawUser(user) {
  find('user-title').textContent = user.name ?? user.id;
  find('user-id').textContent = `Id ${user.id}`;
  const attributes = Object.entries(user.attributes ?? {}).map(([name, value]) => [titled(name), value]);
  const facts = [
    ['E-mail', user.email],
    ['Phone', user.phone],
    ['Time zone', user.timeZone],
    ['With us', daysOf(user.daysWithUs)],
    ['Known since', user.createdAt && at(user.createdAt)],
    ['First reply', user.firstReplyAt && at(user.firstReplyAt)],
    ...attributes,
    ['As of', at(user.asOf)],
  ];
  find('user-facts').replaceChildren(...facts.flatMap(([name, value]) => {
    if (value === null || value === undefined || value === '') return [];
    const pair = document.createElement('div');
    pair.append(text('dt', String(name), 'soft small'), text('dd', String(value)));
    return [pair];
  }));
  drawSums(user);
  drawCounts(user);
  fill(find('features'), 'feature-item', user.features, (item, feature) => { item.textContent = spoken(feature); });
  find('no-features').hidden = user.features.length > 0;
}

/** @param {User} user */
function drawSums({ streakDays, streakBegan, today, dailyGoal, nextDailyGoal, freezes }) {
  find('streak').textContent = daysOf(streakDays);
  find('streak-note').textContent = streakBegan ? `since ${shortDay(streakBegan)}` : 'consecutive days';
  find('today').textContent = todayOf(today);
  find('today-note').textContent = today.goalAchieved ? `${shortDay(today.date)}, goal met` : shortDay(today.date);
  find('goal').textContent = dailyGoal === null ? 'None' : count(dailyGoal);
  find('goal-note').textContent = nextDailyGoal
    ? `${nextDailyGoal.dailyGoal === null ? 'none' : count(nextDailyGoal.dailyGoal)} from ${shortDay(nextDailyGoal.from)}`
    : '';
  find('freezes').textContent = count(freezes);
  find('freezes-note').textContent = 'one keeps the streak over a missed day';
}

/** Lifetime totals and those of the month stand side by side, each under its name. @param {User} user */
function drawCounts({ totals, month, today, firsts, near }) {
  const metrics = [...new Set([...Object.keys(totals), ...Object.keys(month.counts)])];
  find('month-title').textContent = `This month (${monthName(month.month)})`;
  find('no-counts').hidden = metrics.length > 0;
  fill(find('count-rows'), 'count-row', metrics, (row, metric) => {
    const next = near.find(({ type }) => type === metric);
    const { label, missing } = nextOf(next);
    const cells = [
      titled(metric),
      count(totals[metric] ?? 0),
      count(month.counts[metric] ?? 0),
      count(today.counts[metric] ?? 0),
      at(firsts[metric]),
      next ? `${label}: ${missing}` : '–',
    ];
    for (const [index, words] of cells.entries()) row.children[index].textContent = words;
  });
}

/** @param {string} id */
async function showFreezes(id) {
  /** @type {Freezes} */
  const { items } = await call(`${pathOf(id)}/freezes`);
  find('freeze-list').hidden = items.length === 0;
  fill(find('freeze-rows'), 'freeze-row', items, (row, { at: granted, count: number, reason, by }) => {
    for (const [index, words] of [at(granted), count(number), reason, by].entries()) row.children[index].textContent = words;
  });
}
