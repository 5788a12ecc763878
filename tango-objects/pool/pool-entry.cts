/**
 * Entry of a thread of a pool. piscina loads it by require(), and a thread that is ended while Node 20
 * requires an ES module takes the process along (`IsGraphAsync must be used on an instantiated module`). So this
 * is the one CommonJS file, and it imports what a thread does.
 */
const loading = import('./pool-worker.ts');
// A task is told.
loading.catch(() => {});

module.exports = async (call: Parameters<Awaited<typeof loading>['default']>[0]) => {
  const { default: runTask } = await loading;
  return runTask(call);
};
