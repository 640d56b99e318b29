/** Agencies and creators: how each one's reading goes, and for administrators what changes them. */
import { fill, find, label, part } from './dom.js';
import { count, counted } from './format.js';
import { offerForms } from './revenue-forms.js';
import { age, instantWords, money } from './revenue-words.js';
import { allows } from './session.js';

/** @type {Record<Creator['sync']['state'], string>} */
const STATES = { never: 'Not read yet', first: 'First reading', ok: 'Reading', failing: 'Failing', retired: 'Retired' };
/** @type {Record<string, string>} */
const CREDENTIALS = {
  own: 'Key of its own', agency: 'Key of its agency', deployment: 'Key of the deployment',
};

/** @param {{agencies: Agency[], creators: Creator[]}} known @param {Session} person @param {() => Promise<unknown>} changed */
export function showCreators(known, person, changed) {
  const { agencies, creators } = known;
  const isAdmin = allows(person, ['admin']);
  for (const element of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('#creators [data-admin]'))) element.hidden = !isAdmin;
  const forms = isAdmin ? offerForms(known, changed) : null;
  fill(find('agency-list'), 'agency-item', agencies, (item, agency) => {
    part(item, '.agency-name').textContent = agency.name;
    part(item, '.number').textContent = counted(agency.creators, 'creator');
    const retire = part(item, '[data-retire]');
    retire.hidden = !isAdmin;
    retire.setAttribute('aria-label', `Retire ${agency.name}`);
    retire.onclick = () => forms?.retireAgency(agency);
  });
  find('no-agencies').hidden = agencies.length > 0;
  const nameOf = new Map(agencies.map(({ id, name }) => [id, name]));
  fill(find('creator-rows'), 'creator-row', creators, (row, creator) => {
    writeCreator(row, creator, nameOf.get(creator.agencyId) ?? creator.agencyId);
    const buttons = part(row, '.actions');
    buttons.hidden = !isAdmin;
    const [key, retire] = buttons.querySelectorAll('button');
    key.setAttribute('aria-label', `API key of ${creator.name}`);
    key.onclick = () => forms?.changeKey(creator);
    retire.setAttribute('aria-label', `Retire ${creator.name}`);
    retire.onclick = () => forms?.retireCreator(creator);
  });
  find('creator-table').hidden = creators.length === 0;
  find('none-listed').hidden = creators.length > 0;
}

/** @param {HTMLElement} row @param {Creator} creator @param {string} agency */
function writeCreator(row, { name, platform, externalId, currency, timeZone, credentials, sync, audience, revenue, revenueCurrency }, agency) {
  part(row, '.creator-name').textContent = name;
  part(row, '.about-creator').textContent = `${agency} · ${platform} ${externalId} · ${[currency, timeZone].filter(Boolean).join(', ')}`;
  const worse = sync.state === 'ok' && sync.stale;
  label(part(row, '.badge'), worse ? 'failing' : sync.state, worse ? 'Stale' : STATES[sync.state]);
  const next = sync.error?.retryAt ? ` Tried again at ${instantWords(sync.error.retryAt)}.` : '';
  part(row, '.since').textContent = sync.error ? `${sync.error.message}.${next}`.replace('..', '.') : age(sync.asOf, sync.stale);
  const reach = `${count(audience.subscribers)} subscribers, ${count(audience.followers)} followers`;
  part(row, '.reach').textContent = reach;
  part(row, '.reach-age').textContent = audience.error ? audience.error.message : age(audience.asOf, audience.stale);
  part(row, '.earned').textContent = money(revenue, revenueCurrency ?? currency);
  part(row, '.key').textContent = CREDENTIALS[credentials] ?? credentials;
}
