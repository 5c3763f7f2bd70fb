// The canonical ABI of the component model, as this program needs it. A string is its address and its number of UTF-16
// code units, which is AssemblyScript's own encoding, so that strings are passed as they are; a list is its address and
// its length. A result that does not fit one value is stored through the last pointer of the import.

/** Called by the host, to place strings and lists of results in this component's memory. They belong to the caller. */
export function cabi_realloc(old: usize, oldSize: usize, align: usize, size: usize): usize {
  if (size == 0) return align;
  return old != 0 ? heap.realloc(old, size) : heap.alloc(size); // aligned to 16, more than any value asks
}

/** Takes the string whose address and length are stored at p. */
export function takeString(p: usize): string {
  const units = load<u32>(p), length = load<u32>(p + 4);
  const s = String.UTF16.decodeUnsafe(units, <usize>length << 1);
  free(units, length);
  return s;
}

/** Takes the bytes of the list that is stored at p. */
export function takeBytes(p: usize): ArrayBuffer {
  const bytes = load<u32>(p), length = load<u32>(p + 4);
  const buffer = new ArrayBuffer(length);
  memory.copy(changetype<usize>(buffer), bytes, length);
  free(bytes, length);
  return buffer;
}

/** Frees a list that the host placed. An empty one has no memory. */
export function free(list: usize, length: u32): void {
  if (length > 0) heap.free(list);
}
