/** Encrypts what nobody should read from the database file alone. `subject` names the row: moved to another row, its bytes no longer open. */
export interface SecretCipher {
  /**
   * `mayMakeKey`: where there is no key yet, one is made; otherwise that is an error.
   * @throws {MillraceError} SECRET_UNREADABLE where there is no key, SECRET_KEY_INVALID
   */
  seal(subject: string, text: string, options: { readonly mayMakeKey: boolean }): Uint8Array;
  /** @throws {MillraceError} SECRET_UNREADABLE where the key is missing or is not the one that sealed it, SECRET_KEY_INVALID */
  open(subject: string, sealed: Uint8Array): string;
}
