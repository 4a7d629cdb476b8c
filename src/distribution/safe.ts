import { formatDecimal, parseDecimal } from "../core/decimal.ts";
import { invariant } from "../core/errors.ts";
import { checksummed } from "../core/keccak.ts";
import { type Payout, type PayoutFile, type PayoutToken, readAddress } from "./payouts.ts";

const HEADING = "token_type,token_address,receiver,amount";
/** What one batch of the Safe's CSV airdrop app takes. */
const ROWS_MAX = 500;

/** Files for the Safe's CSV airdrop app, of at most 500 rows each; amounts in whole tokens, exact. */
export function safeFiles(name: string, token: PayoutToken, payouts: readonly Payout[]): readonly PayoutFile[] {
  const files: PayoutFile[] = [];
  for (let i = 0; i < payouts.length; i += ROWS_MAX) {
    const lines = payouts
      .slice(i, i + ROWS_MAX)
      .map(({ recipient, amount }) =>
        ["erc20", checksummed(token.address), checksummed(recipient), formatDecimal(amount, token.decimals)].join(","),
      );
    const text = `${[HEADING, ...lines].join("\n")}\n`;
    files.push({ name: `${name}.safe-${files.length + 1}.csv`, text, payouts: read(text, token) });
  }
  return files;
}

function read(text: string, token: PayoutToken): readonly Payout[] {
  const [heading, ...lines] = text.trimEnd().split("\n");
  invariant(
    heading === HEADING && lines.length <= ROWS_MAX,
    "FILE_ROWS",
    "a batch with another heading or too many rows",
  );
  return lines.map((line) => {
    const [type, address = "", receiver = "", amount = ""] = line.split(",");
    invariant(type === "erc20" && readAddress(address) === token.address, "FILE_TOKEN", `a row pays ${address}`);
    const units = parseDecimal(amount, token.decimals);
    invariant(units !== undefined && units > 0n, "FILE_AMOUNT", `${JSON.stringify(amount)} is no amount`);
    return { recipient: readAddress(receiver), amount: units };
  });
}
