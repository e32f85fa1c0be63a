const { existsSync } = require("node:fs");
const { join } = require("node:path");
const { pathToFileURL } = require("node:url");
const { useCompileCache } = require("./compile-cache.js");

const ROOT = join(__dirname, "..");

/** Runs `src/<name>.ts` as it is in a checkout; an installed package holds it compiled. */
module.exports = function runEntry(name) {
  useCompileCache();
  const source = join(ROOT, "src", `${name}.ts`);
  const entry = existsSync(source) ? source : join(ROOT, "dist", `${name}.js`);
  return import(pathToFileURL(entry).href);
};
