/** The TV's stage: one celebration after another, ten seconds each, with confetti where motion is welcome. */
import { serverNow } from './api.js';
import { find, moves } from './dom.js';
import { create } from './vendor/canvas-confetti.js';

export const LASTS = 10_000;
const PAUSE = 700; // the board is seen for a moment between two
const BURSTS = [0, 350, 900, 2200, 3600];
const LONG_NAME = 22;
const COLORS = ['#a8430b', '#d9722e', '#ffb169', '#ffd7a6', '#c99a66'];

export class Stage {
  #celebrations; #changed;
  #busy = false;
  // A worker would need an exception in the Content-Security-Policy.
  #confetti = create(find('confetti'), { resize: true, useWorker: false, disableForReducedMotion: true });

  /** `changed` is told whenever a celebration begins. */
  constructor(celebrations, changed) {
    this.#celebrations = celebrations;
    this.#changed = changed;
  }

  get busy() {
    return this.#busy;
  }

  /** Begin with what waits, unless something is on the stage already. */
  play() {
    if (this.#busy) {
      this.#count();
      return;
    }
    const next = this.#celebrations.next(serverNow());
    if (!next) return;
    this.#busy = true;
    this.#show(next);
    this.#count();
    this.#changed();
    setTimeout(() => {
      find('celebration').hidden = true;
      this.#confetti.reset();
      setTimeout(() => {
        this.#busy = false;
        this.play();
      }, PAUSE);
    }, LASTS);
  }

  /** Say how many are still to come. */
  #count() {
    const left = this.#celebrations.left(serverNow());
    find('celebration').querySelector('.next').textContent = left ? `${left} more to come` : '';
  }

  #show({ userName, title, description, icon, milestone }) {
    const stage = find('celebration');
    const write = (selector, words) => { stage.querySelector(selector).textContent = words; };
    stage.querySelector('rep-avatar').rep = milestone.salesRep;
    write('.icon', icon || '★');
    write('.who', userName);
    stage.querySelector('.who').toggleAttribute('data-long', userName.length > LONG_NAME);
    write('.what', title);
    write('.how', description);
    const also = (milestone.alsoPassed ?? []).map(({ label }) => label);
    write('.also', also.length ? `On the way also passed: ${also.join(', ')}` : '');
    stage.style.setProperty('--lasts', `${LASTS}ms`);
    stage.hidden = false;
    const canvas = find('confetti');
    [canvas.width, canvas.height] = [canvas.clientWidth, canvas.clientHeight];
    find('say').textContent = `${userName}: ${title}`;
    if (moves()) for (const after of BURSTS) setTimeout(() => this.#throw(), after);
  }

  #throw() {
    const size = innerHeight / 1080;
    const sized = { startVelocity: 62 * size, gravity: 1.1 * size, scalar: 1.5 * size };
    const piece = { ...sized, colors: COLORS, particleCount: 70, spread: 62, ticks: 260 };
    this.#confetti({ ...piece, angle: 60, origin: { x: 0, y: 0.85 } });
    this.#confetti({ ...piece, angle: 120, origin: { x: 1, y: 0.85 } });
  }
}
