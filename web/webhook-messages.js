/** A message of the API, now or once something has become of it. */
import { call } from './api.js';

const TURNS = 15;
const PAUSE = 1000;

/** @param {string} id @returns {Promise<MessageDetails>} */
export const readMessage = (id) => call(`/api/webhooks/messages/${id}`);

/**
 * The message once `done` says so, or as it is after some seconds: a receiver may take 15 of them to answer.
 * @param {string} id @param {(message: MessageDetails) => boolean} done
 */
export async function messageOnce(id, done) {
  let message = await readMessage(id);
  for (let turn = 0; turn < TURNS && !done(message); turn += 1) {
    await new Promise((resolve) => { setTimeout(resolve, PAUSE); });
    message = await readMessage(id);
  }
  return message;
}

/** The last attempt; undefined where none was made. @param {MessageDetails} message */
export const lastAttempt = ({ attempts }) => attempts[attempts.length - 1];
