/** Moves a node and all that is below it: what ZooKeeper cannot, between two namespaces. */
import { TangoError } from '../../actors/tango-error.ts';
import type { NodeChange } from './node-changes.ts';
import { childOf } from './node-path.ts';
import type { TangoNamespace } from './tango-namespace.ts';

/** In the body of a transaction. */
export function moveNodes<T>(
  from: TangoNamespace<T>,
  path: string,
  to: TangoNamespace<T>,
  toPath: string,
): void {
  const creates: NodeChange<T>[] = [];
  const deletes: NodeChange<T>[] = [];
  const walk = (one: string, other: string): void => {
    const { data, stat } = from.get(one);
    if (stat.ephemeralOwner !== 0) {
      const text = `an ephemeral node stays with its session's namespace: path=${one}`;
      throw new TangoError('ERR_UNSUPPORTED', text, { object: from.name, key: one });
    }
    creates.push({ create: other, data });
    for (const name of from.children(one)) walk(childOf(one, name), childOf(other, name));
    deletes.push({ delete: one });
  };
  walk(path, toPath);
  // First, so that within one namespace nothing is moved below itself.
  from.multiSync(deletes);
  to.multiSync(creates);
}
