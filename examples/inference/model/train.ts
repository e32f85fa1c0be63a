// Trains the network on bearings.csv, writes model.json, and says how often it is right about rows that it was not trained on.
// The same file gives the same weights: the random numbers are seeded.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import { apply, type Layer, type Model, predict, softmax, standardize } from "./predict.ts";
import { normal, seededRandom } from "./random.ts";

const SEED = 7;
const HIDDEN_NEURONS = 8;
const EPOCHS = 400;
const LEARNING_RATE = 0.5;
const TEST_SHARE = 0.2;
const DIGITS = 6;

interface Sample {
  readonly values: readonly number[];
  readonly label: string;
}

interface Trained {
  readonly model: Model;
  /** Share of the test rows that are labelled right. */
  readonly accuracy: number;
}

export function train(csv: string): Trained {
  const random = seededRandom(SEED);
  const { features, samples } = readSamples(csv);
  const shuffled = shuffle(samples, random);
  const tested = Math.round(samples.length * TEST_SHARE);
  const model = fit(features, shuffled.slice(tested), random);
  const hits = shuffled.slice(0, tested).filter(({ values, label }) => predict(model, values).label === label);
  return { model, accuracy: hits.length / tested };
}

function readSamples(csv: string): { readonly features: readonly string[]; readonly samples: readonly Sample[] } {
  const [heading = [], ...rows] = parse(csv, { columns: false });
  const samples = rows.map((row) => ({ values: row.slice(0, -1).map(Number), label: row.at(-1)! }));
  return { features: heading.slice(0, -1), samples };
}

/** Fisher-Yates. */
function shuffle<Item>(items: readonly Item[], random: () => number): readonly Item[] {
  const shuffled = [...items];
  for (let last = shuffled.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [shuffled[last], shuffled[other]] = [shuffled[other]!, shuffled[last]!];
  }
  return shuffled;
}

/** Gradient descent over all samples at once, on the cross-entropy. */
function fit(features: readonly string[], samples: readonly Sample[], random: () => number): Model {
  const classes = [...new Set(samples.map(({ label }) => label))].toSorted();
  const scale = scaleOf(samples.map(({ values }) => values));
  const rows = samples.map(({ values, label }) => ({ inputs: standardize(scale, values), target: classes.indexOf(label) }));
  let hidden = randomLayer(features.length, HIDDEN_NEURONS, random);
  let output = randomLayer(HIDDEN_NEURONS, classes.length, random);
  for (let epoch = 0; epoch < EPOCHS; epoch += 1) {
    const toHidden = zeroLayer(hidden);
    const toOutput = zeroLayer(output);
    for (const { inputs, target } of rows) addGradients({ hidden, output }, { hidden: toHidden, output: toOutput }, inputs, target);
    hidden = step(hidden, toHidden, rows.length);
    output = step(output, toOutput, rows.length);
  }
  return { features, classes, ...scale, hidden: rounded(hidden), output: rounded(output) };
}

function scaleOf(rows: readonly (readonly number[])[]): Pick<Model, "mean" | "deviation"> {
  const columns = rows[0]!.map((_, index) => rows.map((row) => row[index]!));
  const mean = columns.map((column) => column.reduce((sum, value) => sum + value, 0) / column.length);
  const deviation = columns.map((column, index) =>
    Math.sqrt(column.reduce((sum, value) => sum + (value - mean[index]!) ** 2, 0) / column.length),
  );
  return { mean: mean.map(round), deviation: deviation.map(round) };
}

function randomLayer(inputs: number, neurons: number, random: () => number): Layer {
  const weights = Array.from({ length: neurons }, () => Array.from({ length: inputs }, () => normal(random) / Math.sqrt(inputs)));
  return { weights, bias: weights.map(() => 0) };
}

interface Sums {
  readonly weights: number[][];
  readonly bias: number[];
}

function zeroLayer({ weights }: Layer): Sums {
  return { weights: weights.map((row) => row.map(() => 0)), bias: weights.map(() => 0) };
}

interface Layers<Of> {
  readonly hidden: Of;
  readonly output: Of;
}

/** Backpropagation of one sample. */
function addGradients({ hidden, output }: Layers<Layer>, sums: Layers<Sums>, inputs: readonly number[], target: number): void {
  const active = apply(hidden, inputs).map(Math.tanh);
  const errors = softmax(apply(output, active)).map((score, index) => score - Number(index === target));
  const back = active.map((value, neuron) => {
    const blame = errors.reduce((sum, error, index) => sum + error * output.weights[index]![neuron]!, 0);
    return blame * (1 - value ** 2);
  });
  add(sums.output, errors, active);
  add(sums.hidden, back, inputs);
}

function add(sums: Sums, errors: readonly number[], inputs: readonly number[]): void {
  for (const [neuron, error] of errors.entries()) {
    sums.bias[neuron]! += error;
    const row = sums.weights[neuron]!;
    for (const [index, input] of inputs.entries()) row[index]! += error * input;
  }
}

function step({ weights, bias }: Layer, sums: Sums, samples: number): Layer {
  const rate = LEARNING_RATE / samples;
  return {
    weights: weights.map((row, neuron) => row.map((weight, index) => weight - rate * sums.weights[neuron]![index]!)),
    bias: bias.map((value, neuron) => value - rate * sums.bias[neuron]!),
  };
}

function rounded({ weights, bias }: Layer): Layer {
  return { weights: weights.map((row) => row.map(round)), bias: bias.map(round) };
}

function round(value: number): number {
  return Number(value.toFixed(DIGITS));
}

if (import.meta.main) {
  const { model, accuracy } = train(readFileSync(join(import.meta.dirname, "bearings.csv"), "utf8"));
  writeFileSync(join(import.meta.dirname, "model.json"), `${JSON.stringify(model)}\n`);
  process.stdout.write(`right about ${(100 * accuracy).toFixed(1)} % of the rows kept for the test\n`);
}
