/** What a page knows of the board: the top that a frame pushes, and the rest that was fetched before. */

/**
 * The first `wanted` ranks: the top, then the reps known before who are not in it. Until the rest is fetched again, a rep
 * there may have another rank by now.
 * @template {{id: unknown}} Kind @param {Kind[]} top @param {Kind[]} known @param {number} wanted
 */
export function completed(top, known, wanted) {
  const ids = new Set(top.map(({ id }) => id));
  return [...top, ...known.filter(({ id }) => !ids.has(id))].slice(0, wanted);
}
