/** What the webhooks' states are called, and how times are entered. */
import { counted, when } from './format.js';

/** @type {Record<string, string>} */
export const STATUSES = { pending: 'Pending', sent: 'Sent', failed: 'Failed', skipped: 'Skipped', held_out: 'Held out' };
/** @type {Record<string, string>} */
export const FORMATS = { standard: 'Standard Webhooks', source: 'Source', ghl: 'GoHighLevel' };
/** @type {Record<string, string>} */
const STATES = { active: 'Active', paused: 'Paused', disabled: 'Disabled' };

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
