/** A network with one hidden layer. Weights are one row for each neuron. */
export interface Model {
  readonly features: readonly string[];
  readonly classes: readonly string[];
  /** Of each feature in the training data: what it is shifted and divided by. */
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
  readonly hidden: Layer;
  readonly output: Layer;
}

export interface Layer {
  readonly weights: readonly (readonly number[])[];
  readonly bias: readonly number[];
}

export interface Prediction {
  readonly label: string;
  /** Of the label, 0 to 1. */
  readonly probability: number;
}

export function predict(model: Model, values: readonly number[]): Prediction {
  const inputs = standardize(model, values);
  const scores = softmax(apply(model.output, apply(model.hidden, inputs).map(Math.tanh)));
  const best = scores.indexOf(Math.max(...scores));
  return { label: model.classes[best]!, probability: scores[best]! };
}

export function standardize({ mean, deviation }: Pick<Model, "mean" | "deviation">, values: readonly number[]): readonly number[] {
  return values.map((value, index) => (value - mean[index]!) / deviation[index]!);
}

export function apply({ weights, bias }: Layer, inputs: readonly number[]): readonly number[] {
  return weights.map((row, neuron) => row.reduce((sum, weight, index) => sum + weight * inputs[index]!, bias[neuron]!));
}

export function softmax(scores: readonly number[]): readonly number[] {
  const highest = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - highest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
