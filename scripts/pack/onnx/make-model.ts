// Writes double.onnx, the smallest model with something to compute: y = x + x for a list of numbers.
// It spells out the protocol buffers of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto; a test compares the file with it.
import { writeFileSync } from "node:fs";
import { join } from "node:path";

type Field = readonly [field: number, value: number | string | Uint8Array];

/** One message; its numbers are below 128, and so is its length. */
function message(...fields: readonly Field[]): Uint8Array {
  return Buffer.concat(
    fields.map(([field, value]) => {
      if (typeof value === "number") return Buffer.from([field << 3, value]);
      return Buffer.concat([Buffer.from([(field << 3) | 2, value.length]), Buffer.from(value)]);
    }),
  );
}

const FLOAT = 1;

/** ValueInfoProto: a tensor of floats with one dimension, as long as it is. */
function floats(name: string): Uint8Array {
  const shape = message([1, message([2, "n"])]);
  return message([1, name], [2, message([1, message([1, FLOAT], [2, shape])])]);
}

/** ModelProto: intermediate representation 8, operators of version 13. */
export function makeModel(): Uint8Array {
  const add = message([1, "x"], [1, "x"], [2, "y"], [4, "Add"]);
  const graph = message([1, add], [2, "double"], [11, floats("x")], [12, floats("y")]);
  return message([1, 8], [7, graph], [8, message([2, 13])]);
}

if (import.meta.main) writeFileSync(join(import.meta.dirname, "double.onnx"), makeModel());
