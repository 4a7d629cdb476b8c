import type { ProtocolName } from "../core/programme/programme.ts";

const UNISWAP = "0xc36442b4a4522e871399cd717abdd847ab11fe88";
const PANCAKE = "0x46a15b0b27311cedf172ab29e4f4766fbe7f4364";

/**
 * Position managers of Uniswap V3 and V4 and PancakeSwap V3 by chain id, as their makers' documentation lists their
 * deployments. A manager is taken only where it names the pool's own factory.
 */
const MANAGERS: ReadonlyMap<ProtocolName, ReadonlyMap<number, string>> = new Map([
  [
    "uniswap-v3",
    new Map([
      ...[1, 10, 137, 42161].map((chain) => [chain, UNISWAP] as const),
      [30, "0x9d9386c042f194b460ec424a1e57acde25f5c4b1"],
      [56, "0x7b8a01b39d58278b5de7e48c8449c9f4f5170613"],
      [130, "0x943e6e07a7e8e791dafc44083e54041d743c46e9"],
      [1301, "0xb7f724d6dddfd008eff5cc2834edde5f9ef0d075"],
      [8453, "0x03a520b32c04bf3beef7beb72e919cf822ed34f1"],
      [42220, "0x3d79edaabc0eab6f08ed885c05fc0b014290d95a"],
      [43114, "0x655c406ebfa14ee2006250925e54ec43ad184f8b"],
      [81457, "0xb218e4f7cf0533d4696fdfc419a0023d33345f28"],
      [421614, "0x6b2937bde17889edcf8fbd8de31c3c2a70bc4d65"],
      [7777777, "0xbc91e8dfa3ff18de43853372a3d7dfe585137d78"],
      [11155111, "0x1238536071e1c677a632429e3655c799b22cda52"],
      [11155420, "0xda75cef1c93078e8b736fca5d5a30adb97c8957d"],
      [999999999, "0xb8458eaae43292e3c1f7994efd016bd653d23c20"],
    ]),
  ],
  [
    "pancake-v3",
    new Map([
      ...[1, 56, 143, 204, 8453, 42161, 59144].map((chain) => [chain, PANCAKE] as const),
      [97, "0x427bf5b37357632377ecbec9de3626c71a5396c1"],
      [324, "0xa815e2ed7f7d5b0c49fda367f249232a1b9d2883"],
    ]),
  ],
  [
    "uniswap-v4",
    new Map([
      [1, "0xbd216513d74c8cf14cf4747e6aaa6420ff64ee9e"],
      [10, "0x3c3ea4b57a46241e54610e5f022e5c45859a1017"],
      [130, "0x4529a01c7a0410167c5740c487a8de60232617bf"],
      [42220, "0xf7965f3981e4d5bc383bfbcb61501763e9068ca9"],
    ]),
  ],
]);

/** The position manager of a protocol's own deployment on a chain. */
export function knownManager(protocol: ProtocolName, chainId: number): string | undefined {
  return MANAGERS.get(protocol)?.get(chainId);
}
