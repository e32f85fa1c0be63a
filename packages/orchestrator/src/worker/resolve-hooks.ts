import { registerHooks } from "node:module";
import { pathToFileURL } from "node:url";

/** URL of the DAG file, by URL of its bundle (without a query). */
const sources = new Map<string, string>();
let isInstalled = false;

/**
 * From now on the bare imports of this bundle resolve from its DAG file's own place, and `@millrace/…` from the
 * server's packages where that place has none.
 */
export function resolveImportsFrom(bundleUrl: string, sourcePath: string): void {
  sources.set(withoutQuery(bundleUrl), pathToFileURL(sourcePath).href);
  if (isInstalled) return;
  isInstalled = true;
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const parentURL = sources.get(withoutQuery(context.parentURL ?? "")) ?? context.parentURL;
      try {
        return nextResolve(specifier, { ...context, parentURL });
      } catch (error) {
        if (!specifier.startsWith("@millrace/") || !isNotFound(error)) throw error;
        return nextResolve(specifier, { ...context, parentURL: import.meta.url });
      }
    },
  });
}

function withoutQuery(url: string): string {
  const query = url.indexOf("?");
  return query === -1 ? url : url.slice(0, query);
}

function isNotFound(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND";
}
