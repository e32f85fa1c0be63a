// Writes bearings.csv: simulated measurements of 750 bearings. A fast machine shakes more than a slow one, and a warm hall warms
// its bearings, so no single column tells a worn bearing from a healthy one.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { normal, seededRandom } from "./random.ts";

const SEED = 20_261_121;
const ROWS_PER_CONDITION = 250;
const CONDITIONS = [
  { condition: "healthy", shake: 1, warmth: 12, peaks: 3 },
  { condition: "worn", shake: 1.8, warmth: 20, peaks: 4.2 },
  { condition: "failing", shake: 3.1, warmth: 33, peaks: 6 },
] as const;

/** The text of bearings.csv. */
export function simulate(): string {
  const random = seededRandom(SEED);
  const rows = CONDITIONS.flatMap(({ condition, shake, warmth, peaks }) =>
    Array.from({ length: ROWS_PER_CONDITION }, () => {
      const rpm = 900 + 2_100 * random();
      const vibration = shake * (rpm / 1_500) ** 1.5 * Math.exp(0.22 * normal(random));
      const kurtosis = peaks * Math.exp(0.18 * normal(random));
      const hall = 15 + 20 * random();
      const celsius = hall + warmth * (rpm / 1_800) * Math.exp(0.15 * normal(random));
      return [rpm.toFixed(0), vibration.toFixed(2), kurtosis.toFixed(2), celsius.toFixed(1), condition].join(",");
    }),
  );
  return `rpm,vibration,kurtosis,celsius,condition\n${rows.join("\n")}\n`;
}

if (import.meta.main) writeFileSync(join(import.meta.dirname, "bearings.csv"), simulate());
