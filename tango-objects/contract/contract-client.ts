/** A client of the stress that makes calls of all contracts: histories for the linearizability checker. */
import fc from 'fast-check';
import { checkLinearizability, type Operation } from '../checkers/linearizability.ts';
import { valueKey } from '../checkers/value-key.ts';
import { ObjectClient, type ObjectClientOptions } from '../stress/object-client.ts';
import type { ClientRecord } from '../stress/object-history.ts';
import { CONTRACTS } from './contracts.ts';
import { type Call, Caller, linearizabilityModel } from './object-contract.ts';

/** What a thread is about to do: its input in the journal. */
export interface PlannedContractCall {
  /** Name of the contract. */
  readonly contract: string;
  readonly call: Call;
}

/** Drawn before the work begins, of each contract. */
const CALLS = 300;
const SYNC_CHANCE = 0.3;
const SEED_MAX = 2 ** 31;
const STEPS_MAX = 400_000;

interface Used {
  readonly name: string;
  readonly caller: Caller<object>;
  readonly calls: readonly Call[];
}

export class ContractClient extends ObjectClient {
  readonly #used: readonly Used[];

  private constructor(options: ObjectClientOptions, used: readonly Used[]) {
    super(options);
    this.#used = used;
  }

  static async open(options: ObjectClientOptions): Promise<ContractClient> {
    const { tango, round, random } = options;
    const used: Used[] = [];
    for (const contract of CONTRACTS) {
      const { name } = contract;
      const caller = await Caller.open(contract, tango, `${name} ${round}`);
      const draw = { seed: random.below(SEED_MAX), numRuns: CALLS };
      used.push({ name, caller, calls: fc.sample(contract.calls, draw) });
    }
    return new ContractClient(options, used);
  }

  protected async step(): Promise<void> {
    const { random } = this.options;
    const { name, caller, calls } = this.#used[random.below(this.#used.length)];
    const call = calls[random.below(calls.length)];
    const planned: PlannedContractCall = { contract: name, call };
    const isSync = random.chance(SYNC_CHANCE);
    await this.perform(planned, () => (isSync ? caller.callSync(call) : caller.call(call)));
  }

  protected state(): unknown {
    return this.#used.map(({ name, caller }) => [name, valueKey(caller.observe())]);
  }
}

/** What is wrong with the calls of each contract, in words; nothing: []. */
export function wrongCalls(records: readonly ClientRecord[]): string[] {
  return CONTRACTS.flatMap((contract) => {
    const history = records.flatMap((record): Operation<Call>[] => {
      const { contract: name, call } = record.input as PlannedContractCall;
      if (name !== contract.name || record.outcome === 'fail') return [];
      const end = record.outcome === 'ok' ? record.return : Number.POSITIVE_INFINITY;
      const { client, output } = record;
      return [{ client, input: call, output, call: record.call, return: end }];
    });
    const model = linearizabilityModel(contract);
    const { verdict, explanation } = checkLinearizability(model, history, { stepsMax: STEPS_MAX });
    return verdict === 'ok' ? [] : [`${contract.name}, ${verdict}: ${explanation}`];
  });
}
