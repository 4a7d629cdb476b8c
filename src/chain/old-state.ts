import { LpLedgerError } from "../core/errors.ts";
import { classify, isPruned } from "./rpc/classify-errors.ts";

/** What one endpoint taught of the state that it still has: full nodes forget that of older blocks. */
export class OldState {
  #lackedTo: number | null;

  /** `lackedTo`: what an earlier process learned. */
  constructor(lackedTo: number | null = null) {
    this.#lackedTo = lackedTo;
  }

  /** The newest block whose state it said it no longer has; null while it never said so. */
  get lackedTo(): number | null {
    return this.#lackedTo;
  }

  lacks(blockNumber: number): boolean {
    return this.#lackedTo !== null && blockNumber <= this.#lackedTo;
  }

  /**
   * Asks for the state at a block. @returns its answer, or the error by which it says that it no longer has it; other
   * errors are thrown
   */
  async call<T>(blockNumber: number, request: () => Promise<T>): Promise<T | LpLedgerError> {
    try {
      const answer = await request();
      if (this.lacks(blockNumber)) this.#lackedTo = null;
      return answer;
    } catch (error) {
      if (!(error instanceof LpLedgerError) || !isPruned(error)) throw error;
      if (classify(error).kind === "pruned") this.#lackedTo = Math.max(this.#lackedTo ?? 0, blockNumber);
      return error;
    }
  }
}
