/** A client with its views of the scenario's objects, and how a body reads and changes them. */
import { assert } from '../../shared-memory/assert.ts';
import type { Attempt } from './attempt.ts';
import { RecordedMap } from './recorded-map.ts';
import type { Layout, ScanCall, Session } from './scenario.ts';
import type { SteppedClient } from './stepped-client.ts';

/** The value 11, set by T2, is `11 T2`: no value is set twice. */
export function numberOf(text: string): number;
export function numberOf(text: string | undefined): number | undefined;
export function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text.slice(0, text.indexOf(' ')));
}

export function objectOf(layout: Layout, key: string): string {
  return layout === 'one object' || key === 'x' ? 'm' : 'n';
}

export class Host {
  readonly client: SteppedClient;
  readonly maps = new Map<string, RecordedMap>();
  readonly #layout: Layout;
  readonly #keys: string;

  constructor(client: SteppedClient, layout: Layout, keys: string) {
    this.client = client;
    this.#layout = layout;
    this.#keys = keys;
  }

  /** Opens the objects of some keys. */
  async open(keys: string): Promise<void> {
    for (const name of new Set([...keys].map((key) => objectOf(this.#layout, key)))) {
      this.maps.set(name, await this.client.views.object(RecordedMap, name));
    }
  }

  mapOf(key: string): RecordedMap {
    const map = this.maps.get(objectOf(this.#layout, key));
    assert(map !== undefined, 'a client hosts what its transaction touches');
    return map;
  }

  /** What each object's view holds, as text. */
  digests(): Map<string, string> {
    return new Map([...this.maps].map(([name, map]) => [name, map.digest()]));
  }

  session(attempt: Attempt): Session {
    const own = new Map<string, string[]>();
    /** `text`: what the production map answers. */
    const found = (key: string, text: string | undefined): void => {
      const values = this.mapOf(key)
        .listOf(key)
        .map(({ value }) => value);
      attempt.found.set(key, values);
      const all = [...values, ...(own.get(key) ?? [])];
      attempt.operations.push({ type: 'read', key, values: all });
      if (text !== all.at(-1)) throw new Error(`${key} is ${text}, and its list is ${all}`);
    };
    return {
      get: (key) => {
        attempt.reads.add(key);
        const text = this.mapOf(key).get(key);
        found(key, text);
        return numberOf(text);
      },
      set: (key, value) => {
        const text = `${value} ${attempt.name}`;
        own.set(key, [...(own.get(key) ?? []), text]);
        this.mapOf(key).setSync(key, text);
        attempt.operations.push({ type: 'append', key, value: text });
      },
      size: () => {
        attempt.reads.add(undefined);
        return [...this.maps.values()].reduce((sum, { size }) => sum + size, 0);
      },
      touch: (key) => {
        attempt.reads.add(key);
        if (this.mapOf('x').has(key)) throw new Error(`nobody sets ${key}`);
      },
      scan: (by = 'entries') => {
        attempt.reads.add(undefined);
        const seen = [...this.maps.values()].flatMap((map) => scanned(map, by));
        const all = new Map<string, string>();
        for (const key of this.#keys) {
          const text = own.get(key)?.at(-1) ?? this.mapOf(key).listOf(key).at(-1)?.value;
          if (text !== undefined) all.set(key, text);
          found(key, text);
        }
        const expected = [...all].map(by === 'values' ? ([, text]) => text : ([key]) => key);
        if (seen.sort().join() !== expected.sort().join()) {
          throw new Error(`${by} has seen ${seen} of ${expected}`);
        }
        return new Map([...all].map(([key, text]) => [key, numberOf(text)]));
      },
    };
  }
}

/** Every key, or by values() every value, as the call tells them. */
function scanned(map: RecordedMap, by: ScanCall): string[] {
  if (by === 'keys' || by === 'values') return [...map[by]()];
  if (by === 'entries') return [...map].map(([key]) => key);
  const keys: string[] = [];
  map.forEach((_value, key) => {
    keys.push(key);
  });
  return keys;
}
