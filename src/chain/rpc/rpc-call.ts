/** One call of JSON-RPC. */
export interface RpcCall {
  readonly method: string;
  readonly params: readonly unknown[];
}

/** A number as JSON-RPC writes quantities. */
export function hex(number: number): string {
  return `0x${number.toString(16)}`;
}
