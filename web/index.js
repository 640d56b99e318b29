/** The home page: what Cairn has, and for whom. */
import { find } from './dom.js';
import { BOARD_MODULES } from './pages.js';
import { allows, session } from './session.js';

const person = await session().catch(() => null);
find('signed-out').hidden = Boolean(person);
find('no-access').hidden = !person || allows(person, BOARD_MODULES);
