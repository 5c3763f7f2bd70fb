// quickjs.mjs TOOLCHAIN WIT WORLD PROGRAM OUT [async]: make a component of PROGRAM and QuickJS.
//
// With async the component uses the async ABI, which is componentize-qjs's default; hosts of WASI 0.2 alone refuse it.
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';

const [toolchain, witPath, world, jsPath, out, abi] = process.argv.slice(2);
const { componentize } = createRequire(`${toolchain}/node_modules/`)('componentize-qjs');

const jsSource = await readFile(jsPath, 'utf8');
const { component } = await componentize({
  witPath, world, jsSource, jsPath, moduleRoot: dirname(jsPath), sync: abi !== 'async',
});
await writeFile(out, component);
