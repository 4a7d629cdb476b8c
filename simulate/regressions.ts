/**
 * Seeds that failed once, and what they showed; played with every run of a hundred seeds or more. Those above the line
 * were found on the Uniswap V2 and V3 pools alone: with more pools they are other lives.
 */
/** Of those, the ones from before nodes had limits: they go on as they went then. */
export const BEFORE_LIMITS: ReadonlyMap<number, string> = new Map([
  [6, "one endpoint dead, all others without our final block: the guard never saw the fork"],
  [71, "a log lost in a committed block, an identity broken above it: nothing ever read the lost one again"],
  [97, "logs of another fork below the final block, where no header is asked for"],
  [102, "a fork that was gone when it was read: blocks undone, none put in their place"],
  [344, "a final block that came back between two requests: settled rows were redone"],
  [410, "one that was ours said otherwise, and one that could not be asked stood in without being asked again"],
  [848, "a fork whose common block is the tip"],
  [1484, "a null for the block before our first was taken for another chain"],
  [3065, "a repair took a reading of another fork over the final block"],
  [3089, "finality of one branch stored with the rows of another: the parts of one batch were answered around a reorg"],
  [3144, "a repair across the final block that could never be tied to it"],
  [3358, "a fork between the final block and our first"],
  [
    1505,
    "a fork below the final block was accepted, and what it rests on had to be repaired first: the repair insisted on the final block of the chain that was left",
  ],
  [10348, "logs of another fork above the stored final block, found by an identity: taken for a fork, over and over"],
  [17045, "an endpoint of another chain, which could not be asked, stood in for ours"],
  // With Curve, V4, wrappers and a factory, and nodes that are wrong about the time.
  [28, "a block asked for by its hash brought the logs of a new pool, and a second answer brought them again"],
  [1055, "a time that the only endpoint left says again and again was never agreed on"],
  [
    1090,
    "the tip's time is disputed between an endpoint that is gone and the one that is left, and nothing said how to go on",
  ],
  [
    6348,
    "a fork shared a block whose time was wrong when it was read, in a header that was kept unseen: nothing could replace what came after",
  ],
  [8748, "a fork shared a block whose wrong time was settled, and was not followed though nothing ran back"],
  [
    13600,
    "the end of a range was settled with one answer's wrong time, and a log that was missing right above it ran back",
  ],
  [
    918,
    "an accepted deep fork was read of an endpoint that still had the old chain, and became a mixture of both that nothing could leave",
  ],
  // With quarantine, and all nodes leaving out logs of one pool.
  [
    629,
    "what is right above the settled blocks did not fit to what was settled of a pool, and no repair could stop that pool: everything waited",
  ],
  [1421, "a pool was fetched again, and days before its quarantine kept prices of the history that was wrong"],
]);

const SINCE_LIMITS: ReadonlyMap<number, string> = new Map([
  [
    697,
    "headers were read one by one where a node bears no batches, the last one before others, and a reorg in between left a block of another chain",
  ],
  [
    1716,
    "what is final was asked of another node behind the URL than our tip, one by one, and became a final block of another chain",
  ],
]);

/** Those from before nodes answered in strange forms. */
export const BEFORE_ENVELOPES: ReadonlyMap<number, string> = new Map([...BEFORE_LIMITS, ...SINCE_LIMITS]);

const SINCE_ENVELOPES: ReadonlyMap<number, string> = new Map([
  [29, "a node that bears few addresses and few topics at once was asked for the same again and again"],
  [
    6699,
    "the head of one node behind a URL was lower than what another one called final, and blocks of both were taken as final",
  ],
  [13073, "a range of one block had the parent of one chain and the hash of another, where its header was read twice"],
  [
    14154,
    "a time that was mended rested on a log that was missing lower: it stopped at each start, and nothing read that lower block again",
  ],
  [857, "logs asked for by a block's hash were never asked for with fewer topics, where a refusal had unknown words"],
]);

export const REGRESSIONS: ReadonlyMap<number, string> = new Map([...BEFORE_ENVELOPES, ...SINCE_ENVELOPES]);
