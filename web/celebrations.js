/** Which celebrations are due, and which were shown. Has no page and no clock, so that a test can run for a week. */
const MAX_QUEUED = 100;
const MAX_LISTED = 12;
const MAX_REMEMBERED = 500;

/** @typedef {Frame<Celebration | null>} CelebrationFrame */
/** @typedef {Celebration & {at: Date}} ListedCelebration */

export class Celebrations {
  /** @type {(CelebrationFrame & {data: Celebration})[]} */
  #queue = [];
  /** @type {Set<string>} */
  #known = new Set(); // milestone ids, oldest first
  #celebrated;
  /** @type {ListedCelebration[]} */
  listed = []; // newest first

  /** @param {string[]} [celebrated] the milestones that were celebrated before a reload */
  constructor(celebrated = []) {
    this.#celebrated = new Set(celebrated);
  }

  /**
   * Add an `achievement:celebration` frame; false for one that is known. One that is not news is only listed.
   * @param {CelebrationFrame} frame
   */
  add(frame, isNews = true) {
    const { data } = frame;
    if (!data?.milestone || this.#known.has(data.milestone.id)) return false;
    remember(this.#known, data.milestone.id);
    this.listed.unshift({ ...data, at: new Date(data.milestone.achievedAt) });
    this.listed.sort((a, b) => Number(b.at) - Number(a.at));
    this.listed.length = Math.min(this.listed.length, MAX_LISTED);
    if (isNews && !this.#celebrated.has(data.milestone.id)) this.#queue.push({ ...frame, data });
    if (this.#queue.length > MAX_QUEUED) this.#queue.shift();
    return true;
  }

  /** Drop a milestone that was reverted; false for one that is not listed. @param {string} id */
  drop(id) {
    remember(this.#known, id);
    this.#queue = this.#queue.filter(({ data }) => data.milestone.id !== id);
    const { length } = this.listed;
    this.listed = this.listed.filter(({ milestone }) => milestone.id !== id);
    return this.listed.length < length;
  }

  /** The next to celebrate, or null. Expired ones are skipped. @param {number} now */
  next(now) {
    for (let frame = this.#queue.shift(); frame; frame = this.#queue.shift()) {
      if (!isFresh(frame, now)) continue;
      remember(this.#celebrated, frame.data.milestone.id);
      return frame.data;
    }
    return null;
  }

  /** How many are still queued. @param {number} now */
  left(now) {
    return this.#queue.filter((frame) => isFresh(frame, now)).length;
  }

  /** The ids to give to the constructor after a reload. */
  get celebrated() {
    return [...this.#celebrated];
  }
}

/** @param {{expiresAt?: string}} frame @param {number} now */
const isFresh = ({ expiresAt }, now) => !expiresAt || Date.parse(expiresAt) > now;

/** @param {Set<string>} ids @param {string} id */
function remember(ids, id) {
  ids.delete(id);
  ids.add(id);
  for (const oldest of ids) {
    if (ids.size <= MAX_REMEMBERED) return;
    ids.delete(oldest);
  }
}
