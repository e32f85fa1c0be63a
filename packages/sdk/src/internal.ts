// For Millrace's own packages: what the values of a DAG file are at run time. No promise of stability.

export {
  collectDefinitions,
  findDefinition,
  type AssetDefinition,
  type DagDefinition,
  type Definition,
  type DestinationDefinition,
  type LegDefinition,
  type PatternDefinition,
  type SourceDefinition,
  type TaskDefinition,
  type TaskFunction,
  type TriggerDefinition,
} from "./definition.ts";
export { DEFINITION_ERRORS, DefinitionError, type DefinitionErrorCode } from "./definition-error.ts";
export { parseDuration } from "./duration.ts";
export { FailTask, outcomeOf, SkipTask, type TaskOutcome } from "./outcome.ts";
export { describeIssues, UNCHECKED_VENDOR, type Schema, type SchemaIssue, type SchemaResult } from "./schema.ts";
