/** Where a scheduler takes workers. */
export interface SchedulerAddress {
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
}

/** `host:port`, `[::1]:port`, either with `tls://` in front; undefined for anything else. */
export function parseSchedulerAddress(text: string): SchedulerAddress | undefined {
  const match = /^(tls:\/\/)?(\[[0-9a-fA-F:.%]+\]|[^\s:/[\]]+):(\d{1,5})$/.exec(text.trim());
  const port = Number(match?.[3] ?? 0);
  if (match === null || port < 1 || port > 65_535) return undefined;
  return { host: match[2]!.replace(/^\[|\]$/g, ""), port, isTls: match[1] !== undefined };
}

export function formatSchedulerAddress({ host, port, isTls }: SchedulerAddress): string {
  return `${isTls ? "tls://" : ""}${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Only the machine itself reaches it there. */
export function isLoopback({ host }: Pick<SchedulerAddress, "host">): boolean {
  return /^127\.|^::1$|^localhost$/.test(host);
}
