/**
 * A sum of a column of values in two parts, "high" and "low" after a name: SQLite's own ends in an error where it
 * passes 63 bits.
 */
export function exactSum(column: string, name: string): string {
  return `coalesce(sum(${column} >> 30), 0) as ${name}High, coalesce(sum(${column} & 1073741823), 0) as ${name}Low`;
}

type Parts<Name extends string> = { readonly [part in `${Name}High` | `${Name}Low`]: bigint };

/** The two parts together; the row must have been read with safe integers. */
export function exactSumOf<Name extends string>(row: Parts<Name>, name: Name): bigint {
  return (row[`${name}High`] << 30n) + row[`${name}Low`];
}
