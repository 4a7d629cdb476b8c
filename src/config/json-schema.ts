import { z } from "zod";
import { programmeSchema } from "./schema.ts";

/** The programme file's JSON schema, made from the one that lp-ledger itself checks by. */
export function schemaText(): string {
  const schema = z.toJSONSchema(programmeSchema, { target: "draft-7", io: "input" });
  return `${JSON.stringify({ title: "lp-ledger programme", ...schema }, null, 2)}\n`;
}
