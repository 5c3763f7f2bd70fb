// component.mjs TOOLCHAIN WIT WORLD CORE OUT: make a component of a preview 1 command.
//
// CORE imports the functions of WORLD (a world in the folder WIT) by their canonical-ABI names, and wasi_snapshot_preview1,
// which the adapter turns into WASI 0.2. This is `wasm-tools component embed` followed by `wasm-tools component new`.
import { readFile, writeFile } from 'node:fs/promises';

const [toolchain, wit, world, core, out] = process.argv.slice(2);
const modules = `${toolchain}/node_modules/@bytecodealliance`;
const { componentEmbed, componentNew } = await import(`${modules}/jco-transpile/dist/wasm-tools.js`);
const adapter = await readFile(`${modules}/jco/lib/wasi_snapshot_preview1.command.wasm`);

const embedded = await componentEmbed({ binary: await readFile(core), witPath: wit, world });
await writeFile(out, await componentNew(embedded, [['wasi_snapshot_preview1', adapter]]));
