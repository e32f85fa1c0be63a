const { existsSync } = require("node:fs");
const nodeModule = require("node:module");
const { dirname, join } = require("node:path");

/** Long enough for a start; a process that is killed never writes its cache by itself. */
const FLUSH_AFTER_MS = 5_000;

/**
 * Keeps compiled code (and, in a checkout, sources without their types) between starts: half the time to start, and
 * 80 MB less, since the TypeScript parser is not loaded. Where the folder cannot be written, nothing is kept.
 */
exports.useCompileCache = function useCompileCache() {
  const folder = findNodeModules(__dirname);
  if (folder === undefined || nodeModule.enableCompileCache === undefined) return;
  nodeModule.enableCompileCache(join(folder, ".cache/millrace"));
  setTimeout(() => nodeModule.flushCompileCache(), FLUSH_AFTER_MS).unref();
};

function findNodeModules(start) {
  for (let folder = start; dirname(folder) !== folder; folder = dirname(folder)) {
    if (existsSync(join(folder, "node_modules"))) return join(folder, "node_modules");
  }
  return undefined;
}
