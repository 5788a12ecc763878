/**
 * A ZooKeeper server of its own for an experiment: alone, in a temporary folder in memory, without
 * syncing. Its jars are looked for in the folder that TANGOLOG_ZOOKEEPER names, in
 * bench/peers/zookeeper (where bench/peers/zookeeper.sh puts them), and where Debian's
 * libzookeeper-java does: /usr/share/java.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { isPeerInstalled, peersFolder } from '../stores/peer-packages.ts';
import { memoryFolder } from '../stores/store-places.ts';
import { ZOOKEEPER_CLIENT } from './zookeeper-nodes.ts';

const JAR = 'zookeeper.jar';
/** What the server needs, and a logger that is silent. */
const JARS = [
  JAR,
  'zookeeper-jute.jar',
  'commons-cli.jar',
  'commons-io.jar',
  'jackson-annotations.jar',
  'jackson-core.jar',
  'jackson-databind.jar',
  'metrics-core.jar',
  'netty-buffer.jar',
  'netty-common.jar',
  'netty-handler.jar',
  'netty-transport.jar',
  'netty-transport-native-epoll.jar',
  'slf4j-api.jar',
  'slf4j-nop.jar',
  'snappy-java.jar',
];
const MAIN = 'org.apache.zookeeper.server.ZooKeeperServerMain';
const HEAP = '-Xmx1g';
const ADDRESS = '127.0.0.1';
/** The shell ends the server once nobody holds its standard input any more, however that came about. */
const KEEPER = 'folder=$1; shift; "$@" & server=$!; read _; kill -9 $server; rm -rf "$folder"';
const START_MS_MAX = 30_000;
const LOOK_MS = 20;

/** The folder of its jars; a sentence says why there is none. */
export function findZooKeeper(): { readonly jars: string } | { readonly missing: string } {
  const named = process.env.TANGOLOG_ZOOKEEPER;
  const peers = peersFolder();
  const usual = [...(peers === undefined ? [] : [join(peers, 'zookeeper')]), '/usr/share/java'];
  const places = named === undefined ? usual : [named];
  const jars = places.find((folder) => existsSync(join(folder, JAR)));
  if (jars === undefined) return { missing: `there is no ${JAR} in ${places.join(' or ')}` };
  if (spawnSync('java', ['-version']).status !== 0) return { missing: 'there is no java' };
  if (isPeerInstalled(ZOOKEEPER_CLIENT)) return { jars };
  return { missing: `${ZOOKEEPER_CLIENT} is not installed` };
}

export class ZooKeeperServer implements AsyncDisposable {
  readonly port: number;
  readonly #keeper: ChildProcess;

  private constructor(port: number, keeper: ChildProcess) {
    this.port = port;
    this.#keeper = keeper;
  }

  /** Resolves once it accepts connections. */
  static async start(jars: string): Promise<ZooKeeperServer> {
    const port = await freePort();
    const folder = mkdtempSync(join(memoryFolder(), 'tangolog-zookeeper-'));
    const settings = join(folder, 'zoo.cfg');
    writeFileSync(settings, settingsOf(folder, port));
    const classes = JARS.map((jar) => join(jars, jar)).join(':');
    const command = ['java', HEAP, '-cp', classes, MAIN, settings];
    const keeper = spawn('sh', ['-c', KEEPER, 'sh', folder, ...command], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    const server = new ZooKeeperServer(port, keeper);
    try {
      await accepts(port);
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#keeper, 'exit');
    this.#keeper.stdin?.end();
    await exited;
  }
}

/** What is fastest: nothing is synced, nothing is served beside the clients. */
function settingsOf(folder: string, port: number): string {
  return [
    `dataDir=${join(folder, 'data')}`,
    `clientPort=${port}`,
    `clientPortAddress=${ADDRESS}`,
    'maxClientCnxns=0',
    'tickTime=2000',
    'forceSync=no',
    'admin.enableServer=false',
    '',
  ].join('\n');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, ADDRESS);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function accepts(port: number): Promise<void> {
  const endMs = performance.now() + START_MS_MAX;
  while (performance.now() < endMs) {
    const socket = connect(port, ADDRESS);
    try {
      await once(socket, 'connect');
      return;
    } catch {
      await setTimeout(LOOK_MS);
    } finally {
      socket.destroy();
    }
  }
  throw new Error(`ZooKeeper does not accept connections: port=${port}`);
}
