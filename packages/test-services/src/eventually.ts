/**
 * Retries an assertion until it holds, and throws its last error when it does not within `withinMs`
 * (a bound on hanging, not an expectation: it is generous).
 */
export async function eventually<T>(assertion: () => T | Promise<T>, options: { readonly withinMs?: number } = {}): Promise<T> {
  const deadline = performance.now() + (options.withinMs ?? 30_000);
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
