/** What the commands read of the API's answers about connections and variables. */

export interface ConnectionBody {
  readonly connection_id: string;
  readonly conn_type: string;
  readonly description: string | null;
  readonly host: string | null;
  readonly login: string | null;
  readonly password: string | null;
  readonly port: number | null;
  readonly schema: string | null;
  readonly extra: string | null;
  readonly variable: string | null;
  readonly error: string | null;
}

export interface VariableBody {
  readonly key: string;
  readonly value: string | null;
  readonly description: string | null;
  readonly variable: string | null;
  readonly error: string | null;
}

export interface ConnectionTestBody {
  readonly status: boolean;
  readonly message: string;
  readonly hint: string | null;
}

export interface PublishedBody {
  readonly connection_id: string;
  readonly kind: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message_ids: readonly string[];
}
