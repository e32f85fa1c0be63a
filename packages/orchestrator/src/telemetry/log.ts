import { isatty } from "node:tty";
import { type DestinationStream, type Logger, pino } from "pino";
import pretty from "pino-pretty";
import type { Log, LogFormat, LogLevel } from "../domain/log.ts";
import { describeError, withHint } from "./describe-error.ts";
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
  if (options.format === "human") return new HumanLog(pino(base, humanStream(options)));
  const formatters = { level: (label: string) => ({ level: label }) };
  const json = { ...base, timestamp: pino.stdTimeFunctions.isoTime, messageKey: "message", formatters };
  return new JsonLog(pino(json, jsonStream(options)));
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

abstract class PinoLog implements Log {
  protected readonly pino: Logger;

  constructor(logger: Logger) {
    this.pino = logger;
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
  abstract child(fields: object): Log;
  /** What is written, before secrets are left out. */
  protected abstract line(level: LogLevel, message: string, fields: object): { readonly message: string; readonly fields: object };

  #write(level: LogLevel, message: string, fields: object | undefined): void {
    if (!this.pino.isLevelEnabled(level)) return;
    const line = this.line(level, message, fields ?? {});
    this.pino[level](redact(line.fields), redactText(line.message));
  }
}

/** For machines: errors are objects with code, message, hint, stack and cause. */
class JsonLog extends PinoLog {
  child(fields: object): Log {
    return new JsonLog(this.pino.child(redact(fields)));
  }

  protected line(_level: LogLevel, message: string, fields: object): { readonly message: string; readonly fields: object } {
    return { message, fields };
  }
}

/** For people: an error is a sentence and what to do; its stack is shown where it was not foreseen, or at level debug. */
class HumanLog extends PinoLog {
  child(fields: object): Log {
    return new HumanLog(this.pino.child(redact(fields)));
  }

  protected line(level: LogLevel, message: string, fields: object): { readonly message: string; readonly fields: object } {
    let text = message;
    const stacks: string[] = [];
    const rest = Object.entries(fields).filter(([name, value]: [string, unknown]) => {
      if (value instanceof Error) {
        const described = describeError(text, value, level, this.pino.isLevelEnabled("debug"));
        text = described.text;
        if (described.stack !== "") stacks.push(described.stack);
      } else if (name === "hint") text = withHint(text, value);
      else return true;
      return false;
    });
    return { message: [text, ...stacks].join("\n"), fields: Object.fromEntries(rest) };
  }
}
