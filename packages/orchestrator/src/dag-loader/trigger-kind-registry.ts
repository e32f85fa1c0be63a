import type { EvaluatedFile } from "../domain/evaluation.ts";
import type { Bundle } from "./bundle-dag-file.ts";
import { problem, type Problem } from "./import-error.ts";

interface DefiningFile {
  readonly file: { readonly file: string; readonly path: string };
  readonly bundle: Bundle;
  readonly evaluated: EvaluatedFile;
}

/** Which file defines which kind of trigger. Several may import it from one place; two places are two triggers. */
export class TriggerKindRegistry {
  readonly #kinds = new Map<string, { readonly file: string; readonly made: string }>();

  add(one: DefiningFile): void {
    for (const { kind, made } of kindsOf(one)) if (!this.#kinds.has(kind)) this.#kinds.set(kind, { file: one.file.file, made });
  }

  findConflict(one: DefiningFile): Problem | null {
    const seen = new Map<string, string>();
    for (const { kind, made, site } of kindsOf(one)) {
      const place = one.bundle.positions.place(site);
      const twin = seen.get(kind);
      if (twin !== undefined) return problem("DUPLICATE_TRIGGER", `'${one.file.file}' defines two triggers of the kind '${kind}'`, place);
      seen.set(kind, made);
      const owner = this.#kinds.get(kind);
      if (owner === undefined || owner.made === made) continue;
      const message = `the trigger kind '${kind}' is taken: '${owner.file}' defines it, and so does '${one.file.file}'`;
      return problem("DUPLICATE_TRIGGER", message, place);
    }
    return null;
  }
}

/** `made`: the place in the author's files. */
function kindsOf({ bundle, evaluated, file }: DefiningFile): { kind: string; made: string; site: string }[] {
  return evaluated.triggerKinds.map(({ snapshot: kind, site }) => ({ kind, made: bundle.positions.place(site).stack || file.path, site }));
}
