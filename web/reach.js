/** Who is close to what: each rep's nearest next threshold. A hint to the eye; the server alone decides milestones. */
import { count, money, percent, shortMoney } from './format.js';

/** The ladders as Cairn has them unless `ladders` in cdk.json says otherwise; a test holds them to the rules'. */
export const LADDERS = Object.freeze({
  revenue: [10_000, 25_000, 50_000, 75_000, 100_000],
  signups: [10, 15, 20, 25, 30, 35, 40],
  bonus_tier: [15, 20, 25, 30, 35, 40],
  goal: [100],
});

const NEAR = 0.75; // of the way; what is further off is not within reach
const METRICS = {
  revenue: 'monthlyRevenue',
  signups: 'monthlySignups',
  bonus_tier: 'monthlySignups',
  goal: 'goalProgress',
};
const ORDER = ['bonus_tier', 'revenue', 'goal', 'signups']; // of two that are as near, the one that means more

/** A rep's progress in per cent; null for one who has no goal. */
export function progress({ monthlyRevenueGoal, goalProgress }) {
  return monthlyRevenueGoal === null && !goalProgress ? null : goalProgress;
}

/** A rep's nearest next threshold: `{rule, threshold, value, left, part, tier}`, or null at the top of every ladder. */
export function nearest(rep, ladders = LADDERS) {
  const steps = [];
  for (const rule of ORDER) {
    const ladder = ladders[rule] ?? [];
    const value = rep[METRICS[rule]];
    const place = ladder.findIndex((threshold) => threshold > value);
    if (typeof value !== 'number' || place < 0 || value <= 0) continue;
    const threshold = ladder[place];
    steps.push({ rule, threshold, value, left: threshold - value, part: value / threshold, tier: place + 1 });
  }
  return steps.reduce((best, step) => (best && best.part >= step.part ? best : step), null);
}

/** The reps that are closest to something, nearest first. */
export function closest(reps, how = 5, ladders = LADDERS) {
  return reps
    .map((rep) => ({ rep, step: nearest(rep, ladders) }))
    .filter(({ step }) => step?.part >= NEAR)
    .sort((a, b) => b.step.part - a.step.part || a.rep.rank - b.rep.rank)
    .slice(0, how);
}

/** How far it still is, and to what, in words. */
export const DISTANCE = {
  revenue: ({ left, threshold }) => [money(Math.ceil(left)), `to ${shortMoney(threshold)}`],
  signups: ({ left, threshold }) => [count(left), `to ${count(threshold)} sign-ups`],
  bonus_tier: ({ left, tier }) => [`${count(left)} sign-up${left === 1 ? '' : 's'}`, `to bonus tier ${tier}`],
  goal: ({ left }) => [percent(Math.ceil(left)), 'to the goal'],
};
