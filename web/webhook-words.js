/** What the webhooks' states are called, and how times are written. */
import { text } from './dom.js';

/** @type {Record<string, string>} */
export const STATUSES = { pending: 'Pending', sent: 'Sent', failed: 'Failed', skipped: 'Skipped', held_out: 'Held out' };
/** @type {Record<string, string>} */
export const FORMATS = { standard: 'Standard Webhooks', source: 'Source', ghl: 'GoHighLevel' };
/** @type {Record<string, string>} */
const STATES = { active: 'Active', paused: 'Paused', disabled: 'Disabled' };
const TIME = new Intl.DateTimeFormat('en-US', {
  day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23',
});

/** An instant in the reader's time zone; a dash for none. @param {string | null | undefined} instant */
export const when = (instant) => (instant ? TIME.format(new Date(instant)) : '–');

/** `1 message`, `1,204 messages`. @param {number} number @param {string} noun */
export const counted = (number, noun) => `${number.toLocaleString('en-US')} ${noun}${number === 1 ? '' : 's'}`;

/** 340 ms, 2.1 s, 3 min, 5 h. @param {number} milliseconds */
export function duration(milliseconds) {
  if (milliseconds < 1000) return `${milliseconds} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return milliseconds < 3_600_000 ? `${Math.round(milliseconds / 60_000)} min` : `${Math.round(milliseconds / 3_600_000)} h`;
}

/** What `datetime-local` has, as an instant for the API; null for what is none. @param {string} value */
export function instantOf(value) {
  const instant = new Date(value);
  return Number.isNaN(instant.getTime()) ? null : instant.toISOString();
}

/** An instant as `datetime-local` has it. @param {Date} instant */
export function localOf(instant) {
  const shifted = new Date(instant.getTime() - instant.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 16);
}

/** Whether an endpoint is well, in a word and a sentence. @param {Endpoint} endpoint */
export function healthOf({ state, stateReason, health }) {
  if (state !== 'active') return { mood: state, word: STATES[state], words: stateReason };
  if (!health.failures) return { mood: 'well', word: 'Active', words: '' };
  const since = `${counted(health.failures, 'attempt')} failed since ${when(health.failingSince)}: ${health.lastError}.`;
  const next = health.openUntil && Date.parse(health.openUntil) > Date.now()
    ? ` Nothing is sent before ${when(health.openUntil)}; then one attempt finds out whether it is back.` : '';
  return { mood: 'failing', word: 'Failing', words: since + next };
}

/** A small label with a state. @param {HTMLElement} badge @param {string} mood @param {string} word */
export function label(badge, mood, word) {
  badge.dataset.mood = mood;
  badge.replaceChildren(text('span', word));
}
