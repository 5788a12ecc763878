/** The thread that has the objects: answers each message of those that ask, and ends with its port. */
import { type MessagePort, parentPort } from 'node:worker_threads';
import { type Owned, ownedObjects } from './owned-objects.ts';
import type { Answer, Question } from './owner-client.ts';

function serve(objects: Owned, asker: MessagePort): void {
  asker.on('message', ([id, operation, number]: Question) => {
    const result = objects[operation](number);
    const answer = (value: unknown): void => asker.postMessage([id, value] satisfies Answer);
    if (result instanceof Promise) void result.then(answer);
    else answer(result);
  });
}

function run(port: MessagePort): void {
  const objects = ownedObjects();
  port.on('message', (asker: MessagePort | undefined) => {
    if (asker === undefined) return port.close();
    serve(objects, asker);
  });
}

// Null in the main thread, which has no business here.
if (parentPort !== null) run(parentPort);
