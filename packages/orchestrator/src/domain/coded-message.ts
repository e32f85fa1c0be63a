/** `CODE: sentence` where the error has a code: how one is shown in a log line, a watcher's health or an outbox message. */
export function codedMessage(error: Error): string {
  const { code } = error as { code?: unknown };
  return typeof code === "string" ? `${code}: ${error.message}` : error.message;
}
