/** What a namespace does, without sessions: nodes conflict one by one, and a node with those that name it. */
import fc from 'fast-check';
import { TangoError, type TangoErrorCode } from '../../actors/tango-error.ts';
import type { NodeChange } from '../namespace/node-changes.ts';
import { TangoNamespace } from '../namespace/tango-namespace.ts';
import { call, type ObjectContract } from './object-contract.ts';

interface ModelNode {
  readonly data: unknown;
  readonly version: number;
  /** Children that were ever created, and that were deleted. */
  readonly creates: number;
  readonly deletes: number;
}

interface Look {
  readonly version: number;
  readonly cversion: number;
  readonly numChildren: number;
}

const EMPTY = { version: 0, creates: 0, deletes: 0 };

/** Slow and plain: a list of paths. */
class NamespaceModel {
  nodes = new Map<string, ModelNode>([['/', { ...EMPTY, data: undefined }]]);

  create(
    path: string,
    data?: unknown,
    options: { readonly sequential?: boolean | undefined } = {},
  ): string {
    const above = path.slice(0, path.lastIndexOf('/')) || '/';
    const parent = this.node(above);
    const number = String(parent.creates).padStart(10, '0');
    const created = options.sequential === true ? path + number : path;
    if (this.nodes.has(created)) throw failure('ERR_NODE_EXISTS');
    this.nodes.set(above, { ...parent, creates: parent.creates + 1 });
    this.nodes.set(created, { ...EMPTY, data });
    return created;
  }

  put(path: string, data: unknown, version = -1): number {
    const node = this.node(path, version);
    this.nodes.set(path, { ...node, data, version: node.version + 1 });
    return node.version + 1;
  }

  delete(path: string, version = -1): void {
    this.node(path, version);
    if (this.children(path).length > 0) throw failure('ERR_NOT_EMPTY');
    const above = path.slice(0, path.lastIndexOf('/')) || '/';
    const parent = this.node(above);
    this.nodes.set(above, { ...parent, deletes: parent.deletes + 1 });
    this.nodes.delete(path);
  }

  multi(changes: readonly NodeChange[]): unknown[] {
    const before = this.nodes;
    this.nodes = new Map(before);
    try {
      return changes.map((change) => {
        if ('create' in change) return this.create(change.create, change.data, change);
        if ('delete' in change) return this.delete(change.delete, change.version);
        if ('set' in change) return void this.put(change.set, change.data, change.version);
        return void this.node(change.check, change.version);
      });
    } catch (error) {
      this.nodes = before;
      throw error;
    }
  }

  children(path: string): string[] {
    this.node(path);
    const below = path === '/' ? '/' : `${path}/`;
    const names = [...this.nodes.keys()].filter((one) => one !== '/' && one.startsWith(below));
    return names
      .map((one) => one.slice(below.length))
      .filter((one) => !one.includes('/'))
      .sort();
  }

  has(path: string): boolean {
    return this.nodes.has(path);
  }

  data(path: string): unknown {
    return this.node(path).data;
  }

  look(path: string): Look | undefined {
    const node = this.nodes.get(path);
    if (node === undefined) return undefined;
    const { version, creates, deletes } = node;
    return { version, cversion: creates + deletes, numChildren: creates - deletes };
  }

  private node(path: string, version = -1): ModelNode {
    const node = this.nodes.get(path);
    if (node === undefined) throw failure('ERR_NO_NODE');
    if (version !== -1 && version !== node.version) throw failure('ERR_BAD_VERSION');
    return node;
  }
}

function failure(code: TangoErrorCode): TangoError {
  return new TangoError(code, 'by the model');
}

function lookAt(namespace: TangoNamespace, path: string): Look | undefined {
  const stat = namespace.exists(path);
  if (stat === undefined) return undefined;
  const { version, cversion, numChildren } = stat;
  return { version, cversion, numChildren };
}

function observed(one: TangoNamespace | NamespaceModel, path: string): unknown[] {
  const isModel = one instanceof NamespaceModel;
  const data = isModel ? one.data(path) : one.get(path).data;
  const look = isModel ? one.look(path) : lookAt(one, path);
  const names = one.children(path);
  return [path, data, look, names.map((name) => observed(one, path.replace(/\/?$/, `/${name}`)))];
}

const path = fc.constantFrom('/a', '/b', '/a/b', '/a/c', '/a/b/c', '/a/n0000000000');
const value = fc.integer({ min: 0, max: 99 });
const version = fc.constantFrom(-1, -1, 0, 1);
const sequential = fc.constant({ sequential: true });
const prefix = fc.constantFrom('/a/n', '/a/', '/n');
const change: fc.Arbitrary<NodeChange> = fc.oneof(
  fc.record({ create: path, data: value }),
  fc.record({ create: prefix, data: value, sequential: fc.constant(true) }),
  fc.record({ delete: path, version }),
  fc.record({ check: path, version }),
);

export const namespaceContract: ObjectContract<TangoNamespace, NamespaceModel> = {
  name: 'namespace',
  type: TangoNamespace,
  model: NamespaceModel,
  observe: (one) => observed(one, '/'),
  calls: fc.oneof(
    { weight: 5, arbitrary: call('create', path, value) },
    { weight: 2, arbitrary: call('create', prefix, value, sequential) },
    { weight: 2, arbitrary: call('put', path, value, version) },
    { weight: 3, arbitrary: call('delete', path, version) },
    { weight: 3, arbitrary: call('multi', fc.array(change, { maxLength: 4 })) },
    call('children', path),
    call('has', path),
    call('data', path),
    call('look', path),
  ),
  errors: ['ERR_NO_NODE', 'ERR_NODE_EXISTS', 'ERR_NOT_EMPTY', 'ERR_BAD_VERSION'],
  composed: (namespace) => ({
    put: (one: string, data: unknown, expected?: number) =>
      namespace.setSync(one, data, expected).version,
    has: (one: string) => namespace.exists(one) !== undefined,
    data: (one: string) => namespace.get(one).data,
    look: (one: string) => lookAt(namespace, one),
  }),
  conflicts: [
    {
      given: [
        ['create', '/a', 1],
        ['create', '/a/b', 1],
        ['create', '/a/b/c', 1],
        ['create', '/x', 1],
      ],
      meanwhile: [
        ['put', '/a', 2],
        ['create', '/a/d', 2],
        ['create', '/a/n', 2, { sequential: true }],
        ['put', '/a/b', 2],
        ['delete', '/a/b/c'],
        ['delete', '/x'],
        ['multi', [{ check: '/a' }]],
        ['multi', [{ set: '/a', data: 2 }, { delete: '/x' }]],
      ],
      inBody: [
        // What a node is does not depend on its children, until one looks at what concerns them.
        [['data', '/a'], 'x......x'],
        [['has', '/a'], 'x......x'],
        [['look', '/a'], 'xxx....x'],
        [['children', '/a'], '.xx.....'],
        [['children', '/'], '.....x.x'],
        [['data', '/a/d'], '.x......'],
        [['has', '/a/d'], '.x......'],
        // A name that ends in a number may be that of a sequential node.
        [['has', '/a/n0000000001'], '..x.....'],
        [['children', '/a/n0000000001'], '..x.....'],
        [['data', '/a/b'], '...x....'],
        // Two that create children of one node do not conflict, sequential ones do.
        [['create', '/a/e', 1], '........'],
        [['create', '/a/d', 1], '.x......'],
        [['create', '/a/e', 1, { sequential: true }], '.xx.....'],
        [['create', '/a/n0000000001', 1], '..x.....'],
        [['create', '/x/y', 1], '.....x.x'],
        [['put', '/a', 1], 'x......x'],
        [['put', '/a', 1, 0], 'x......x'],
        [['put', '/x', 1], '.....x.x'],
        [['delete', '/a/b/c'], '....x...'],
        [['delete', '/a/b'], '....x...'],
        [['delete', '/x'], '.....x.x'],
        [['multi', [{ check: '/a' }]], '........'],
        [['multi', [{ check: '/a', version: 0 }]], 'x......x'],
        [['multi', [{ create: '/a/e' }, { delete: '/x' }]], '.....x.x'],
      ],
    },
  ],
  holders: [
    {
      name: 'data',
      put: (one) => ['create', '/held', one],
      found: (namespace) => namespace.get('/held').data,
    },
  ],
};
