/** Which celebrations are due, and which have been told; no page and no clock, so that a week can pass in a test. */
const MOST_WAITING = 100;
const MOST_LISTED = 12;
const MOST_REMEMBERED = 500;

export class Celebrations {
  #waiting = [];
  #known = new Set(); // ids of milestones, oldest first
  #told;
  listed = []; // newest first

  /** `told` are the ids that were celebrated before a reload. */
  constructor(told = []) {
    this.#told = new Set(told);
  }

  /** Take an `achievement:celebration` frame; false for one that is known. What is no news is only listed. */
  add(frame, isNews = true) {
    const milestone = frame.data?.milestone;
    if (!milestone || this.#known.has(milestone.id)) return false;
    remember(this.#known, milestone.id);
    this.listed.unshift({ ...frame.data, at: new Date(milestone.achievedAt) });
    this.listed.sort((a, b) => b.at - a.at);
    this.listed.length = Math.min(this.listed.length, MOST_LISTED);
    if (isNews && !this.#told.has(milestone.id)) this.#waiting.push(frame);
    if (this.#waiting.length > MOST_WAITING) this.#waiting.shift();
    return true;
  }

  /** The next to celebrate, or null; what is too old by now is passed over. */
  next(now) {
    while (this.#waiting.length > 0) {
      const frame = this.#waiting.shift();
      if (isFresh(frame, now)) {
        remember(this.#told, frame.data.milestone.id);
        return frame.data;
      }
    }
    return null;
  }

  /** How many are still to come. */
  left(now) {
    return this.#waiting.filter((frame) => isFresh(frame, now)).length;
  }

  /** For the page after a reload. */
  get told() {
    return [...this.#told];
  }
}

const isFresh = (frame, now) => !frame.expiresAt || Date.parse(frame.expiresAt) > now;

function remember(ids, id) {
  ids.delete(id);
  ids.add(id);
  if (ids.size > MOST_REMEMBERED) ids.delete(ids.values().next().value);
}
