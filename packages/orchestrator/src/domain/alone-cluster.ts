import type { ClusterMember } from "./cluster.ts";

/** The only process on its metadata DB: everything is its own. */
export class AloneCluster implements ClusterMember {
  readonly processId: number;
  readonly processes = [];

  constructor(processId: number) {
    this.processId = processId;
  }

  ownerOf(): number {
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
  connect(): void {}
  async start(): Promise<void> {}
  async release(): Promise<void> {}
  async stop(): Promise<void> {}
}
