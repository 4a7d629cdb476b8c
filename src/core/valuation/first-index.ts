/** The first index of an ascending sequence of whole numbers whose value is at least `least`, or its length. */
export function firstIndex(values: ArrayLike<number>, least: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] ?? 0) >= least) high = middle;
    else low = middle + 1;
  }
  return low;
}
