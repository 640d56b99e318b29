/** A board whose top is pushed keeps what it knew of the rest. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { completed } from '../../../web/board.js';

const reps = (...ids) => ids.map((id) => ({ id }));
const ids = (items) => items.map(({ id }) => id);

test('a frame that has everybody is the board', () => {
  assert.deepEqual(ids(completed(reps(2, 1, 3), reps(1, 2, 3), 3)), [2, 1, 3]);
  assert.deepEqual(ids(completed(reps(2, 1, 3), reps(1, 2, 3, 4), 3)), [2, 1, 3]);
});

test('below the top come those known before, whoever rose into it or fell out of it', () => {
  assert.deepEqual(ids(completed(reps(1, 4), reps(1, 2, 3, 4, 5), 5)), [1, 4, 2, 3, 5]);
});

test('nobody is on the board twice, and not more than are wanted', () => {
  assert.deepEqual(ids(completed(reps(3, 1), reps(1, 2, 3, 4), 3)), [3, 1, 2]);
});

test('whoever is not known is missing, and has to be fetched', () => {
  assert.equal(completed(reps(1, 2), [], 4).length, 2);
  assert.equal(completed(reps(1, 9), reps(1, 2), 4).length, 3);
});
