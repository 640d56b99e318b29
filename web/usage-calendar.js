/** A year of a user's days as a grid: weeks from left to right, weekdays from top to bottom, each day with its name. */
import { fill, find, text } from './dom.js';
import { count } from './format.js';
import { allOf, countsOf, goalWords, longDay, moodOf, shortDay } from './usage-words.js';

const DAY = 86_400_000;
const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const MONTH = new Intl.DateTimeFormat('en-US', { month: 'short', timeZone: 'UTC' });
const LEVELS = 4;
const WEEKS = 53;
/** How far a key moves, in days. @type {Record<string, number>} */
const MOVES = { ArrowUp: -1, ArrowDown: 1, ArrowLeft: -7, ArrowRight: 7, PageUp: -28, PageDown: 28 };

/** @param {string} date @param {number} days */
export const addDays = (date, days) => new Date(Date.parse(`${date}T00:00:00Z`) + days * DAY).toISOString().slice(0, 10);

/** The first day of the grid that ends with `today`: a Monday. @param {string} today */
export function firstDay(today) {
  const weekday = (new Date(`${today}T00:00:00Z`).getUTCDay() + 6) % 7;
  return addDays(today, -weekday - 7 * (WEEKS - 1));
}

/**
 * Every date from `first` to `last`, with what is known of it. A day on which nothing was done has no goal of its own: it
 * gets that of the day before, so that it is one whose goal was missed.
 * @param {UsageDay[]} known @param {string} first @param {string} last @returns {UsageDay[]}
 */
export function everyDay(known, first, last) {
  const byDate = new Map(known.map((day) => [day.date, day]));
  /** @type {UsageDay[]} */
  const days = [];
  /** @type {number | null} */
  let goal = null;
  for (let date = first; date <= last; date = addDays(date, 1)) {
    /** @type {UsageDay} */
    const day = byDate.get(date) ?? {
      date, counts: {}, imported: {}, goalCount: 0, dailyGoal: null, goalAchieved: false, frozen: false, counted: false,
    };
    if (sumOf(day) || day.dailyGoal !== null) goal = day.dailyGoal;
    else day.dailyGoal = goal;
    days.push(day);
  }
  return days;
}

/** Draw the year that ends today. @param {UsageDay[]} known @param {string} today */
export function drawCalendar(known, today) {
  const days = everyDay(known, firstDay(today), today);
  const most = Math.max(1, ...days.map(sumOf));
  const cells = new Map(days.map((day) => [day.date, cellOf(day, most, today)]));
  const table = find('calendar');
  table.replaceChildren(headOf(days[0].date), bodyOf(days[0].date, cells));
  find('day').textContent = wordsOf(days[days.length - 1], today);
  table.onkeydown = (event) => move(event, cells, today);
  const scroll = find('calendar-scroll');
  scroll.scrollLeft = scroll.scrollWidth; // today is at the right end
  drawList(days, today);
}

/** @param {UsageDay} day */
const sumOf = (day) => Object.values(allOf(day)).reduce((sum, number) => sum + Math.max(0, number), 0);

/** What is said of a day. @param {UsageDay} day @param {string} today */
export function wordsOf(day, today) {
  const name = `${longDay(day.date)}${day.date === today ? ' (today)' : ''}`;
  return [name, [countsOf(allOf(day)) || 'nothing', goalWords(day, today)].filter(Boolean).join('. ')].join(': ');
}

/** @param {UsageDay} day @param {number} most @param {string} today */
function cellOf(day, most, today) {
  const cell = document.createElement('td');
  const mark = document.createElement('span');
  const sum = sumOf(day);
  mark.className = 'mark';
  if (sum) mark.dataset.level = String(Math.max(1, Math.ceil((sum / most) * LEVELS)));
  mark.dataset.mood = moodOf(day, today);
  cell.append(mark);
  cell.setAttribute('role', 'gridcell');
  cell.setAttribute('aria-label', wordsOf(day, today));
  cell.title = wordsOf(day, today);
  cell.dataset.date = day.date;
  cell.tabIndex = day.date === today ? 0 : -1;
  cell.onclick = () => cell.focus();
  cell.onfocus = () => { find('day').textContent = wordsOf(day, today); };
  return cell;
}

/** The months, each above the week in which it begins. @param {string} first */
function headOf(first) {
  const head = document.createElement('thead');
  const row = head.insertRow();
  row.setAttribute('role', 'row');
  row.append(unseen(named('Weekday', 'col')));
  /** @type {HTMLTableCellElement | null} */
  let month = null;
  for (let week = 0; week < WEEKS; week += 1) {
    const monday = addDays(first, 7 * week);
    if (!month || Number(monday.slice(8)) <= 7) {
      month = named(MONTH.format(new Date(`${monday}T00:00:00Z`)), 'col');
      row.append(month);
    } else {
      month.colSpan += 1;
    }
  }
  for (const each of row.cells) if (each.colSpan < 2) unseen(each); // there is no room for a word
  return head;
}

/** Its words for screen readers alone. @param {HTMLElement} element */
function unseen(element) {
  element.replaceChildren(text('span', element.textContent, 'unseen'));
  return element;
}

/** @param {string} words @param {string} scope */
function named(words, scope) {
  const made = document.createElement('th');
  made.scope = scope;
  made.setAttribute('role', scope === 'col' ? 'columnheader' : 'rowheader');
  made.textContent = words;
  return made;
}

/** @param {string} first @param {Map<string, HTMLElement>} cells */
function bodyOf(first, cells) {
  const body = document.createElement('tbody');
  for (const [weekday, name] of WEEKDAYS.entries()) {
    const row = body.insertRow();
    row.setAttribute('role', 'row');
    row.append(named(name, 'row'));
    for (let week = 0; week < WEEKS; week += 1) {
      const cell = cells.get(addDays(first, 7 * week + weekday));
      if (cell) row.append(cell);
    }
  }
  return body;
}

/** One day is in the order of tab keys: that which was focused last. @param {KeyboardEvent} event @param {Map<string, HTMLElement>} cells @param {string} today */
function move(event, cells, today) {
  const from = /** @type {HTMLElement} */ (event.target);
  const date = from.dataset.date;
  if (!date || event.ctrlKey || event.metaKey || event.altKey) return;
  const dates = [...cells.keys()];
  const ends = { Home: dates[0], End: today };
  const wanted = event.key in ends ? ends[/** @type {'Home' | 'End'} */ (event.key)] : addDays(date, MOVES[event.key] ?? 0);
  const to = cells.get(wanted);
  if (!(event.key in MOVES || event.key in ends)) return;
  event.preventDefault();
  if (!to || to === from) return;
  from.tabIndex = -1;
  to.tabIndex = 0;
  to.focus();
  to.scrollIntoView({ block: 'nearest', inline: 'nearest' });
}

/** The days on which something was counted or frozen, the newest first. @param {UsageDay[]} days @param {string} today */
function drawList(days, today) {
  const shown = days.filter((day) => sumOf(day) || day.frozen).reverse();
  find('day-list').hidden = shown.length === 0;
  fill(find('day-rows'), 'day-row', shown, (row, day) => {
    const imported = countsOf(day.imported);
    const own = countsOf(day.counts);
    const cells = [
      shortDay(day.date),
      [own, imported && `${imported} imported`].filter(Boolean).join(', ') || '–',
      count(day.goalCount),
      goalWords(day, today) || '–',
    ];
    for (const [index, words] of cells.entries()) row.children[index].textContent = words;
  });
}
