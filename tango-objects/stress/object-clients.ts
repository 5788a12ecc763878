/** The kinds of clients, by name. */
import { ListClient } from './list-client.ts';
import type { ObjectClient, ObjectClientOptions } from './object-client.ts';
import { OperationClient } from './operation-client.ts';

export const CLIENTS = {
  lists: ListClient,
  operations: OperationClient,
  contracts: {
    // Draws its calls with a package that the others do without.
    async open(options: ObjectClientOptions): Promise<ObjectClient> {
      const { ContractClient } = await import('../contract/contract-client.ts');
      return await ContractClient.open(options);
    },
  },
} as const;

export type ClientKind = keyof typeof CLIENTS;
