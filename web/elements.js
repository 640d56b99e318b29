/** What the leaderboard and the TV share. What a person wrote reaches a page as text, or as a picture's https address. */
import { initials, letters, percent } from './format.js';

/** A picture, an emoji, or the name's initials: whatever `avatar` is. The name stands beside it, so it is silent. */
class RepAvatar extends HTMLElement {
  #shown = null;

  set rep({ name, avatar }) {
    const wanted = JSON.stringify([name, avatar]);
    if (wanted === this.#shown) return;
    this.#shown = wanted;
    this.setAttribute('aria-hidden', 'true');
    const address = picture(avatar);
    if (address) {
      const image = document.createElement('img');
      image.alt = '';
      image.decoding = 'async';
      image.referrerPolicy = 'no-referrer';
      image.addEventListener('error', () => this.#text(initials(name), false), { once: true });
      image.src = address;
      this.classList.remove('sign');
      this.replaceChildren(image);
    } else {
      const sign = typeof avatar === 'string' && avatar.trim() && letters(avatar.trim()).length <= 2;
      this.#text(sign ? avatar.trim() : initials(name), sign);
    }
  }

  #text(text, sign) {
    const span = document.createElement('span');
    span.textContent = text;
    this.classList.toggle('sign', Boolean(sign));
    this.replaceChildren(span);
  }
}

function picture(avatar) {
  try {
    const url = new URL(avatar);
    return url.protocol === 'https:' ? url.href : null;
  } catch {
    return null;
  }
}

/** How far towards a goal, in per cent; it may be passed. */
class GoalBar extends HTMLElement {
  #value;
  #figure = document.createElement('span');

  connectedCallback() {
    if (this.hasAttribute('role')) return;
    this.setAttribute('role', 'meter');
    this.setAttribute('aria-valuemin', '0');
    this.setAttribute('aria-valuemax', '100');
    const track = document.createElement('span');
    track.className = 'track';
    track.append(Object.assign(document.createElement('span'), { className: 'fill' }));
    this.#figure.className = 'figure';
    this.replaceChildren(track, this.#figure);
  }

  set value(value) {
    if (value === this.#value) return;
    this.#value = value;
    const known = typeof value === 'number';
    const within = known ? Math.max(0, Math.min(100, value)) : 0;
    this.style.setProperty('--part', String(within / 100));
    this.toggleAttribute('data-reached', known && value >= 100);
    this.setAttribute('aria-valuenow', String(Math.floor(within)));
    this.setAttribute('aria-valuetext', known ? percent(value) : 'unknown');
    this.#figure.textContent = percent(value);
  }
}

const TIERS = 6;

/** A bonus tier from 0 to 6 as so many stones. */
class TierStones extends HTMLElement {
  set tier(tier) {
    this.setAttribute('role', 'img');
    this.setAttribute('aria-label', tier ? `Bonus tier ${tier} of ${TIERS}` : 'No bonus tier yet');
    while (this.children.length < TIERS) this.append(document.createElement('i'));
    [...this.children].forEach((stone, place) => {
      stone.toggleAttribute('data-laid', place < tier);
      stone.toggleAttribute('data-top', place === tier - 1);
    });
  }
}

const WORDS = {
  connecting: 'Connecting …',
  open: 'Live',
  waiting: 'Connection lost, trying again …',
  signedout: 'Signed out',
  closed: 'Not live',
};

/** The connection in words. A cut is told after a moment only: most mend at once. Each try that fails is the same cut. */
class LiveState extends HTMLElement {
  #state = null; #later = null;

  set state(state) {
    const shown = this.dataset.state;
    this.#state = state === 'connecting' && (shown === 'open' || shown === 'waiting') ? 'waiting' : state;
    if (state === 'open' || !shown) this.#show(state);
    else this.#later ??= setTimeout(() => this.#show(this.#state), 1500);
  }

  #show(state) {
    clearTimeout(this.#later);
    this.#later = null;
    if (state === this.dataset.state) return;
    this.setAttribute('aria-live', 'polite');
    this.dataset.state = state;
    this.textContent = WORDS[state];
  }
}

customElements.define('rep-avatar', RepAvatar);
customElements.define('goal-bar', GoalBar);
customElements.define('tier-stones', TierStones);
customElements.define('live-state', LiveState);
