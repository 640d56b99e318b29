/** What the API and the rooms send, for the type check alone: this file is not published. */

/** `GET /api/session` */
interface Session {
  userId: string;
  name: string;
  modules: string[];
  expiresAt: string;
}

/** `202` of `POST /api/session`: what the sign-in needs in addition. */
interface Challenge {
  challenge: 'totp' | 'newPassword';
  name: string;
  session: string;
}

/** `GET /api/config` */
interface Config {
  webSocketUrl: string;
  timeZone: string;
  ladders?: Record<string, number[]>;
}

/** One page of a list. */
interface ListPage<Item> {
  items: Item[];
  nextCursor: string | null;
}

interface Badge {
  id: string;
  name: string;
  emoji: string;
}

interface Rep {
  id: number;
  name: string;
  avatar: string | null;
  team: string | null;
  rank: number;
  monthlyRevenueGoal: number | null;
  monthlyRevenue: number;
  monthlySignups: number;
  goalProgress: number;
  monthlyGrowth: number | null;
  currentBonusTier: number;
  asOf: string;
  /** Only `GET /api/leaderboard` has them. */
  badges?: Badge[];
}

/** The leaderboard of a month; `at` is when it was read, null for an archived month. */
interface Board {
  items: Rep[];
  total: number;
  period: string;
  at: Date | null;
}

/** `achievement:celebration` */
interface Celebration {
  userName: string;
  title: string;
  description: string;
  icon: string;
  milestone: {
    id: string;
    achievedAt: string;
    alsoPassed?: { threshold: number; label: string }[];
    salesRep: Pick<Rep, 'id' | 'name' | 'avatar' | 'team'>;
  };
}

/** What a room sends. `id` is null for a state, which is not numbered. */
interface Frame<Data> {
  id: string | null;
  event: string;
  room: string;
  at: string;
  data: Data;
  expiresAt?: string;
}

/** `leaderboard:refresh` */
interface BoardFrame extends Frame<Rep[]> {
  total: number;
  period: string;
}

/** `viewers:count`. A heartbeat's response has `viewers` only. */
interface ViewerCount {
  viewers: number;
  connections?: number;
  asOf?: string;
  window?: number;
}

/** `viewers:milestone` */
interface ViewerMilestone {
  threshold: number;
  viewers: number;
  title: string;
  description: string;
  emoji: string;
}

interface Followers {
  count: number;
  name: string;
  url: string | null;
  asOf: string;
  stale: boolean;
}

/** `GET /api/viewer/channel/{id}` */
interface ChannelInfo {
  name: string | null;
  webSocketUrl: string;
  heartbeatInterval: number;
  followers: Followers | null;
}

interface HTMLElementTagNameMap {
  'goal-bar': import('./elements.js').GoalBar;
  'live-state': import('./elements.js').LiveState;
  'rep-avatar': import('./elements.js').RepAvatar;
  'tier-stones': import('./elements.js').TierStones;
}

/** `GET /api/webhooks/endpoints/{id}`; `secret` only where it is made or rotated. */
interface Endpoint {
  id: string;
  url: string;
  description: string;
  format: 'standard' | 'source' | 'ghl';
  events: string[];
  filter: Record<string, Record<string, unknown>>;
  headers: string[];
  rateLimit: number | null;
  owner: string | null;
  defaultContact: Contact | null;
  holdOut: number;
  state: 'active' | 'paused' | 'disabled';
  stateReason: string;
  health: {
    failures: number;
    failingSince: string | null;
    openUntil: string | null;
    lastError: string;
  };
  previousSecretUntil: string | null;
  createdAt: string;
  version: number;
  secret?: string;
}

interface Contact {
  name?: string | null;
  email?: string | null;
  phone?: string | null;
}

/** `GET /api/webhooks/messages`; `attempts` is a number there, and the list of them in `GET …/{id}`. */
interface Message {
  id: string;
  event: string;
  endpoint: string;
  type: string | null;
  subject: string | null;
  status: 'pending' | 'sent' | 'failed' | 'skipped' | 'held_out';
  attempts: number;
  createdAt: string;
  sentAt: string | null;
  dueAt: string | null;
  errorMessage: string | null;
  sample: boolean;
}

interface MessageDetails extends Omit<Message, 'attempts'> {
  attempts: Attempt[];
  data: unknown;
  contact: Contact | null;
  sequence: number | null;
  template: string | null;
  erased: boolean;
  feedback: Record<string, string>;
}

interface Attempt {
  number: number;
  at: string;
  milliseconds: number;
  status: number | null;
  error: string | null;
  reason: string;
  response: string | null;
}

/** `GET /api/webhooks/catalogue` */
interface EventType {
  type: string;
  description: string;
  schema: unknown;
  example: unknown;
}

/** `GET /api/webhooks/stats`; rates are parts of one, latencies milliseconds. */
interface Stats {
  total: DeliveryStats;
  endpoints: (DeliveryStats & { endpoint: string; lift: Lift | null })[];
  feedback: {
    type: string;
    template: string | null;
    sent: number;
    openRate: number;
    clickRate: number;
    conversionRate: number;
  }[];
}

interface DeliveryStats {
  messages: number;
  sent: number;
  pending: number;
  deliveryRate: number | null;
  retrySuccess: number | null;
  latency: { p50: number; p95: number; p99: number } | null;
  oldestPending: string | null;
}

interface Lift {
  sent: number;
  sentConverted: number;
  heldOut: number;
  heldOutConverted: number;
  lift: number | null;
}

/** What `watch` of watching.js calls. */
interface ViewerHooks {
  about?: (info: ChannelInfo) => void;
  count?: (count: ViewerCount) => void;
  milestone?: (milestone: ViewerMilestone) => void;
  state?: (state: 'connecting' | 'here' | 'away' | 'refused') => void;
}

/** What a viewer session uses of its page; a test replaces them. */
interface ViewerOptions {
  origin: string;
  window: Window;
  fetch: typeof fetch;
  WebSocket: typeof WebSocket;
  beacon: (url: string, body: string) => void;
  storage: () => Storage;
  timers: { set: (call: () => void, after: number) => unknown; clear: (timer: any) => void };
  now: () => number;
  random: () => number;
  ended: () => void;
}

/** A viewer on heartbeats; `token` comes with the response to the join. */
interface PresenceSlot {
  channelId: string;
  viewerId: string;
  token?: string;
}

/** Numbers by metric, such as `{"replies": 12}`. */
type Counts = Record<string, number>;

interface Near {
  type: string;
  threshold: number;
  label: string;
  value: number;
  missing: number;
}

interface Today {
  date: string;
  counts: Counts;
  goalCount: number;
  dailyGoal: number | null;
  goalAchieved: boolean;
}

/** `GET /api/users/{id}` */
interface User {
  id: string;
  name: string | null;
  email: string | null;
  phone: string | null;
  timeZone: string;
  attributes: Record<string, string | number | boolean | null> | null;
  createdAt: string | null;
  dailyGoal: number | null;
  nextDailyGoal: { dailyGoal: number | null; from: string } | null;
  totals: Counts;
  month: { month: string; counts: Counts };
  today: Today;
  firstReplyAt: string | null;
  firsts: Record<string, string>;
  features: string[];
  streakDays: number;
  streakBegan: string | null;
  freezes: number;
  daysWithUs: number;
  latestMilestone: { id: string; type: string; label: string; threshold: number; value: number; achievedAt: string } | null;
  near: Near[];
  asOf: string;
}

/** `GET /api/users/{id}/usage` */
interface UsageDay {
  date: string;
  counts: Counts;
  /** Besides `counts`. */
  imported: Counts;
  goalCount: number;
  dailyGoal: number | null;
  goalAchieved: boolean;
  frozen: boolean;
  counted: boolean;
}

/** `GET /api/users/{id}/milestones`; `event` is the webhooks' id of it. */
interface UserMilestone {
  id: string;
  type: string;
  period: string;
  threshold: number;
  label: string;
  achievedAt: string;
  alsoPassed: { threshold: number; label: string }[];
  streakDays: number | null;
  corrected: boolean;
  revertedAt: string | null;
  event: string;
}

/** `GET /api/users/{id}/freezes` */
interface Freezes {
  freezes: number;
  items: { id: string; count: number; reason: string; by: string; at: string }[];
  used: string[];
}

/** `GET /api/usage/totals` */
interface TotalsDay {
  date: string;
  counts: Counts;
  imported: Counts;
  /** Who did something. */
  users: number;
  /** How many of them reached their goal. */
  goals: number;
}
