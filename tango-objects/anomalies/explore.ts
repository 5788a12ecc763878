/** All executions of a scenario in one mode. */
import { Choices } from './choices.ts';
import { Execution } from './execution.ts';
import { Host, objectOf } from './host.ts';
import { InterleavedLog } from './interleaved-log.ts';
import type { Placed } from './recorded-map.ts';
import type { Grain, Layout, Mode, Scenario, TransactionSpec } from './scenario.ts';
import { checkExecution, INITIALLY } from './verdict.ts';

const KEYS = 'xy';
const INITIAL = { x: 10, y: 20 };
/** Beside the transactions' clients: who sets up and replaces sequencers, and observers. */
const OPERATOR = 0;
const OBSERVERS = 3;

const LAYOUTS: readonly Layout[] = ['one object', 'two objects', 'partial hosts'];

export interface Explored {
  readonly executions: number;
  /** How often each end was reached, by its word. */
  readonly ends: ReadonlyMap<string, number>;
}

/** `settle`: resolves when everything has happened that promises have waiting. */
export async function explore(
  scenario: Scenario,
  mode: Mode,
  settle: () => Promise<void>,
): Promise<Explored> {
  const stage = new Stage(scenario, mode.layout);
  await stage.prepare();
  const choices = new Choices();
  const ends = new Map<string, number>();
  let executions = 0;
  do {
    const end = await stage.perform(mode, choices, settle);
    ends.set(end, (ends.get(end) ?? 0) + 1);
    executions++;
  } while (choices.next());
  return { executions, ends };
}

class Stage {
  readonly #scenario: Scenario;
  readonly #layout: Layout;
  readonly #keys: string;
  readonly #log: InterleavedLog;

  constructor(scenario: Scenario, layout: Layout) {
    this.#scenario = scenario;
    this.#layout = layout;
    this.#keys = KEYS + (scenario.keys ?? '');
    this.#log = new InterleavedLog(
      scenario.transactions.length + OBSERVERS + 1,
      layout === 'two objects',
    );
  }

  /** The objects are there, with their first values. */
  async prepare(): Promise<void> {
    const host = this.#host(OPERATOR);
    await host.open(this.#keys);
    for (const [key, value] of Object.entries(INITIAL)) {
      host.mapOf(key).setSync(key, `${value} ${INITIALLY}`);
    }
    this.#log.keep();
  }

  /** One execution; how it ended. Throws what is wrong, with the steps that led there. */
  async perform(mode: Mode, choices: Choices, settle: () => Promise<void>): Promise<string> {
    const { transactions, expect, trims = false } = this.#scenario;
    this.#log.restore();
    const hosts: Host[] = [];
    for (const [i, spec] of transactions.entries()) hosts.push(await this.#hostOf(spec, i));
    const early = await this.#observers(transactions.length + 1);
    const operator = this.#log.client(OPERATOR);
    const execution = new Execution(mode, hosts, transactions, choices, {
      settle,
      replaceSequencer: () => this.#log.replaceSequencer(operator),
    });
    try {
      await execution.run();
      const late = this.#host(transactions.length + OBSERVERS);
      await late.open(this.#keys);
      const living = [...hosts.filter(({ client }) => client.isAlive), ...early, late];
      for (const { client } of living) {
        client.link.isDriven = true;
        await client.views.sync();
      }
      execution.lists = new Map([...this.#keys].map((key) => [key, listOf(late, key)]));
      checkExecution(execution, living, trims);
      return expect(execution);
    } catch (error) {
      const where = [this.#scenario.name, ...Object.values(mode)].join(', ');
      throw new Error(`${where}: ${error}\n  ${execution.trace.join('\n  ')}`, { cause: error });
    }
  }

  #host(number: number): Host {
    return new Host(this.#log.client(number), this.#layout, this.#keys);
  }

  async #hostOf({ keys = this.#keys }: TransactionSpec, number: number): Promise<Host> {
    const host = this.#host(number + 1);
    await host.open(this.#layout === 'partial hosts' ? keys : this.#keys);
    return host;
  }

  /** Where hosts are partial, one for each object, else one of all. */
  async #observers(first: number): Promise<Host[]> {
    if (this.#layout !== 'partial hosts') {
      const host = this.#host(first);
      await host.open(this.#keys);
      return [host];
    }
    const names = [...new Set([...this.#keys].map((key) => objectOf(this.#layout, key)))];
    const hosts: Host[] = [];
    for (const [i, name] of names.entries()) {
      const host = this.#host(first + i);
      await host.open([...this.#keys].find((key) => objectOf(this.#layout, key) === name) ?? '');
      hosts.push(host);
    }
    return hosts;
  }
}

function listOf(host: Host, key: string): readonly Placed[] {
  return host.mapOf(key).listOf(key);
}

/**
 * The scenario in all its modes; how many executions these were. Throws when a word is missing or is
 * not to be there.
 */
export async function exploreAll(scenario: Scenario, settle: () => Promise<void>): Promise<number> {
  const { name, ends, modes = usualModes(scenario) } = scenario;
  let executions = 0;
  for (const mode of modes) {
    const explored = await explore(scenario, mode, settle);
    executions += explored.executions;
    const found = [...explored.ends.keys()];
    const expected = ends[mode.fault] ?? ends.none;
    const missing = expected.filter((end) => !found.includes(end));
    const wrong = found.filter((end) => !expected.includes(end));
    if (missing.length + wrong.length === 0) continue;
    const where = Object.values(mode).join(', ');
    const what = `missing=${missing.join(' | ')}, wrong=${wrong.join(' | ')}`;
    throw new Error(`${name}, ${where}: the ends are not as expected: ${what}`);
  }
  return executions;
}

/** Without fault in all layouts, with faults where hosts are partial. */
export function modesOf(without: Grain, faulty: Grain): Mode[] {
  return [
    ...LAYOUTS.map((layout): Mode => ({ layout, fault: 'none', grain: without })),
    { layout: 'partial hosts', fault: 'kill', grain: faulty },
    { layout: 'partial hosts', fault: 'failover', grain: faulty },
  ];
}

function usualModes({ transactions, isFine = false }: Scenario): Mode[] {
  if (transactions.length > 2) return modesOf('brief', 'whole');
  const modes = modesOf('parts', 'coarse');
  if (isFine) modes.push({ layout: 'partial hosts', fault: 'none', grain: 'fine' });
  return modes;
}
