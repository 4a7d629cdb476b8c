import { describe, expect, it } from "vitest";
import { seeded } from "../../demo/life.ts";
import { parseProgramme } from "../../src/config.ts";
import type { WorkingSet } from "../../src/core/accounting/working-set.ts";
import { PROTOCOLS } from "../../src/core/decode/protocols.ts";
import { routesOf } from "../../src/core/decode/routes.ts";
import { applyTransaction } from "../../src/core/decode/transaction.ts";
import { WRAPPERS } from "../../src/core/decode/wrappers.ts";
import { findingOf, LpLedgerError } from "../../src/core/errors.ts";
import { IDENTITIES } from "../../src/core/identities.ts";
import type { Model } from "../models/model.ts";
import { MODELS } from "../models/models.ts";
import { emptyBooks } from "../support/empty-books.ts";
import { type Draft, logsOf } from "../support/logs.ts";
import { World, worldProgramme } from "../support/world.ts";

const TRANSACTIONS = 120;
const SEEDS = Array.from({ length: 6 }, (_, i) => i + 1);
type Life = readonly (readonly Draft[])[];

function programmeOf(model: { programme(): object }) {
  return parseProgramme({ chainId: 31337, quote: { symbol: "USD" }, ...model.programme() }, "the model's programme");
}

/** Every open account, as models name them, after a life, or what stopped it. */
function outcomeOf(programme: ReturnType<typeof programmeOf>, life: Life): ReadonlyMap<string, bigint> {
  const books: WorkingSet = emptyBooks();
  const routes = routesOf(programme);
  const open = new Map<string, bigint>();
  life.forEach((drafts, i) => {
    const logs = logsOf(drafts);
    for (const { posting } of applyTransaction(books, routes, logs, { blockNumber: i + 1, timestampSec: i + 1 })
      .postings) {
      const { pool, position, provider, via, kind } = posting.account;
      if (kind !== "holder") continue;
      const key = `${pool} ${position} ${provider}${via ? `@${via}` : ""}`;
      // In log order each balance follows from the one before it: an undo and the days rest on that.
      if ((open.get(key) ?? 0n) + posting.delta !== posting.balanceAfter)
        throw new Error(`the balances of ${key} jump`);
      open.set(key, posting.balanceAfter);
    }
  });
  return open;
}

function lifeOf(model: Pick<Model, "transaction">, seed: number): Life {
  const random = seeded(seed);
  return Array.from({ length: TRANSACTIONS }, () => model.transaction(random));
}

function withoutZero(open: ReadonlyMap<string, bigint>): unknown {
  return [...open].filter(([, balance]) => balance !== 0n).sort();
}

describe("a life of random deeds", () => {
  for (const [name, make] of Object.entries(MODELS)) {
    it.each(SEEDS)(`on ${name} keeps every identity and ends with the model's positions (seed %i)`, (seed) => {
      const model = make();
      const open = outcomeOf(programmeOf(model), lifeOf(model, seed));
      expect(withoutZero(open)).toEqual(withoutZero(model.positions()));
    });
  }
});

type Damage = "dropped" | "doubled" | "swapped";

/** The life with one log missing, there twice, or exchanged with the next one of its transaction. */
function damaged(life: Life, at: number, log: number, damage: Damage): Life {
  return life.map((drafts, i) => {
    if (i !== at) return drafts;
    const logs = [...drafts];
    const [one, next] = [logs[log] as Draft, logs[log + 1] as Draft];
    if (damage === "dropped") logs.splice(log, 1);
    else if (damage === "doubled") logs.splice(log, 0, one);
    else logs.splice(log, 2, next, one);
    return logs;
  });
}

/** How often each kind of damage to each kind of log breaks an identity before the life ends. */
function caughtBy(model: Pick<Model, "transaction"> & { programme(): object }, seed: number) {
  const programme = programmeOf(model);
  const life = lifeOf(model, seed);
  const sound = withoutZero(outcomeOf(programme, life));
  const table = new Map<string, { tried: number; caught: number; identities: Set<string> }>();
  life.slice(0, TRANSACTIONS / 2).forEach((drafts, at) => {
    drafts.forEach((draft, log) => {
      for (const damage of ["dropped", "doubled", "swapped"] as const) {
        if (damage === "swapped" && log === drafts.length - 1) continue;
        const key = `${draft.topics[0]} ${damage}`;
        const row = table.get(key) ?? { tried: 0, caught: 0, identities: new Set() };
        row.tried += 1;
        try {
          // What ends with the same ledger did no harm.
          if (
            JSON.stringify(withoutZero(outcomeOf(programme, damaged(life, at, log, damage))), json) ===
            JSON.stringify(sound, json)
          )
            row.tried -= 1;
        } catch (error) {
          if (!(error instanceof LpLedgerError)) throw error;
          row.caught += 1;
          row.identities.add(findingOf(error)?.identity ?? error.code);
        }
        table.set(key, row);
      }
    });
  });
  return table;
}

function json(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}` : value;
}

describe("one log that is missing, doubled or out of place", () => {
  const names = namesByTopic();
  const rows: string[] = [HEADING];
  const damagedModels: Readonly<Record<string, () => Pick<Model, "transaction"> & { programme(): object }>> = {
    "uniswap-v2 and uniswap-v3": () =>
      Object.assign(new World(), { programme: () => ({ pools: worldProgramme()["pools"] }) }) as never,
    ...MODELS,
  };
  for (const [name, make] of Object.entries(damagedModels)) {
    it(`on ${name} breaks an identity wherever it must`, () => {
      const total = new Map<string, { tried: number; caught: number; identities: Set<string> }>();
      for (const seed of [1, 2]) {
        for (const [key, { tried, caught, identities }] of caughtBy(make(), seed)) {
          const [topic = "", damage = ""] = key.split(" ");
          const readable = `${names.get(topic) ?? topic} ${damage}`;
          const sum = total.get(readable) ?? { tried: 0, caught: 0, identities: new Set() };
          sum.tried += tried;
          sum.caught += caught;
          for (const each of identities) sum.identities.add(each);
          total.set(readable, sum);
        }
      }
      for (const [what, { tried, caught, identities }] of total) {
        if (tried > 0)
          rows.push(`| ${name} | ${what} | ${caught} of ${tried} | ${[...identities].sort().join(", ")} |`);
      }
    });
  }
  it("is caught as often as it is written down", async () => {
    const named = [...IDENTITIES].map(
      ([identity, { says, breaker, stops, caveat }]) =>
        `| ${identity} | ${says} | ${breaker} | ${stops} | ${caveat === null ? WITHOUT_CAVEAT[stops] : `the caveat \`${caveat}\``} |`,
    );
    rows.push(TABLE_HEADING, ...named);
    await expect(`${rows.join("\n")}\n`).toMatchFileSnapshot("../../docs/identities.md");
  });
});

const WITHOUT_CAVEAT = {
  pool: "",
  wrapper: "`exclude`",
  epochs: "`lp-ledger audit resolve`, once it is explained",
  nothing: "`lp-ledger audit resolve`, once it is explained",
} as const;

const HEADING = `# What the identities catch

Each log of random lives on small models of the contracts was left out, doubled, or exchanged with the next log of its
transaction, one at a time; damage that ends with the same ledger is not counted. "Caught" means that an identity broke
before the life ended. What is not caught is found by settling, which reads everything twice: a plain transfer from one
wallet to another that is missing breaks nothing until its receiver spends it. The same test that writes this table
fails when it changes.

Two more are checked of each pool when a day is closed. **D-2**: before anything is floored, what all accounts held of
each token, second by second, is to the last bit what the pool itself did, counted another way: of concentrated
liquidity the net liquidity at each tick, walked along the path of the price; of shares supply x value. **D-1**: after
flooring, all accounts together held no more than the pool's logs leave in it, uncollected fees included; not of values
in one token, nor where a log does not tell.

| model | log | caught | by |
|---|---|---|---|`;

const TABLE_HEADING = `
## Who can break them, and what then

Where an identity does not hold, whoever is asked, what the table names is in **quarantine** from the transaction on
that shows it (of D-1 and D-2 from that day on): nothing of it counts, its holders' days are valued without it and say
so, epochs in which it is rewarded wait, and everything else goes on. A second reading that brings what was missing ends
it by itself. \`lp-ledger audit show\` says the ways out of a finding:

- \`lp-ledger pool refetch POOL\`: its history again, alone, also by another entry (caveats, managers, wrappers);
- the **caveat** of the table in the pool's entry, or in a factory's \`caveats\` or \`poolCaveats\`, and \`lp-ledger audit
  resolve\`: where the contract is of that kind, the pool goes on by the logs that were kept since, without the node;
- \`lp-ledger pool drop POOL\`, with a programme file that does not name it (of a factory: whose \`except\` does), and
  \`lp-ledger wrapper drop WRAPPER\`, whose contract is nobody from then on; or \`"exclude": true\` in a wrapper's entry;
- \`rewards.exclude\` with the pool or wrapper, which holds its part back and lets the others be paid: see
  [rewards](rewards.md).

What cannot be confined still ends with 70: blocks and their order, the reorg guard, digests, the file itself, and logs
of a position manager, a factory or a price feed that are not of their kind, as those are contracts of many pools that
the programme names itself.

Each row is played by a test (test/daemon/every-identity.test.ts), those of third parties on the real contracts too
(test/anvil/halts.test.ts), where the gas was counted.

| identity | what holds | who can break it, at what cost | stops | way out besides refetch and drop |
|---|---|---|---|---|`;

function namesByTopic(): ReadonlyMap<string, string> {
  const shapes = [...PROTOCOLS.values()].flatMap(({ shapes: of, managers }) => [of, managers ?? new Map()]);
  const all = [...shapes, ...[...WRAPPERS.values()].map(({ shapes: of }) => of)];
  return new Map(all.flatMap((each) => [...each].map(([topic, { name }]) => [topic, name] as const)));
}
