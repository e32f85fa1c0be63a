/** The log every part writes to; telemetry/ implements it. */
export interface Log {
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
  /** A log whose lines carry these fields too. */
  child(fields: object): Log;
}
