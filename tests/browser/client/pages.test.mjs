/** The pages' logic without a page: celebrations, the next milestone, formats, and where a sign-in leads. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Celebrations } from '../../../web/celebrations.js';
import { clock, growth, initials, letters, money, month, percent, period } from '../../../web/format.js';
import { goalProgress, nearest, nextMilestone } from '../../../web/next-milestone.js';
import { returnAddress } from '../../../web/require-sign-in.js';

const MINUTE = 60_000;
const START = Date.parse('2026-11-20T15:00:00Z');

const frame = (number, { at = START, fresh = 10 } = {}) => ({
  id: `tv-display/${number}`,
  expiresAt: new Date(at + fresh * MINUTE).toISOString(),
  data: { userName: `Rep ${number}`, milestone: { id: `m${number}`, achievedAt: new Date(at).toISOString() } },
});

test('celebrations come one after another, each once', () => {
  const celebrations = new Celebrations();
  assert.equal(celebrations.add(frame(1)), true);
  assert.equal(celebrations.add(frame(2)), true);
  assert.equal(celebrations.add(frame(1)), false);
  assert.equal(celebrations.left(START), 2);
  assert.equal(celebrations.next(START).userName, 'Rep 1');
  assert.equal(celebrations.next(START).userName, 'Rep 2');
  assert.equal(celebrations.next(START), null);
});

test('what is too old is listed and not celebrated, even when it became so while waiting', () => {
  const celebrations = new Celebrations();
  celebrations.add(frame(1, { at: START - 11 * MINUTE }));
  celebrations.add(frame(2));
  assert.equal(celebrations.left(START), 1);
  assert.equal(celebrations.next(START + 11 * MINUTE), null);
  assert.deepEqual(celebrations.listed.map(({ userName }) => userName), ['Rep 2', 'Rep 1']);
});

test('what was celebrated before a reload is not celebrated after it', () => {
  const before = new Celebrations();
  before.add(frame(1));
  before.add(frame(2));
  before.next(START);
  const after = new Celebrations(before.celebrated);
  after.add(frame(1));
  after.add(frame(2));
  assert.equal(after.next(START).userName, 'Rep 2');
  assert.equal(after.next(START), null);
  assert.equal(after.listed.length, 2);
});

test('nothing grows, however much is celebrated', () => {
  const celebrations = new Celebrations();
  for (let number = 0; number < 5000; number++) {
    celebrations.add(frame(number));
    if (number % 2) celebrations.next(START);
  }
  assert.ok(celebrations.listed.length <= 12);
  assert.ok(celebrations.left(START) <= 100);
  assert.ok(celebrations.celebrated.length <= 500);
});

test('a frame without a celebration is ignored', () => {
  assert.equal(new Celebrations().add({ id: 'tv-display/1', data: null }), false);
});

test('the next milestone is the one of which the largest part is reached', () => {
  const rep = { rank: 1, monthlyRevenue: 49_500, monthlySignups: 24, goalProgress: 80 };
  assert.deepEqual(nextMilestone(rep), { rule: 'revenue', threshold: 50_000, value: 49_500, remaining: 500, progress: 0.99, tier: 3 });
  assert.equal(nextMilestone({ ...rep, monthlyRevenue: 26_000 }).rule, 'bonus_tier');
  assert.equal(nextMilestone({ ...rep, monthlyRevenue: 26_000, monthlySignups: 11, goalProgress: 99 }).rule, 'goal');
  assert.equal(nextMilestone({ monthlyRevenue: 0, monthlySignups: 0, goalProgress: null }), null);
  assert.equal(nextMilestone({ monthlyRevenue: 1e6, monthlySignups: 99, goalProgress: 300 }), null);
});

test('the rep nearest to a milestone comes first', () => {
  const reps = [20_000, 49_900, 9_000, 30_000].map((monthlyRevenue, id) => ({ id, rank: id, monthlyRevenue }));
  assert.deepEqual(nearest(reps).map(({ rep }) => rep.id), [1, 2, 0]);
  assert.deepEqual(nearest(reps, 2).map(({ rep }) => rep.id), [1, 2]);
});

test('without a goal the progress is unknown, which is not 0%', () => {
  assert.equal(goalProgress({ monthlyRevenueGoal: null, goalProgress: 0 }), null);
  assert.equal(goalProgress({ monthlyRevenueGoal: 40_000, goalProgress: 0 }), 0);
  assert.equal(goalProgress({ monthlyRevenueGoal: null, goalProgress: 12 }), 12);
});

test('numbers are written out, and what is unknown is not zero', () => {
  assert.equal(money(98_400.4), '$98,400');
  assert.equal(money(null), '–');
  assert.equal(percent(99.99), '99%');
  assert.equal(percent(null), '–');
  assert.equal(growth(-3.25), '-3.3%');
  assert.equal(growth(12.5), '+12.5%');
  assert.equal(growth(undefined), '–');
});

test('time is shown in the sales floor\'s own time zone', () => {
  const instant = new Date('2026-11-30T23:30:00Z');
  assert.equal(clock(instant, 'Europe/Vienna'), '00:30');
  assert.equal(period(instant, 'Europe/Vienna'), '2026-12');
  assert.equal(month('2026-12'), 'December 2026');
  assert.equal(month('never'), '');
});

test('initials and letters are counted as people count them', () => {
  assert.equal(initials('Ada Lovelace'), 'AL');
  assert.equal(initials('  tim '), 'T');
  assert.equal(initials(''), '');
  assert.equal(letters('👩‍🚀').length, 1);
});

test('a sign-in leads only to our own pages', () => {
  const origin = 'https://cairn.test';
  const next = (/** @type {string} */ wanted) => returnAddress(`?next=${encodeURIComponent(wanted)}`, origin);
  assert.equal(next('/tv'), 'https://cairn.test/tv');
  assert.equal(next('/leaderboard?period=2026-10'), 'https://cairn.test/leaderboard?period=2026-10');
  assert.equal(returnAddress('', origin), 'https://cairn.test/');
  for (const bad of [
    'https://evil.test/', '//evil.test/', '/\\evil.test', 'javascript:alert(1)', '\\\\evil.test', '/\t/evil.test',
    'https://cairn.test.evil.test/', 'https://cairn.test@evil.test/', 'http://cairn.test/', 'https://', 'data:,x',
  ]) {
    assert.equal(next(bad), 'https://cairn.test/', bad);
  }
  for (const bad of ['/.//evil.test', '/leaderboard/..//evil.test', '/%2e//evil.test', '/./\\evil.test', '/.//user@evil.test/x']) {
    // As location.replace resolves it, on the page that asks.
    assert.equal(new URL(next(bad), `${origin}/sign-in`).origin, origin, bad);
  }
});
