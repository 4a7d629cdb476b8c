/** What a failure means, whoever worded it. */
export type FailureKind =
  /** The text names a range that would do; or the most blocks a range may have; or it is known without being named. */
  | "range-hint"
  | "range-max"
  | "range-max-thousands"
  | "range-fixed"
  /** Too many logs, or too slow: fewer blocks, and at one block the receipts. */
  | "bisect"
  | "rate"
  | "quota"
  /** The overload of a moment, or too wide a range: again, then fewer blocks. */
  | "transient"
  /** The node does not have it yet, or no longer, or not for us. */
  | "behind"
  | "pruned"
  | "auth"
  | "filter"
  | "no-batch"
  | "no-finality"
  | "wrong-chain"
  /** There is no block at that height, and never will be. */
  | "null-round";

export interface ErrorRow {
  /** Who words it so. */
  readonly provider: string;
  /**
   * HTTP status and JSON-RPC code seen with it; null where there is no evidence. Neither decides: codes mean many
   * things.
   */
  readonly http: number | null;
  readonly code: number | null;
  readonly kind: FailureKind;
  /** Blocks it stands for where the text names no number. */
  readonly blocks?: number;
  /** Its groups are the numbers that the kind needs. */
  readonly pattern: RegExp;
  readonly example: string;
}

/**
 * How nodes and providers word their refusals of `eth_getLogs`, gathered in November 2026 from node sources, vendors'
 * documentation, issue threads, and the parsers of Ponder, rindexer, hyperindex and eRPC. The first row that matches
 * wins; the order matters.
 */
// biome-ignore format: a table, one row a line
export const RPC_ERRORS: readonly ErrorRow[] = [
  { provider: "Alchemy free", http: 400, code: -32600, kind: "range-hint", pattern: /(?:this block range should work|try with this block range)\W*\[?\s*(0x[0-9a-f]+),\s*(0x[0-9a-f]+)/i, example: "Under the Free tier plan, you can make eth_getLogs requests with up to a 10 block range. Based on your parameters, this block range should work: [0x1180fca, 0x1180fd3]. Upgrade to PAYG for expanded block range." },
  { provider: "Alchemy paid", http: 400, code: -32602, kind: "range-hint", pattern: /(?:this block range should work|try with this block range)\W*\[?\s*(0x[0-9a-f]+),\s*(0x[0-9a-f]+)/i, example: "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range and no limit on the response size, or you can request any block range with a cap of 10K logs in the response. Based on your parameters and the response size limit, this block range should work: [0x0, 0xd043b8]" },
  { provider: "Alchemy timeout", http: 400, code: -32000, kind: "range-hint", pattern: /(?:this block range should work|try with this block range)\W*\[?\s*(0x[0-9a-f]+),\s*(0x[0-9a-f]+)/i, example: "Query timeout exceeded. Consider reducing your block range. Based on your parameters and the response size limit, this block range should work: [0x5223c98, 0x5223e80]" },
  { provider: "Infura", http: null, code: -32005, kind: "range-hint", pattern: /(?:this block range should work|try with this block range)\W*\[?\s*(0x[0-9a-f]+),\s*(0x[0-9a-f]+)/i, example: "query returned more than 10000 results. Try with this block range [0xBDE5F8, 0x102DBCC]." },
  { provider: "zkSync Era", http: 200, code: -32602, kind: "range-hint", pattern: /(?:this block range should work|try with this block range)\W*\[?\s*(0x[0-9a-f]+),\s*(0x[0-9a-f]+)/i, example: "Query returned more than 10000 results. Try with this block range [0x118c651, 0x1197683]." },
  { provider: "reth, erigon>=3.x, llamarpc, base", http: 200, code: -32602, kind: "range-hint", pattern: /retry with the range (\d+)-(\d+)/i, example: "query exceeds max results 20000, retry with the range 25766988-25775072" },
  { provider: "Infura 2026", http: null, code: -32602, kind: "range-max", pattern: /range \d+ exceeds limit of (\d+)/i, example: "range 1000000 exceeds limit of 10000" },
  { provider: "QuickNode", http: 413, code: -32614, kind: "range-max", pattern: /limited to a ([\d,]+)(?: blocks?)? range/i, example: "eth_getLogs is limited to a 10,000 range" },
  { provider: "1RPC 2026", http: null, code: -32602, kind: "range-max", pattern: /limited to \d+ - ([\d,]+) blocks? range/i, example: "eth_getLogs is limited to 0 - 50 blocks range" },
  { provider: "1RPC old", http: null, code: -32000, kind: "range-max", pattern: /limited to a ([\d,]+)(?: blocks?)? range/i, example: "eth_getLogs is limited to a 1000 blocks range" },
  { provider: "BlockPI", http: null, code: -32602, kind: "range-max", pattern: /limited to ([\d,]+) blocks?/i, example: "eth_getLogs is limited to 1024 block range. Please check the parameter requirements" },
  { provider: "Alchemy (other chains), BlastAPI, Aurora", http: null, code: -32600, kind: "range-max", pattern: /up to a ([\d,]+) block range/i, example: "You can make eth_getLogs requests with up to a 500 block range." },
  { provider: "Cloudflare", http: null, code: null, kind: "range-max", pattern: /Max range: (\d+)/i, example: "Invalid eth_getLogs request. Max range: 800" },
  { provider: "thirdweb", http: null, code: -32005, kind: "range-max", pattern: /Maximum allowed number of requested blocks is (\d+)/i, example: "Log response size exceeded. Maximum allowed number of requested blocks is 1000" },
  { provider: "PublicNode, BSC geth", http: null, code: null, kind: "range-max", pattern: /exceed maximum block range:? ([\d,]+)/i, example: "exceed maximum block range: 50000" },
  { provider: "geth --rpc.rangelimit", http: 200, code: -32602, kind: "range-max", pattern: /exceed maximum block range:? ([\d,]+)/i, example: "exceed maximum block range 5000" },
  { provider: "reth, Hyperliquid, dRPC", http: 200, code: -32602, kind: "range-max", pattern: /query exceeds max block range ([\d,]+)/i, example: "query exceeds max block range 100000" },
  { provider: "dRPC free", http: null, code: 35, kind: "range-max", pattern: /ranges over ([\d,]+) blocks are not supported on freetier/i, example: "ranges over 10000 blocks are not supported on freetier" },
  { provider: "Avalanche", http: 200, code: -32000, kind: "range-max", pattern: /requested too many blocks from \d+ to \d+, maximum is set to (\d+)/i, example: "requested too many blocks from 53164500 to 53166548, maximum is set to 2048" },
  { provider: "Coinbase", http: null, code: -32005, kind: "range-max", pattern: /limit the query to at most ([\d,]+) blocks/i, example: "please limit the query to at most 1000 blocks" },
  { provider: "Blast paid", http: null, code: null, kind: "range-max", pattern: /exceeds the range allowed for your plan \(\d+ > (\d+)\)/i, example: "block range exceeds the range allowed for your plan (5001 > 5000)" },
  { provider: "proxyd (OP stack, Swell)", http: 200, code: -32602, kind: "range-max", pattern: /block range greater than ([\d,]+) max/i, example: "block range greater than 1000 max" },
  { provider: "Sei", http: null, code: null, kind: "range-max", pattern: /maximum allowed is (\d+) blocks/i, example: "block range too large (2000), maximum allowed is 1000 blocks" },
  { provider: "Ankr TAC", http: null, code: -32600, kind: "range-max", pattern: /maximum \[from, to\] blocks distance: (\d+)/i, example: "maximum [from, to] blocks distance: 10000" },
  { provider: "Harmony", http: null, code: -32000, kind: "range-max", pattern: /query must be smaller than size ([\d,]+)/i, example: "query must be smaller than size 1024" },
  { provider: "Moonbeam", http: null, code: -32603, kind: "range-max", pattern: /block range is too wide \(maximum (\d+)\)/i, example: "block range is too wide (maximum 1024)" },
  { provider: "Somnia", http: null, code: null, kind: "range-max", pattern: /block range exceeds ([\d,]+)/i, example: "block range exceeds 1000" },
  { provider: "Tron", http: null, code: null, kind: "range-max", pattern: /exceed max block range:? (\d+)/i, example: "exceed max block range: 5000" },
  { provider: "Morph", http: null, code: -32000, kind: "range-max", pattern: /max block range = (\d+)/i, example: "block range is larger than max block range, block range = 5120, max block range = 5000" },
  { provider: "cdk-erigon", http: null, code: -32005, kind: "range-max", pattern: /block range too large, max range: (\d+)/i, example: "block range too large, max range: 1000" },
  { provider: "Merkle", http: null, code: -32603, kind: "range-max-thousands", pattern: /eth_getLogs range is too large, max is (\d+)k blocks/i, example: "eth_getLogs range is too large, max is 1k blocks" },
  { provider: "Ankr", http: null, code: -32600, kind: "range-fixed", blocks: 3000, pattern: /block range is too wide/i, example: "block range is too wide" },
  { provider: "Chainstack", http: null, code: -32602, kind: "range-fixed", blocks: 100, pattern: /Block range limit exceeded/i, example: "Block range limit exceeded." },
  { provider: "Base public", http: null, code: null, kind: "range-fixed", blocks: 2000, pattern: /block range (?:is )?too large/i, example: "block range too large" },
  { provider: "Besu", http: 200, code: -32005, kind: "range-fixed", blocks: 5000, pattern: /Requested range exceeds maximum RPC range limit/i, example: "Requested range exceeds maximum RPC range limit" },
  { provider: "Nethermind", http: 200, code: -32005, kind: "bisect", pattern: /Too many logs requested\. Max logs per response is \d+/i, example: "Too many logs requested. Max logs per response is 20000." },
  { provider: "Arbitrum public", http: null, code: -32000, kind: "bisect", pattern: /logs matched by query exceeds limit of \d+/i, example: "logs matched by query exceeds limit of 10000" },
  { provider: "generic results", http: null, code: -32005, kind: "bisect", pattern: /(?:query )?returned more than \d+ results|more than \d+ logs|query exceeds max results/i, example: "query returned more than 10000 results" },
  { provider: "Infura slow", http: null, code: -32005, kind: "bisect", pattern: /query timeout exceeded/i, example: "query timeout exceeded" },
  { provider: "jsonrpsee (reth)", http: null, code: -32008, kind: "bisect", pattern: /response is too big|response too large|response size should not|log response size exceeded/i, example: "Response is too big" },
  { provider: "proxyd", http: 500, code: -32020, kind: "bisect", pattern: /response is too big|response too large|response size should not|log response size exceeded/i, example: "backend response too large" },
  { provider: "geth timeout", http: 200, code: -32002, kind: "bisect", pattern: /request timed out/i, example: "request timed out" },
  { provider: "dRPC free timeout", http: 408, code: 30, kind: "bisect", pattern: /Request timeout on the free tier/i, example: "Request timeout on the free tier, please upgrade your tier to the paid one" },
  { provider: "Infura rate", http: 429, code: -32005, kind: "rate", pattern: /project ID request rate exceeded/i, example: "project ID request rate exceeded" },
  { provider: "Infura quota", http: null, code: -32005, kind: "quota", pattern: /daily request count exceeded/i, example: "daily request count exceeded, request rate limited" },
  { provider: "Alchemy rate", http: 429, code: 429, kind: "rate", pattern: /exceeded its compute units per second/i, example: "Your app has exceeded its compute units per second capacity." },
  { provider: "Alchemy quota", http: 403, code: -32600, kind: "quota", pattern: /Monthly capacity limit/i, example: "Monthly capacity limit exceeded." },
  { provider: "QuickNode rate", http: 429, code: -32007, kind: "rate", pattern: /\/second request limit reached/i, example: "50/second request limit reached - reduce calls per second or upgrade your account at quicknode.com" },
  { provider: "Chainstack rate", http: null, code: -32005, kind: "rate", pattern: /exceeded the RPS limit/i, example: "You've exceeded the RPS limit available on the current plan." },
  { provider: "dRPC free", http: null, code: 31, kind: "no-batch", pattern: /batch of more than (\d+)/i, example: "Batch of more than 3 requests are not allowed on free tier, to use this feature register paid account" },
  { provider: "batches with a limit", http: null, code: -32600, kind: "no-batch", pattern: /batch[^.]*?\b(?:exceed|limit|max|more than|at most|up to|only)\D{0,40}?(\d+)/i, example: "Batch size too large, the maximum batch size is 20" },
  { provider: "batches with a limit", http: null, code: -32600, kind: "no-batch", pattern: /(?:max|limit|up to|only)[^.]{0,20}batch\D{0,30}?(\d+)/i, example: "max batch size 10 exceeded" },
  { provider: "geth, reth, nethermind", http: 200, code: -32600, kind: "no-batch", pattern: /batch (?:size )?(?:is )?too (?:large|big)|too many (?:requests|calls) in (?:the |a )?batch|batch (?:size )?(?:limit|exceed)/i, example: "batch too large" },
  { provider: "no batches at all", http: null, code: -32600, kind: "no-batch", pattern: /batch(?:ed|es|ing)?(?: (?:requests?|calls?))? (?:is|are|was|were)? ?(?:not|disabled|unsupported|forbidden)|(?:\bnot|\bno|n't|disabled?|unsupported)[^.]{0,40}\bbatch/i, example: "Batched requests are not supported by this server" },
  { provider: "Hedera relay", http: null, code: -32007, kind: "no-batch", pattern: /not permitted as part of batch/i, example: "Method eth_getLogs is not permitted as part of batch requests" },
  { provider: "BSC public", http: null, code: -32005, kind: "no-batch", pattern: /in batch triggered rate limit/i, example: "method eth_getLogs in batch triggered rate limit" },
  { provider: "BSC public", http: null, code: -32005, kind: "transient", pattern: /^limit exceeded$/i, example: "limit exceeded" },
  { provider: "proxyd", http: 429, code: -32016, kind: "rate", pattern: /over rate limit|too many requests/i, example: "over rate limit" },
  { provider: "proxyd overload, Base", http: 503, code: -32011, kind: "transient", pattern: /no backend is currently healthy/i, example: "no backend is currently healthy to serve traffic" },
  { provider: "proxyd backend", http: 503, code: -32010, kind: "transient", pattern: /backend offline|backend is over capacity|backend returned an invalid response|gateway timeout/i, example: "backend is over capacity" },
  { provider: "PublicNode no address", http: null, code: -32701, kind: "filter", pattern: /Please specify an address in your request/i, example: "Please specify an address in your request or, to remove restrictions, order a dedicated full node here: https://www.allnodes.com/eth/host" },
  { provider: "PublicNode archive", http: null, code: -32602, kind: "pruned", pattern: /Archive requests require a personal token/i, example: "Archive requests require a personal token. Get one at" },
  { provider: "erigon", http: 200, code: -32602, kind: "filter", pattern: /(?:max|limit|up to|at most|more than)\D{0,30}(\d+) (?:address|topic)/i, example: "query exceeds the maximum of 100 addresses or topics per search position" },
  { provider: "many addresses", http: 200, code: -32602, kind: "filter", pattern: /exceed max (?:addresses or )?topics|specify less number of address|contains \d+ filters?/i, example: "exceed max addresses or topics per search position" },
  { provider: "geth, reth head", http: 200, code: -32602, kind: "behind", pattern: /block range extends beyond current head block/i, example: "block range extends beyond current head block" },
  { provider: "Avalanche head", http: 200, code: -32000, kind: "behind", pattern: /after last accepted block|cannot query unfinalized data/i, example: "requested to block 100 after last accepted block 99" },
  { provider: "OpenEthereum/old Nethermind", http: null, code: -32000, kind: "behind", pattern: /One of the blocks specified in filter/i, example: "One of the blocks specified in filter (fromBlock, toBlock or blockHash) cannot be found" },
  { provider: "Alchemy head", http: 500, code: -32000, kind: "behind", pattern: /not processed yet/i, example: "Block 123 not processed yet. Please try again." },
  { provider: "Erigon index lag", http: 200, code: -32000, kind: "behind", pattern: /transaction indexing is not yet complete/i, example: "block 5 exists but transaction indexing is not yet complete, please try again later" },
  { provider: "finalized tag", http: 200, code: -39001, kind: "no-finality", pattern: /(?:safe|finalized) (?:block|header) not found|No finalized block|is not a supported commitment|malformed blocknumber/i, example: "finalized header not found" },
  { provider: "by hash", http: 200, code: -32000, kind: "behind", pattern: /unknown block|block not found|header not found|not currently canonical/i, example: "unknown block" },
  { provider: "geth, erigon, bor without old state", http: 200, code: -32000, kind: "pruned", pattern: /missing trie node/i, example: "missing trie node 5fb1b9c07d6a (path ) state 0xabc is not available, not found" },
  { provider: "reth, nethermind, besu without old state", http: 200, code: -32000, kind: "pruned", pattern: /(?:historical )?(?:state|trie)\b[^.]{0,80}(?:not available|unavailable|pruned|not found)|distance to target block exceeds|world state (?:is )?not available|No state available/i, example: "state at block #19000000 is pruned" },
  { provider: "EIP-4444", http: 200, code: 4444, kind: "pruned", pattern: /pruned history unavailable/i, example: "pruned history unavailable" },
  { provider: "bad range", http: 200, code: -32602, kind: "behind", pattern: /invalid block range params|begin block \d+ is greater|end \(\d+\) < begin/i, example: "invalid block range params" },
  { provider: "auth", http: 401, code: -32600, kind: "auth", pattern: /Must be authenticated|invalid (?:access|api) key|token is invalid|unauthorized/i, example: "Must be authenticated!" },
  { provider: "Filecoin (Lotus)", http: 200, code: 12, kind: "null-round", pattern: /null round|tipset (?:does not|doesn't) exist at/i, example: "requested epoch was a null round (4153215)" },
  { provider: "BlockPI wrong chain", http: null, code: -32000, kind: "wrong-chain", pattern: /api ?key is on another chain/i, example: "apikey is on another chain" },
  { provider: "generic rate", http: 429, code: null, kind: "rate", pattern: /rate limit|too many requests|exceeded the quota|under too much load/i, example: "Too Many Requests" },
];
