/** Plays celebrations on the TV one after another, ten seconds each, with confetti unless reduced motion is wanted. */
import { serverNow } from './api.js';
import { find, motionAllowed, part } from './dom.js';
import { create } from './vendor/canvas-confetti.js';

/** @typedef {import('./celebrations.js').Celebrations} Celebrations */

export const DURATION = 10_000;
const PAUSE = 700; // the board is visible for a moment between two
const BURSTS = [0, 350, 900, 2200, 3600];
const LONG_NAME = 22;
const COLORS = ['#a8430b', '#d9722e', '#ffb169', '#ffd7a6', '#c99a66'];

export class CelebrationPlayer {
  #celebrations; #onStart;
  #playing = false;
  // A worker would need an exception in the Content-Security-Policy.
  #confetti = create(find('confetti'), { resize: true, useWorker: false, disableForReducedMotion: true });

  /** @param {Celebrations} celebrations @param {() => void} onStart called when a celebration begins */
  constructor(celebrations, onStart) {
    this.#celebrations = celebrations;
    this.#onStart = onStart;
  }

  get playing() {
    return this.#playing;
  }

  /** Play what is queued, unless a celebration is playing already. */
  play() {
    if (this.#playing) {
      this.#showLeft();
      return;
    }
    const next = this.#celebrations.next(serverNow());
    if (!next) return;
    this.#playing = true;
    this.#show(next);
    this.#showLeft();
    this.#onStart();
    setTimeout(() => {
      find('celebration').hidden = true;
      this.#confetti.reset();
      setTimeout(() => {
        this.#playing = false;
        this.play();
      }, PAUSE);
    }, DURATION);
  }

  #showLeft() {
    const left = this.#celebrations.left(serverNow());
    part(find('celebration'), '.next').textContent = left ? `${left} more to come` : '';
  }

  /** @param {Celebration} celebration */
  #show({ userName, title, description, icon, milestone }) {
    const stage = find('celebration');
    const write = (/** @type {string} */ selector, /** @type {string} */ words) => {
      part(stage, selector).textContent = words;
    };
    part(stage, 'rep-avatar').rep = milestone.salesRep;
    write('.icon', icon || '★');
    write('.who', userName);
    part(stage, '.who').toggleAttribute('data-long', userName.length > LONG_NAME);
    write('.what', title);
    write('.how', description);
    const also = (milestone.alsoPassed ?? []).map(({ label }) => label);
    write('.also', also.length ? `Also passed: ${also.join(', ')}` : '');
    stage.style.setProperty('--duration', `${DURATION}ms`);
    stage.hidden = false;
    const canvas = find('confetti', HTMLCanvasElement);
    [canvas.width, canvas.height] = [canvas.clientWidth, canvas.clientHeight];
    find('announcement').textContent = `${userName}: ${title}`;
    if (motionAllowed()) for (const after of BURSTS) setTimeout(() => this.#burst(), after);
  }

  #burst() {
    const size = innerHeight / 1080;
    const sized = { startVelocity: 62 * size, gravity: 1.1 * size, scalar: 1.5 * size };
    const burst = { ...sized, colors: COLORS, particleCount: 70, spread: 62, ticks: 260 };
    this.#confetti({ ...burst, angle: 60, origin: { x: 0, y: 0.85 } });
    this.#confetti({ ...burst, angle: 120, origin: { x: 1, y: 0.85 } });
  }
}
