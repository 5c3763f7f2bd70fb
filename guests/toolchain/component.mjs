// component.mjs TOOLCHAIN WIT WORLD CORE OUT [native] [reactor] [utf16]: make a component of a command.
//
// CORE imports the functions of WORLD (a world in the folder WIT) by their canonical-ABI names. What it imports of
// wasi_snapshot_preview1 the adapter turns into WASI 0.2; with native, CORE has to import WASI 0.2 itself, described in
// sections of its own by its C library or in WORLD. A reactor is a library that exports its command by itself. With utf16 its
// strings are that. WORLD is - for a CORE that describes all its imports so. This is `wasm-tools component embed` followed
// by `wasm-tools component new`.
import { readFile, writeFile } from 'node:fs/promises';

const [toolchain, wit, world, core, out, ...options] = process.argv.slice(2);
const modules = `${toolchain}/node_modules/@bytecodealliance`;
const { componentEmbed, componentNew } = await import(`${modules}/jco-transpile/dist/wasm-tools.js`);

const stringEncoding = options.includes('utf16') ? 'utf16' : 'utf8';
const binary = await readFile(core);
const embedded = world === '-' ? binary : await componentEmbed({ binary, witPath: wit, world, stringEncoding });
const adapters = [];
if (!options.includes('native')) {
  const kind = options.includes('reactor') ? 'reactor' : 'command';
  adapters.push(['wasi_snapshot_preview1', await readFile(`${modules}/jco/lib/wasi_snapshot_preview1.${kind}.wasm`)]);
}
await writeFile(out, await componentNew(embedded, adapters));
