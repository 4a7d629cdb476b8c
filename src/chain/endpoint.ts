import type { Hash } from "../core/hex.ts";
import type { ChainNode } from "./node.ts";
import type { OldState } from "./old-state.ts";
import type { Ranges } from "./ranges.ts";
import type { Rpc } from "./rpc/rpc.ts";

/** What any endpoint must agree on before it is used. */
export interface Expected {
  readonly chainId: number;
  readonly genesisHash?: Hash | undefined;
  /** An endpoint's headers were seen to hash to what they name: they must from then on. */
  readonly recomputes?: boolean | undefined;
  /** A block that can no longer change. */
  readonly pin?: { readonly number: number; readonly hash: Hash } | undefined;
}

export interface EndpointListener {
  onSwitch?(from: string, to: string, reason: string): void;
  /** An endpoint of another chain, or one that refused us: a person should look at it. */
  onRefused?(id: string, reason: string): void;
  /** The headers of an endpoint cannot be authenticated by their hashes; told once. */
  onUnauthenticated?(id: string, why: string): void;
}

/** One URL with everything learned of it. */
export interface Endpoint {
  readonly rpc: Rpc;
  readonly node: ChainNode;
  readonly ranges: Ranges;
  readonly oldState: OldState;
}
