/** Entry of a load thread of `tangolog run`. */
import { serveLoad } from '../serve-load.ts';
import type { MoneyWorkload } from './bank.ts';
import { COUNTER_NAMES, MoneyLoad } from './money-load.ts';

void serveLoad<MoneyWorkload, typeof COUNTER_NAMES>(COUNTER_NAMES, (parts) =>
  MoneyLoad.start(parts),
);
