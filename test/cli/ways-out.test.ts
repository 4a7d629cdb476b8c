import { expect, it } from "vitest";
import { programmeLedger } from "../support/programme-ledger.ts";
import { PAIR, POOL } from "../support/world.ts";

/** A ledger whose pair is in quarantine, since nodes leave out one of its `Sync`s. */
async function stopped() {
  const made = await programmeLedger();
  const { chain, ledger } = made;
  chain.grow(20, 6);
  const isSync = (log: { address: string; topics: readonly unknown[] }): boolean =>
    log.address === PAIR && String(log.topics[0]).startsWith("0x1c411e9a");
  const wrong = chain.blocks.find(({ number, logs }) => number > 71 && logs.filter(isSync).length > 0);
  chain.fault = (method, _params, result) => {
    if (method !== "eth_getLogs") return result;
    const logs = result as { blockNumber: string; address: string; topics: readonly unknown[] }[];
    const first = logs.find((log) => Number(log.blockNumber) === wrong?.number && isSync(log));
    return logs.filter((log) => log !== first);
  };
  for (let i = 0; i < 5; i++) await ledger.step({ quarantine: true });
  const [quarantine] = ledger.store.quarantines.all();
  if (quarantine === undefined) throw new Error("nothing is in quarantine");
  return { ...made, quarantine };
}

it("what is in quarantine is shown with who breaks it and what ends it, and a reason lets it go on", async () => {
  const { run, quarantine, ledger } = await stopped();
  const { identity, blockNumber } = quarantine.finding;
  const named = ["--block", `${blockNumber}`, "--identity", identity];
  const listed = await run("audit", "list");
  expect(listed.out).toContain(`pool ${PAIR} is in quarantine: lp-ledger audit show ${named.join(" ")}`);
  const shown = await run("audit", "show", ...named);
  expect(shown.code).toBe(0);
  for (const each of [
    `did not hold    at block ${blockNumber}`,
    "who breaks it   ",
    `in quarantine   pool ${PAIR}, since ${quarantine.firstDay}`,
    `way out         lp-ledger pool refetch ${PAIR}`,
    `way out         lp-ledger pool drop ${PAIR}`,
  ])
    expect(shown.out).toContain(each);
  const told = JSON.parse((await run("audit", "show", ...named, "--json")).out) as { readonly waysOut: unknown[] }[];
  expect(told[0]?.waysOut.length).toBeGreaterThan(1);
  expect((await run("status")).out).toMatch(new RegExp(`^QUARANTINE {6}pool ${PAIR} since ${quarantine.firstDay}`));
  const resolved = await run("audit", "resolve", ...named, "its token takes a fee");
  expect([resolved.code, resolved.out]).toEqual([
    0,
    `${PAIR}: goes on by its kept logs with the next lp-ledger start, as its entry is then: its token takes a fee\n`,
  ]);
  expect((await run("status")).out).toContain(
    `ordered         pool ${PAIR} goes on by its kept logs by the next lp-ledger start`,
  );
  // Nothing is closed before that.
  expect(ledger.store.findings.open().map(({ pool }) => pool)).toEqual([PAIR]);
  const none = await run("audit", "show", "--block", "1", "--identity", "V2-1");
  expect([none.code, none.err.includes("there is no finding V2-1 at block 1")]).toEqual([64, true]);
});

it("pools and wrappers are dropped by order, each with a reason, where the ledger follows them", async () => {
  const { run } = await stopped();
  const unknown = `0x${"9".repeat(40)}`;
  for (const [args, message] of [
    [["pool", "drop", unknown, "--reason", "x"], `the ledger does not follow pool ${unknown}`],
    [["wrapper", "drop", unknown, "--reason", "x"], `the ledger knows no wrapper ${unknown}`],
    [["pool", "drop", POOL, "--reason", " "], "reason: expected why it is done"],
    [["pool", "drop", POOL], "--reason"],
  ] as const) {
    const refused = await run(...args);
    expect([refused.code, refused.err.includes(message)]).toEqual([64, true]);
  }
  const dropped = await run("pool", "drop", PAIR, "--reason", "it lies");
  expect([dropped.code, dropped.out]).toEqual([
    0,
    `${PAIR}: the next lp-ledger start takes it out of the ledger; take it out of the programme file before that (of a factory's pool: name it in the factory's except)\n`,
  ]);
  expect((await run("status")).out).toContain(`ordered         pool ${PAIR} is dropped by the next lp-ledger start`);
  expect((await run("audit", "list")).out).toContain(`pool ${PAIR} is dropped by the next lp-ledger start: it lies`);
});
