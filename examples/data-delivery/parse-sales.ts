import { fail } from "@millrace/sdk";
import { CsvError, parse } from "csv-parse/sync";
import { z } from "zod";

const rowSchema = z.object({
  order_id: z.string().regex(/^[A-Z]\d+$/, "expected a letter and digits"),
  day: z.iso.date(),
  product: z.string().trim().min(1, "expected a name"),
  quantity: z
    .string()
    .regex(/^[1-9]\d*$/, "expected a whole number from 1")
    .transform(Number),
  unit_price: z
    .string()
    .regex(/^\d+(\.\d\d?)?$/, "expected an amount like 19.90")
    .transform(Number),
});

export interface Sale {
  readonly orderId: string;
  /** `2026-11-20` */
  readonly day: string;
  readonly product: string;
  readonly quantity: number;
  readonly cents: number;
}

/** The rows of a delivered file. One that is malformed ends the task for good: another try would read the same. */
export function parseSales(text: string, file: string): readonly Sale[] {
  return readRows(text, file).map((row, index) => {
    const { success, data, error } = rowSchema.safeParse(row);
    if (success) return toSale(data);
    const [{ path, message } = { path: [], message: "" }] = error.issues;
    const column = String(path[0]);
    // The first row is the heading.
    return fail(`${file}, row ${index + 2}, column '${column}': ${message}, got '${row[column] ?? "nothing"}'`);
  });
}

function readRows(text: string, file: string): readonly Readonly<Record<string, string>>[] {
  try {
    return parse(text, { columns: true, skip_empty_lines: true, bom: true });
  } catch (error) {
    if (error instanceof CsvError) fail(`${file} is not CSV: ${error.message}`);
    throw error;
  }
}

function toSale({ order_id: orderId, day, product, quantity, unit_price: price }: z.output<typeof rowSchema>): Sale {
  return { orderId, day, product, quantity, cents: Math.round(price * 100) * quantity };
}
