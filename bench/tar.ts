/** As much of the tar format as an upload needs: regular files with short names. */

const BLOCK_BYTES = 512

/** One file: its header, its content, and zeros up to a whole block. */
export function tarEntry(name: string, content: Buffer): Buffer {
  const rest = content.length % BLOCK_BYTES
  const padding = Buffer.alloc(rest === 0 ? 0 : BLOCK_BYTES - rest)
  return Buffer.concat([header(name, content.length), content, padding])
}

/** Two empty blocks end an archive. */
export const TAR_END = Buffer.alloc(2 * BLOCK_BYTES)

function header(name: string, size: number): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES)
  block.write(name, 0, 100)
  block.write(octal(0o644, 8), 100)
  block.write(octal(0, 8), 108)
  block.write(octal(0, 8), 116)
  block.write(octal(size, 12), 124)
  block.write(octal(0, 12), 136)
  // The checksum is taken with spaces in its own place.
  block.write(' '.repeat(8), 148)
  block.write('0', 156)
  block.write('ustar\x0000', 257)
  const checksum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${checksum.toString(8).padStart(6, '0')}\0 `, 148)
  return block
}

function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, '0')}\0`
}
