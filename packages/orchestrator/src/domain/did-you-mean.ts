import { nearestName } from "@millrace/sdk/provider";

/** The hint of an error about a name that is not there; empty where no candidate is near. */
export function didYouMean(name: string, candidates: Iterable<string>): { readonly hint?: string } {
  const near = nearestName(name, [...candidates]);
  return near === undefined ? {} : { hint: `did you mean '${near}'?` };
}
