/** Lists that are appended to without being read: their transactions need no read of what they change. */
import { TangoObject } from '../../runtime/views/tango-object.ts';
import { GrowingMap } from '../growing-map.ts';
import { LayeredMap } from '../layered-map.ts';

interface Append {
  readonly key: string;
  readonly value: number;
}

type Lists = GrowingMap<string, readonly number[]>;

export class AppendLists extends TangoObject<Append> {
  static readonly typeName = 'append-lists';
  /** The arrays are never changed in place. */
  #lists: Lists | LayeredMap<string, readonly number[]> = new GrowingMap();

  read(key: string): readonly number[] {
    return this.query(() => this.#lists.get(key) ?? [], key);
  }

  entries(): [string, readonly number[]][] {
    return this.query(() => [...this.#lists]);
  }

  appendSync(key: string, value: number): void {
    this.writeSync({ key, value }, [key]);
  }

  protected apply({ key, value }: Append): void {
    this.#lists.set(key, [...(this.#lists.get(key) ?? []), value]);
  }

  protected checkpoint(): unknown {
    return [...this.#lists];
  }

  protected restore(state: unknown): void {
    this.#lists = new GrowingMap();
    for (const [key, list] of state as [string, number[]][]) this.#lists.set(key, list);
  }

  protected override tryOut(): () => void {
    const lists = this.#lists;
    this.#lists = new LayeredMap(lists);
    return () => {
      this.#lists = lists;
    };
  }
}
