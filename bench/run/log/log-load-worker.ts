/** Entry of a load thread of `tangolog run --workload log`. */
import { serveLoad } from '../serve-load.ts';
import { COUNTER_NAMES, LogLoad, type LogWorkload } from './log-load.ts';

void serveLoad<LogWorkload, typeof COUNTER_NAMES>(COUNTER_NAMES, (parts) => new LogLoad(parts));
