/** What the analytics routes send, for the type check alone: this file is not published. */

type Part = 'transactions' | 'audience';

interface Agency {
  id: string;
  name: string;
  createdAt: string;
  retiredAt: string | null;
  creators: number;
}

interface PartError {
  code: string;
  message: string;
  since?: string | null;
  retryAt?: string | null;
}

/** `GET /api/creators/{id}` */
interface Creator {
  id: string;
  agencyId: string;
  name: string;
  platform: string;
  externalId: string;
  currency: string | null;
  timeZone: string | null;
  addedAt: string;
  retiredAt: string | null;
  credentials: string;
  sync: {
    asOf: string | null;
    stale: boolean;
    state: 'never' | 'first' | 'ok' | 'failing' | 'retired';
    error: PartError | null;
  };
  audience: {
    asOf: string | null;
    stale: boolean;
    subscribers: number | null;
    followers: number | null;
    error: PartError | null;
  };
  revenue: number | null;
  revenueCurrency: string | null;
}

type MoneyCategory = 'messages' | 'tips' | 'subscriptions' | 'posts' | 'renewals' | 'referrals' | 'other';

type CategorySums = Partial<Record<MoneyCategory, number | null>>;

/** Numbers of a bucket; money is null where several currencies are in it. */
interface BucketMoney extends CategorySums {
  revenue: number | null;
  netRevenue: number | null;
  transactions: number;
}

interface Bucket extends BucketMoney {
  date: string;
  endDate: string;
  partial: boolean;
  byCurrency: Record<string, BucketMoney> | null;
  subscribers: number | null;
  followers: number | null;
  newSubscribers: number | null;
  endedSubscribers: number | null;
}

interface CategoryShare {
  category: MoneyCategory;
  revenue: number | null;
  count: number;
  share: number | null;
}

interface CurrencySums {
  totalRevenue: number;
  netRevenue: number | null;
  transactions: number;
  categoryBreakdown: CategoryShare[];
}

interface Formula {
  formula: string;
  inputs: Record<string, number | string | null>;
  why: string | null;
}

interface ShownRange {
  timeRange: string | null;
  startDate: string;
  endDate: string;
  interval: 'day' | 'week' | 'month';
  timeZone: string;
  complete: boolean;
}

type KpiValues = Record<string, number | null>;

/** `GET /api/analytics/dashboard` */
interface Dashboard {
  chartData: Bucket[];
  kpiMetrics: KpiValues;
  formulas: Record<string, Formula>;
  categoryBreakdown: CategoryShare[];
  currency: string | null;
  byCurrency: Record<string, CurrencySums>;
  range: ShownRange;
  previous: { range: Pick<ShownRange, 'startDate' | 'endDate'>; kpiMetrics: KpiValues; changes: KpiValues } | null;
  asOf: Record<Part, string | null>;
  stale: Record<Part, boolean>;
  creators: { id: string; name: string; agencyId: string; state: string }[];
  milestones: RevenueMilestone[];
  warnings: { code: string; message: string }[];
}

interface RevenueMilestone {
  id: string;
  creatorId: string;
  date: string;
  title: string;
  emoji: string;
}

/** `GET /api/analytics/transactions` */
interface MoneyRow {
  id: string;
  creatorId: string;
  creatorName: string;
  at: string;
  gross: number;
  net: number | null;
  currency: string;
  category: MoneyCategory;
  source: string | null;
  payer: { id: string | null; name: string | null } | null;
  status: string;
  origin: string;
  reversesOrderId: string | null;
  traceId: string;
}

/** `GET /api/analytics/sync/{id}` */
interface SyncRun {
  id: string;
  joined?: boolean;
  state: 'running' | 'done';
  startedAt: string;
  finishedAt: string | null;
  creators: { total: number; done: number; failed: number; skipped: number };
  errors: { creatorId: string; name: string; code: string; message: string }[];
}

/** What the address says. */
interface Filters {
  view: 'overview' | 'fanvue' | 'transactions' | 'creators';
  agency: string;
  creator: string;
  range: '7d' | '30d' | '1y' | 'all' | 'custom';
  from: string;
  to: string;
  interval: 'day' | 'week' | 'month';
  compare: 'previous' | 'none';
  zone: string;
  chart: 'total' | 'category';
  audience: 'subscribers' | 'followers';
  category: string;
  currency: string;
}
