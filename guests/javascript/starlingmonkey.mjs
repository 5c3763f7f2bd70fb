// starlingmonkey.mjs TOOLCHAIN WIT WORLD PROGRAM OUT: make a component of PROGRAM and StarlingMonkey.
import { writeFile } from 'node:fs/promises';

const [toolchain, witPath, worldName, sourcePath, out] = process.argv.slice(2);
const { componentize } = await import(`${toolchain}/node_modules/@bytecodealliance/componentize-js/src/componentize.js`);

const { component } = await componentize({ witPath, worldName, sourcePath });
await writeFile(out, component);
