// Verifies a webhook of Cairn. Needs Node alone.
import { createHmac, timingSafeEqual } from 'node:crypto';

/** Throws unless `body`, the Buffer as it came, is signed with `secret` ("whsec_…") and recent. */
export function verify(secret, headers, body) {
  const id = headers['webhook-id'];
  const timestamp = headers['webhook-timestamp'];
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) <= 300)) {
    throw new Error('the message is older than five minutes, or your clock is wrong');
  }
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const hmac = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body);
  const expected = Buffer.from(`v1,${hmac.digest('base64')}`);
  const signatures = headers['webhook-signature'].split(' ').map((one) => Buffer.from(one)); // two, while a secret rotates
  if (!signatures.some((one) => one.length === expected.length && timingSafeEqual(one, expected))) {
    throw new Error('the signature is not of this secret, or the body was changed');
  }
}

// In Express, with express.raw({ type: 'application/json' }) so that the body stays bytes:
//     verify(process.env.WEBHOOK_SECRET, request.headers, request.body);
