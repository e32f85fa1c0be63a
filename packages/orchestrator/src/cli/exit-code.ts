/** docs/reference/cli.md says the same. */
export const EXIT = {
  success: 0,
  failure: 1,
  /** The command line itself, or a setting, is not understood. */
  usage: 2,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
