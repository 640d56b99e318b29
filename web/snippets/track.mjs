// Sends a product's usage events to Cairn. Needs Node alone, 18 or later.
import { randomUUID } from 'node:crypto';

/**
 * `track` returns at once: what it is given is sent in the background, and again after a failure.
 *
 *     const usage = new Usage('https://cairn.example', process.env.CAIRN_KEY); // one for the whole process
 *     usage.track('ada', 'reply');
 *     process.once('SIGTERM', async () => { await usage.close(); process.exit(); });
 */
export class Usage {
  #url; #headers; #capacity; #timeout;
  #buffer = []; // an event stays in it until Cairn has answered for it
  #running = null;
  #closing = false;
  #wake = () => {};

  constructor(url, key, { capacity = 10_000, timeout = 10_000 } = {}) {
    this.#url = `${url.replace(/\/$/, '')}/api/usage/batch`;
    this.#headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    this.#capacity = capacity;
    this.#timeout = timeout;
    process.once('beforeExit', () => this.close());
  }

  /**
   * True, or false where so much waits already that the event is dropped. `id` makes that a repeat counts once. If you
   * have one of your own, such as `reply-17`, pass it with the reply's own instant as `at`, so that a job that runs twice
   * tells the same event twice.
   */
  track(userId, type, count = 1, { id = randomUUID(), at = new Date(), feature } = {}) {
    const event = { userId, type, count, id, at: at.toISOString(), ...(feature ? { feature } : {}) };
    if (this.#buffer.length >= this.#capacity) {
      console.warn('cairn: the buffer is full, an event is dropped', event);
      return false;
    }
    this.#buffer.push(event);
    this.#running ??= this.#run();
    return true;
  }

  /** Send what waits, for so many milliseconds at most. Call it before `process.exit()`. */
  async close(milliseconds = 5000) {
    this.#closing = true;
    this.#wake();
    const timer = new Promise((resolve) => { setTimeout(resolve, milliseconds).unref(); });
    const kept = setInterval(() => {}, 1000); // the process lives until this is over
    await Promise.race([this.#running, timer]);
    clearInterval(kept);
    if (this.#buffer.length) console.error(`cairn: ${this.#buffer.length} events were not sent`);
  }

  async #run() {
    await null; // what is tracked in the same turn goes along
    for (let failures = 0; this.#buffer.length;) {
      const batch = this.#buffer.slice(0, 500);
      const again = await this.#send(batch);
      this.#buffer.splice(0, batch.length, ...again);
      failures = again.length ? failures + 1 : 0;
      if (failures) await this.#pause(this.#closing ? 200 : Math.random() * Math.min(30, 2 ** failures) * 1000);
    }
    this.#running = null;
  }

  /** Until the time is over, or somebody closes. */
  #pause(milliseconds) {
    return new Promise((resolve) => {
      this.#wake = resolve;
      setTimeout(resolve, milliseconds).unref();
    });
  }

  /** The events that are to be sent again. */
  async #send(batch) {
    try {
      const answer = await fetch(this.#url, {
        method: 'POST',
        headers: this.#headers,
        body: JSON.stringify({ events: batch }),
        signal: AbortSignal.timeout(this.#timeout),
      });
      if (!answer.ok) {
        console.warn(`cairn: answered ${answer.status}: ${(await answer.text()).slice(0, 500)}`);
        return [400, 413].includes(answer.status) ? [] : batch; // a wrong key may be put right, a wrong request not
      }
      const { results } = await answer.json();
      return batch.filter((event, place) => {
        const { status, retry, error } = results[place];
        if (status === 'rejected' && !retry) console.error('cairn: refused', event, error);
        return status === 'rejected' && retry;
      });
    } catch (error) { // no connection, no answer in time, or an answer that is cut short
      console.warn('cairn: cannot be reached', error);
      return batch;
    }
  }
}
