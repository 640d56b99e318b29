/** The home page: what Cairn has, and for whom. */
import { find } from './dom.js';
import { allows, session } from './session.js';

const person = await session().catch(() => null);
find('signed-out').hidden = Boolean(person);
find('no-access').hidden = !person || allows(person, 'leaderboard');
