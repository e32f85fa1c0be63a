import type { PurgeReceipt, PurgeStep } from "../../domain/retention.ts";
import { all, first, type Script } from "../sql-script.ts";
import type { TablePurge } from "./table-purge.ts";

/** Tokens that expired: as many as there were logins, so in one step. */
export class TokenPurge implements TablePurge {
  *step({ before, isDryRun }: PurgeStep): Script<PurgeReceipt> {
    if (isDryRun) {
      const counted = yield* first<{ n: number }>("SELECT count(*) AS n FROM api_token WHERE expires_at < ?", before);
      return { purged: counted!.n, next: null };
    }
    const { length: purged } = yield* all("DELETE FROM api_token WHERE expires_at < ? RETURNING expires_at", before);
    return { purged, next: null };
  }
}
