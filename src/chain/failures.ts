import type { LpLedgerError } from "../core/errors.ts";

/** slower: too many requests, the range was fine. wait: the node does not have it yet. smaller: ask for fewer blocks. again: try the same. */
export type Reaction = "slower" | "wait" | "smaller" | "again";

const SLOWER =
  /rate limit|too many requests|requests? per second|\/second request limit|compute units per second|RPS limit|request rate/i;
const WAIT =
  /beyond current head|BlockOutOfRange|block out of range|unknown block|(?:block|header) not found|after last accepted block|not processed yet|cannot query unfinalized/i;

/** A failure that may be the node's weather is tried again this often before the range is blamed for it. */
const WEATHER_ATTEMPTS = 2;

/** How to answer a failed request for a range of blocks: by data, and by asking for less where nothing is known. */
export function reactionTo(error: LpLedgerError, blocks: number, attempt: number): Reaction {
  switch (error.code) {
    case "RPC_RATE":
      return "slower";
    case "RPC_UNREACHABLE":
    case "RPC_SHAPE":
    case "LOGS_INCONSISTENT":
      return "again";
    case "RPC_ERROR": {
      const text = String(error.facts["text"] ?? "");
      if (SLOWER.test(text) || error.facts["code"] === 429) return "slower";
      if (WAIT.test(text)) return "wait";
      return blocks > 1 ? "smaller" : "again";
    }
    case "RPC_TOO_LARGE":
      return blocks > 1 ? "smaller" : "again";
    case "RPC_TIMEOUT":
    case "RPC_BODY":
      return blocks > 1 && attempt > WEATHER_ATTEMPTS ? "smaller" : "again";
    default:
      return "wait";
  }
}
