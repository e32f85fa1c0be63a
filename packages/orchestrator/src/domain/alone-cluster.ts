import type { ClusterListener, ClusterMember, ClusterProcess, OwnLoad, ProcessState } from "./cluster.ts";

/** Itself, for those who list processes. */
type AloneProcess = Pick<ProcessState, "roles" | "host" | "pid" | "startedAt">;

const SHARDS = 64;

/** The only process on its metadata DB: everything is its own. */
export class AloneCluster implements ClusterMember {
  readonly processId: number;
  readonly #own: AloneProcess;
  #ownLoad: () => OwnLoad = () => ({ load: 0, fullTriggers: [], address: null });

  constructor(processId: number, own: AloneProcess = { roles: [], host: "", pid: 0, startedAt: 0 }) {
    this.processId = processId;
    this.#own = own;
  }

  get processes(): readonly ClusterProcess[] {
    return this.states;
  }

  get states(): readonly ProcessState[] {
    return [{ id: this.processId, ...this.#own, ...this.#ownLoad(), state: "live", heartbeatAgeMs: 0, shards: SHARDS }];
  }

  ownerOfNewRun(): number {
    return this.processId;
  }
  shardEpoch(): number {
    return 0;
  }
  triggerEpoch(): number {
    return 0;
  }
  wantTriggers(): void {}
  isFull(): boolean {
    return false;
  }
  tell(): void {}
  tellAll(): void {}
  tellHolder(): void {}
  connect(_listener: ClusterListener, ownLoad: () => OwnLoad): void {
    this.#ownLoad = ownLoad;
  }
  async start(): Promise<void> {}
  async release(): Promise<void> {}
  async stop(): Promise<void> {}
}
