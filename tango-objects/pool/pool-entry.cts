/**
 * Entry of a thread of a pool. piscina loads it by require(), and a thread that is ended while Node 20
 * requires an ES module takes the process along (`IsGraphAsync must be used on an instantiated module`). So this
 * is the one CommonJS file, and it imports what a thread does. piscina awaits the export before it says
 * that the thread is ready.
 */
exports.default = import('./pool-worker.ts').then(async ({ loadTasks, runTask }) => {
  await loadTasks();
  return runTask;
});
