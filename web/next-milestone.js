/** Each rep's next milestone, as a hint for the eye: only the server decides what is reached. */
import { count, money, percent, shortMoney } from './format.js';

/**
 * @typedef {'revenue' | 'signups' | 'bonus_tier' | 'goal'} Rule
 * @typedef {Record<string, number[]>} Ladders
 *
 * @typedef {object} NextMilestone
 * @property {Rule} rule
 * @property {number} threshold
 * @property {number} value what the rep has
 * @property {number} remaining what is missing
 * @property {number} progress the part of the threshold that is reached, from 0 to 1
 * @property {number} tier the threshold's place in its ladder, from 1
 */

/** Cairn's ladders, unless `ladders` in cdk.json differ; a test compares them with the server's rules. */
export const LADDERS = Object.freeze({
  revenue: [10_000, 25_000, 50_000, 75_000, 100_000],
  signups: [10, 15, 20, 25, 30, 35, 40],
  bonus_tier: [15, 20, 25, 30, 35, 40],
  goal: [100],
});

const NEAR = 0.75; // of the threshold; a rep with less is not shown
/** @type {Record<Rule, 'monthlyRevenue' | 'monthlySignups' | 'goalProgress'>} */
const METRICS = {
  revenue: 'monthlyRevenue',
  signups: 'monthlySignups',
  bonus_tier: 'monthlySignups',
  goal: 'goalProgress',
};
/** @type {Rule[]} */
const ORDER = ['bonus_tier', 'revenue', 'goal', 'signups']; // the more important first

/**
 * A rep's progress towards the goal in per cent; null without a goal.
 * @param {Pick<Rep, 'monthlyRevenueGoal' | 'goalProgress'>} rep
 */
export function goalProgress({ monthlyRevenueGoal, goalProgress }) {
  return monthlyRevenueGoal === null && !goalProgress ? null : goalProgress;
}

/**
 * The threshold that a rep is relatively nearest to, or null at the top of every ladder.
 * @param {Pick<Rep, 'monthlyRevenue' | 'monthlySignups' | 'goalProgress'>} rep @param {Ladders} [ladders]
 */
export function nextMilestone(rep, ladders = LADDERS) {
  /** @type {NextMilestone[]} */
  const next = [];
  for (const rule of ORDER) {
    const ladder = ladders[rule] ?? [];
    const value = rep[METRICS[rule]];
    const step = ladder.findIndex((threshold) => threshold > value);
    if (typeof value !== 'number' || step < 0 || value <= 0) continue;
    const threshold = ladder[step];
    next.push({ rule, threshold, value, remaining: threshold - value, progress: value / threshold, tier: step + 1 });
  }
  return next.sort((a, b) => b.progress - a.progress).at(0) ?? null; // a stable sort: of two that are equal, ORDER's first
}

/**
 * The reps that are near a threshold, nearest first.
 * @template {Rep} Kind @param {Kind[]} reps @param {number} [limit] @param {Ladders} [ladders]
 */
export function nearest(reps, limit = 5, ladders = LADDERS) {
  return reps
    .flatMap((rep) => {
      const next = nextMilestone(rep, ladders);
      return next && next.progress >= NEAR ? [{ rep, next }] : [];
    })
    .sort((a, b) => b.next.progress - a.next.progress || a.rep.rank - b.rep.rank)
    .slice(0, limit);
}

/** How much is missing, and to what, in words. @param {NextMilestone} next @returns {[string, string]} */
export function distance({ rule, threshold, remaining, tier }) {
  switch (rule) {
    case 'revenue': return [money(Math.ceil(remaining)), `to ${shortMoney(threshold)}`];
    case 'signups': return [count(remaining), `to ${count(threshold)} sign-ups`];
    case 'bonus_tier': return [`${count(remaining)} sign-up${remaining === 1 ? '' : 's'}`, `to bonus tier ${tier}`];
    case 'goal': return [percent(Math.ceil(remaining)), 'to the goal'];
  }
}
