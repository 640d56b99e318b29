/** How numbers and times are written. An unknown value is a dash, never a zero. */
const LANGUAGE = 'en-US';
const UNKNOWN = '–';
const TIME = new Intl.DateTimeFormat(LANGUAGE, {
  day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23',
});

/** @typedef {number | null | undefined} MaybeNumber */

/** @param {Intl.NumberFormatOptions} options */
const writer = (options) => {
  const format = new Intl.NumberFormat(LANGUAGE, options);
  return (/** @type {MaybeNumber} */ value) => (isNumber(value) ? format.format(value) : UNKNOWN);
};

/** @param {MaybeNumber} value @returns {value is number} */
const isNumber = (value) => typeof value === 'number' && Number.isFinite(value);

export const money = writer({ style: 'currency', currency: 'USD', maximumFractionDigits: 0 });
export const shortMoney = writer({ style: 'currency', currency: 'USD', notation: 'compact', maximumFractionDigits: 1 });
export const count = writer({ maximumFractionDigits: 0 });
const percentage = writer({ maximumFractionDigits: 0 });
const change = writer({ maximumFractionDigits: 1, signDisplay: 'exceptZero' });

/** 82.4 is 82%: rounded down, so that nothing short of the goal reads as 100%. @param {MaybeNumber} value */
export const percent = (value) => (typeof value === 'number' ? `${percentage(Math.floor(value))}%` : UNKNOWN);
/** @param {MaybeNumber} value */
export const growth = (value) => (typeof value === 'number' ? `${change(value)}%` : UNKNOWN);

/** `2026-11` is November 2026. @param {string | null} period */
export function month(period) {
  const [year, number] = String(period).split('-').map(Number);
  const first = new Date(Date.UTC(year, number - 1, 1));
  if (Number.isNaN(first.getTime())) return '';
  return new Intl.DateTimeFormat(LANGUAGE, { month: 'long', year: 'numeric', timeZone: 'UTC' }).format(first);
}

/** Hours and minutes in the sales floor's time zone. @param {Date | number} instant @param {string} [timeZone] */
export function clock(instant, timeZone) {
  const format = new Intl.DateTimeFormat(LANGUAGE, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone });
  return format.format(instant);
}

/** @param {Date | number} instant @param {string} [timeZone] */
export function day(instant, timeZone) {
  return new Intl.DateTimeFormat(LANGUAGE, { weekday: 'long', day: 'numeric', month: 'long', timeZone }).format(instant);
}

/** The month of an instant, such as `2026-11`. @param {Date | number} instant @param {string} [timeZone] */
export function period(instant, timeZone) {
  const parts = new Intl.DateTimeFormat(LANGUAGE, { year: 'numeric', month: '2-digit', timeZone }).formatToParts(instant);
  const value = (/** @type {string} */ wanted) => parts.find(({ type }) => type === wanted)?.value;
  return `${value('year')}-${value('month')}`;
}

/** An instant in the reader's time zone; a dash for none. @param {string | null | undefined} instant */
export const when = (instant) => (instant ? TIME.format(new Date(instant)) : UNKNOWN);

/** `1 message`, `1,204 messages`. @param {number} number @param {string} noun */
export const counted = (number, noun) => `${count(number)} ${noun}${number === 1 ? '' : 's'}`;

/** At most two letters, in place of a missing picture. @param {string | null | undefined} name */
export function initials(name) {
  const words = String(name ?? '').trim().split(/\s+/).filter(Boolean);
  const ends = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return ends.map((word) => letters(word)[0]).join('').toUpperCase();
}

/** A text's characters as people count them: 👩‍🚀 is one. @param {string} text */
export function letters(text) {
  return [...new Intl.Segmenter(LANGUAGE).segment(String(text))].map(({ segment }) => segment);
}
