import fc from "fast-check";
import { encodePacked, getAddress, keccak256, toEventSelector, toHex } from "viem/utils";
import { describe, expect, it } from "vitest";
import { checksummed, hexOf, keccakOfHex, keccakOfText } from "../../src/core/keccak.ts";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length }).map((value) => toHex(value));

describe("hashes and encodings are viem's", () => {
  it("of bytes, in parts or whole, and of an event's signature", () => {
    fc.assert(
      fc.property(bytes(20), bytes(32), (a, b) => {
        expect(keccakOfHex(a, b)).toBe(keccak256(`${a}${b.slice(2)}`));
      }),
    );
    expect(keccakOfHex("0x")).toBe(keccak256("0x"));
    expect(keccakOfText("Transfer(address,address,uint256)")).toBe(
      toEventSelector("event Transfer(address indexed from, address indexed to, uint256 value)"),
    );
  });

  it("of addresses with their checksum", () => {
    fc.assert(
      fc.property(bytes(20), (address) => {
        expect(checksummed(address)).toBe(getAddress(address));
        expect(checksummed(getAddress(address))).toBe(getAddress(address));
      }),
    );
  });

  it("of whole numbers in so many bytes, and of none that need more", () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 23), max: 2 ** 23 - 1 }), (tick) => {
        expect(hexOf(tick, 3)).toBe(encodePacked(["int24"], [tick]));
        expect(hexOf(tick, 32)).toBe(encodePacked(["int256"], [BigInt(tick)]));
      }),
    );
    expect(hexOf(2n ** 256n - 1n, 32)).toBe(encodePacked(["uint256"], [2n ** 256n - 1n]));
    for (const value of [2n ** 24n, -(2n ** 23n) - 1n]) expect(() => hexOf(value, 3)).toThrow(RangeError);
  });
});
