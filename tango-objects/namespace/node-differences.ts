/** What has happened between two views of a namespace, as far as can be told when the log is not there. */
import type { NodeEvent } from './node-operations.ts';
import { parentOf } from './node-path.ts';
import type { NodeTree } from './node-tree.ts';

/**
 * In log order, one event of a kind for each node, at the position of the last change of that kind. What was
 * created and deleted in between is not told. O(n log n).
 */
export function differences(before: NodeTree, after: NodeTree): NodeEvent[] {
  const events: NodeEvent[] = [];
  // Those below first.
  for (const { path, czxid } of [...before.all()].reverse()) {
    if (after.get(path)?.czxid === czxid) continue;
    events.push({ type: 'deleted', path, position: deletedAt(path, before, after) });
  }
  const nodes = [...after.all()];
  for (const { path, czxid, mzxid } of nodes) {
    const was = before.get(path);
    if (was?.czxid !== czxid) events.push({ type: 'created', path, position: czxid });
    else if (was.mzxid !== mzxid) events.push({ type: 'changed', path, position: mzxid });
  }
  for (const { path, czxid, pzxid } of nodes) {
    const was = before.get(path);
    if (was?.czxid !== czxid || was.pzxid === pzxid) continue;
    events.push({ type: 'children', path, position: pzxid });
  }
  return events.sort((one, other) => one.position - other.position);
}

/** At the latest: when the first ancestor that is there lost its last child, or was itself made anew. */
function deletedAt(path: string, before: NodeTree, after: NodeTree): number {
  for (let at = path; ; at = parentOf(at)) {
    const node = after.get(at);
    if (node !== undefined) return before.get(at)?.czxid === node.czxid ? node.pzxid : node.czxid;
  }
}
