import { isatty } from "node:tty";
import { type DestinationStream, type Logger, pino } from "pino";
import pretty from "pino-pretty";
import type { Log, LogFormat, LogLevel } from "../domain/log.ts";
import { redact, redactText } from "./redact.ts";

const STDERR = 2;

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Human lines in colour; where left out, on a terminal only. */
  readonly color?: boolean;
  /** Where lines go; standard error where left out. */
  readonly stream?: NodeJS.WritableStream;
}

/** The log of a process. Secrets in fields are left out, see redact.ts. */
export function createLog(options: LogOptions): Log {
  const base = { level: options.level, base: null };
  if (options.format === "human") return new PinoLog(pino(base, humanStream(options)));
  const formatters = { level: (label: string) => ({ level: label }) };
  const json = { ...base, timestamp: pino.stdTimeFunctions.isoTime, messageKey: "message", formatters };
  return new PinoLog(pino(json, jsonStream(options)));
}

// Written synchronously: what is logged last, just before a process dies, matters most.
function jsonStream(options: LogOptions): DestinationStream {
  return options.stream === undefined
    ? pino.destination({ fd: STDERR, sync: true })
    : { write: (line) => void options.stream?.write(line) };
}

function humanStream(options: LogOptions): DestinationStream {
  return pretty({
    colorize: options.color ?? isatty(STDERR),
    destination: options.stream ?? STDERR,
    sync: true,
    translateTime: "SYS:HH:MM:ss.l",
    singleLine: true,
    errorLikeObjectKeys: [],
  });
}

class PinoLog implements Log {
  readonly #pino: Logger;

  constructor(logger: Logger) {
    this.#pino = logger;
  }

  debug(message: string, fields?: object): void {
    this.#write("debug", message, fields);
  }
  info(message: string, fields?: object): void {
    this.#write("info", message, fields);
  }
  warn(message: string, fields?: object): void {
    this.#write("warn", message, fields);
  }
  error(message: string, fields?: object): void {
    this.#write("error", message, fields);
  }
  child(fields: object): Log {
    return new PinoLog(this.#pino.child(redact(fields)));
  }

  #write(level: LogLevel, message: string, fields: object | undefined): void {
    if (!this.#pino.isLevelEnabled(level)) return;
    this.#pino[level](fields === undefined ? {} : redact(fields), redactText(message));
  }
}
