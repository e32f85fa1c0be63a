/** A broker that holds the readings and takes the alerts, as the demo uses it: with a client of its own. */
export interface Broker extends AsyncDisposable {
  /** `SQS queue` */
  readonly kind: string;
  readonly dagFile: string;
  readonly dagId: string;
  /** The connection that the server needs. */
  readonly environment: Readonly<Record<string, string>>;
  /** Resolves when the broker has all of them. */
  send(readings: readonly string[]): Promise<void>;
  /** Every alert that comes out from the broker's opening on. Ends with `signal`. */
  receive(onAlert: (alert: string) => void, signal: AbortSignal): Promise<void>;
}

/** The queues, or topics, that the DAG files name. */
export const READINGS = "iot-readings";
export const ALERTS = "iot-alerts";

export function examplePath(name: string): string {
  return new URL(`../../examples/${name}`, import.meta.url).pathname;
}
