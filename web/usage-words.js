/** How users, their days and their counts are written. */
import { count } from './format.js';

const LANGUAGE = 'en-US';
const DAY = new Intl.DateTimeFormat(LANGUAGE, { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' });
const LONG_DAY = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: 'full', timeZone: 'UTC' });
const INSTANT = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: 'medium', timeStyle: 'short', hourCycle: 'h23' });

/** An instant of any year, in the reader's time zone; a dash for none. @param {string | null | undefined} instant */
export const at = (instant) => (instant ? INSTANT.format(new Date(instant)) : '–');

/** The path of a user in the API. @param {string} id */
export const pathOf = (id) => `/api/users/${encodeURIComponent(id)}`;

/** A local date such as `2026-11-24`, which lies in no time zone. @param {string} date */
export const shortDay = (date) => DAY.format(new Date(`${date}T00:00:00Z`));

/** @param {string} date */
export const longDay = (date) => LONG_DAY.format(new Date(`${date}T00:00:00Z`));

/** `write_like_me` is `write like me`. @param {string} name */
export const spoken = (name) => name.replaceAll('_', ' ');

/** `Replies` @param {string} name */
export const titled = (name) => spoken(name).replace(/^./u, (letter) => letter.toUpperCase());

/** `12 replies, 1 meme`; empty where nothing was counted. @param {Counts} counts */
export const countsOf = (counts) => Object.entries(counts)
  .filter(([, number]) => number)
  .map(([metric, number]) => `${count(number)} ${singular(spoken(metric), number)}`)
  .join(', ');

/** `1 reply`. @param {string} noun @param {number} number */
function singular(noun, number) {
  if (Math.abs(number) !== 1 || !noun.endsWith('s')) return noun;
  return noun.endsWith('ies') ? `${noun.slice(0, -3)}y` : noun.slice(0, -1);
}

/** `1 day`, `12 days`. @param {number} days */
export const daysOf = (days) => `${count(days)} ${days === 1 ? 'day' : 'days'}`;

/**
 * What is reached: `100 replies`, `Daily goal of 3`, `First use of research`, `A streak of 7 days`, `30 days with us`.
 * @param {{type: string, label: string, threshold: number, period?: string}} milestone
 */
export function nameOf({ type, label, threshold, period }) {
  if (type === 'daily_goal') return `Daily goal of ${count(threshold)}`;
  if (type === 'feature') return `First use of ${spoken(period ?? '')}`;
  if (type === 'streak') return `A streak of ${label}`;
  if (type === 'days_with_us') return `${label} with us`;
  return `${label} ${singular(spoken(type), threshold)}`;
}

/** What lies closest ahead, in two parts. @param {Near | undefined} near */
export function nextOf(near) {
  if (!near) return { label: '–', missing: '' };
  return { label: nameOf(near), missing: `${count(near.missing)} to go` };
}

/** What was counted and what was imported, together. @param {Pick<UsageDay, 'counts' | 'imported'>} day @returns {Counts} */
export function allOf({ counts, imported }) {
  const sum = { ...counts };
  for (const [metric, number] of Object.entries(imported)) sum[metric] = (sum[metric] ?? 0) + number;
  return sum;
}

/** `3 of 5`; without a goal, what was counted. @param {Today} today */
export const todayOf = ({ goalCount, dailyGoal, counts }) => (dailyGoal === null
  ? countsOf(counts) || 'Nothing yet' : `${count(goalCount)} of ${count(dailyGoal)}`);

/** How a user's day is called: `met`, `frozen`, `missed`, `counted`, `none`. @param {UsageDay} day @param {string} today */
export function moodOf(day, today) {
  const { date, dailyGoal, goalAchieved, frozen } = day;
  if (goalAchieved) return 'met';
  if (frozen) return 'frozen';
  if (dailyGoal !== null && date < today) return 'missed';
  return countsOf(allOf(day)) ? 'counted' : 'none';
}

/** What is said of the goal of a day. @param {UsageDay} day @param {string} today */
export function goalWords(day, today) {
  const goal = day.dailyGoal === null ? '' : ` of ${count(day.dailyGoal)}`;
  const words = { met: `Goal${goal} met`, frozen: 'Frozen', missed: `Goal${goal} missed` };
  return { ...words, counted: day.dailyGoal === null ? '' : `Goal${goal} not met yet`, none: '' }[moodOf(day, today)];
}
