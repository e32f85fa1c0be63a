import { RE2JS } from "re2js";

const MAX_CACHED = 256;
const compiled = new Map<string, RE2JS>();

/** Whether `pattern` (RE2 syntax) is found in `text`, in time linear in the text. @throws {Error} for a bad pattern. */
export function matchesLinear(text: string, pattern: string): boolean {
  let regex = compiled.get(pattern);
  if (regex === undefined) {
    regex = RE2JS.compile(pattern);
    // A pattern can come from a payload: forget all rather than grow.
    if (compiled.size >= MAX_CACHED) compiled.clear();
    compiled.set(pattern, regex);
  }
  return regex.matcher(text).find();
}
