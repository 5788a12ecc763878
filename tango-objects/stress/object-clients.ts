/** The kinds of clients, by name. */
import { ListClient } from './list-client.ts';
import { OperationClient } from './operation-client.ts';

export const CLIENTS = { lists: ListClient, operations: OperationClient } as const;
export type ClientKind = keyof typeof CLIENTS;
