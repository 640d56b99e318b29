/** How numbers and instants are written. What is unknown is a dash, never a zero. */
const LANGUAGE = 'en-US';
const UNKNOWN = '–';

const writer = (options) => {
  const format = new Intl.NumberFormat(LANGUAGE, options);
  return (value) => (typeof value === 'number' && Number.isFinite(value) ? format.format(value) : UNKNOWN);
};

export const money = writer({ style: 'currency', currency: 'USD', maximumFractionDigits: 0 });
export const shortMoney = writer({ style: 'currency', currency: 'USD', notation: 'compact', maximumFractionDigits: 1 });
export const count = writer({ maximumFractionDigits: 0 });
const percentage = writer({ maximumFractionDigits: 0 });
const change = writer({ maximumFractionDigits: 1, signDisplay: 'exceptZero' });

/** 82.4 is 82%: rounded down, so that nothing short of the goal reads as 100%. */
export const percent = (value) => (typeof value === 'number' ? `${percentage(Math.floor(value))}%` : UNKNOWN);
export const growth = (value) => (typeof value === 'number' ? `${change(value)}%` : UNKNOWN);

/** `2026-11` is November 2026. */
export function month(period) {
  const [year, number] = String(period).split('-').map(Number);
  const first = new Date(Date.UTC(year, number - 1, 1));
  if (Number.isNaN(first.getTime())) return '';
  return new Intl.DateTimeFormat(LANGUAGE, { month: 'long', year: 'numeric', timeZone: 'UTC' }).format(first);
}

/** Hours and minutes in the sales floor's own time zone. */
export function clock(instant, timeZone) {
  const parts = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };
  return new Intl.DateTimeFormat(LANGUAGE, { ...parts, timeZone }).format(instant);
}

export function day(instant, timeZone) {
  return new Intl.DateTimeFormat(LANGUAGE, { weekday: 'long', day: 'numeric', month: 'long', timeZone }).format(instant);
}

/** The month that an instant lies in, as `2026-11`. */
export function period(instant, timeZone) {
  const parts = new Intl.DateTimeFormat(LANGUAGE, { year: 'numeric', month: '2-digit', timeZone }).formatToParts(instant);
  const part = (type) => parts.find((one) => one.type === type).value;
  return `${part('year')}-${part('month')}`;
}

/** At most two letters for a name without a picture. */
export function initials(name) {
  const words = String(name ?? '').trim().split(/\s+/).filter(Boolean);
  const ends = words.length > 1 ? [words[0], words.at(-1)] : words;
  return ends.map((word) => letters(word)[0]).join('').toUpperCase();
}

/** A text's characters as people count them: 👩‍🚀 is one. */
export function letters(text) {
  return [...new Intl.Segmenter(LANGUAGE).segment(String(text))].map(({ segment }) => segment);
}
