/** The candidate that a misspelled or shortened name most likely means; undefined where none is near. */
export function nearestName(name: string, candidates: readonly string[]): string | undefined {
  const given = name.toLowerCase();
  const ranked = candidates.map((candidate) => ({ candidate, distance: editDistance(given, candidate.toLowerCase()) }));
  const best = ranked.sort((a, b) => a.distance - b.distance)[0];
  if (best !== undefined && best.distance <= 1 + name.length / 4) return best.candidate;
  return name.length < 3 ? undefined : ranked.find(({ candidate }) => candidate.toLowerCase().startsWith(given))?.candidate;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
