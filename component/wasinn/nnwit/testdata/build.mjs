// build.mjs TOOLCHAIN: write driver-VERSION.wasm, the guests of this package's tests, one for each version of wasi:nn.
//
// TOOLCHAIN is the folder that guests/toolchain/setup.sh prints. A driver exports every function it imports, with its core
// parameters as u32s, so that a test in Go can call them with whatever it likes; put and peek write and read its memory,
// and bench computes in a loop.
import { mkdtemp, mkdir, cp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const [toolchain] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const { componentEmbed, componentNew, parse } = await import(`${toolchain}/node_modules/@bytecodealliance/jco-transpile/dist/wasm-tools.js`);

// [interface, core name, number of parameters, number of results, name of the export]
const common = [
  ['tensor', '[constructor]tensor', 5, 1, 'tensor-new'],
  ['tensor', '[method]tensor.dimensions', 2, 0, 'tensor-dimensions'],
  ['tensor', '[method]tensor.ty', 1, 1, 'tensor-ty'],
  ['tensor', '[method]tensor.data', 2, 0, 'tensor-data'],
  ['tensor', '[resource-drop]tensor', 1, 0, 'tensor-drop'],
  ['graph', 'load', 5, 0, 'load'],
  ['graph', 'load-by-name', 3, 0, 'load-by-name'],
  ['graph', '[method]graph.init-execution-context', 2, 0, 'init-execution-context'],
  ['graph', '[resource-drop]graph', 1, 0, 'graph-drop'],
  ['inference', '[resource-drop]graph-execution-context', 1, 0, 'context-drop'],
  ['errors', '[method]error.code', 1, 1, 'error-code'],
  ['errors', '[method]error.data', 2, 0, 'error-data'],
  ['errors', '[resource-drop]error', 1, 0, 'error-drop'],
];
const byName = [
  ['inference', '[method]graph-execution-context.set-input', 5, 0, 'set-input'],
  ['inference', '[method]graph-execution-context.compute', 2, 0, 'compute'],
  ['inference', '[method]graph-execution-context.get-output', 4, 0, 'get-output'],
];
const versions = {
  '0.2.0-rc-2024-06-25': [...common, ...byName, ['errors', '[constructor]error', 3, 1, 'error-new']],
  '0.2.0-rc-2024-08-19': [...common, ...byName],
  '0.2.0-rc-2024-10-28': [...common, ['inference', '[method]graph-execution-context.compute', 4, 0, 'compute']],
};

const i32s = (kind, n) => (n ? `(${kind}${' i32'.repeat(n)})` : '');
const letters = 'abcdefgh';

// bench(n, context, dims, type, data, length) makes a tensor of rank 1, computes, reads the first output and drops it, n times.
const bench1028 = `
  (func (export "bench") (param $n i32) (param $cx i32) (param $dims i32) (param $ty i32) (param $data i32) (param $len i32)
    (i32.store8 (i32.const 80) (i32.const 120)) ;; the name x
    (i32.store (i32.const 64) (i32.const 80)) (i32.store (i32.const 68) (i32.const 1))
    (loop $again
      (i32.store (i32.const 72) (call $tensor-new (local.get $dims) (i32.const 1) (local.get $ty) (local.get $data) (local.get $len)))
      (call $compute (local.get $cx) (i32.const 64) (i32.const 1) (i32.const 96))
      (if (i32.load8_u (i32.const 96)) (then unreachable))
      (call $tensor-data (i32.load offset=8 (i32.load (i32.const 100))) (i32.const 112))
      (call $tensor-drop (i32.load offset=8 (i32.load (i32.const 100))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))`;
const benchByName = `
  (func (export "bench") (param $n i32) (param $cx i32) (param $dims i32) (param $ty i32) (param $data i32) (param $len i32)
    (i32.store8 (i32.const 80) (i32.const 120)) ;; the name x
    (i32.store8 (i32.const 81) (i32.const 121)) ;; the name y
    (loop $again
      (call $set-input (local.get $cx) (i32.const 80) (i32.const 1)
        (call $tensor-new (local.get $dims) (i32.const 1) (local.get $ty) (local.get $data) (local.get $len)) (i32.const 96))
      (if (i32.load8_u (i32.const 96)) (then unreachable))
      (call $compute (local.get $cx) (i32.const 96))
      (if (i32.load8_u (i32.const 96)) (then unreachable))
      (call $get-output (local.get $cx) (i32.const 81) (i32.const 1) (i32.const 96))
      (if (i32.load8_u (i32.const 96)) (then unreachable))
      (call $tensor-data (i32.load (i32.const 100)) (i32.const 112))
      (call $tensor-drop (i32.load (i32.const 100)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))`;

const work = await mkdtemp(join(tmpdir(), 'driver-'));
for (const [version, functions] of Object.entries(versions)) {
  const wat = `(module
  ${functions.map(([i, f, p, r, e]) => `(import "wasi:nn/${i}@${version}" "${f}" (func $${e} ${i32s('param', p)} ${i32s('result', r)}))`).join('\n  ')}
  (memory (export "memory") 512)
  (global $top (mut i32) (i32.const 65536))
  ;; realloc moves forward, all aligned to 8, and starts again in the last megabyte
  (func (export "cabi_realloc") (param $old i32) (param $was i32) (param $align i32) (param $n i32) (result i32)
    (local $p i32)
    (if (i32.gt_u (global.get $top) (i32.const 0x1f00000)) (then (global.set $top (i32.const 0x1000000))))
    (local.set $p (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
    (global.set $top (i32.add (local.get $p) (local.get $n)))
    (if (i32.gt_u (global.get $top) (i32.const 0x2000000)) (then unreachable))
    (local.get $p))
  (func (export "put") (param $p i32) (param $n i32) (result i32) (local.get $p))
  (func (export "peek") (param $p i32) (param $n i32) (result i32)
    (i32.store (i32.const 16) (local.get $p)) (i32.store (i32.const 20) (local.get $n)) (i32.const 16))
  ${functions.map(([, , p, r, e]) => `(func (export "${e}") ${i32s('param', p)} ${i32s('result', r)} (call $${e}${[...Array(p).keys()].map((k) => ` (local.get ${k})`).join('')}))`).join('\n  ')}
  ${version.endsWith('10-28') ? bench1028 : benchByName})`;
  const wit = `package wasinn:driver;
world driver {
  ${['tensor', 'graph', 'inference', 'errors'].map((i) => `import wasi:nn/${i}@${version};`).join('\n  ')}
  export put: func(data: list<u8>) -> u32;
  export peek: func(at: u32, n: u32) -> list<u8>;
  export bench: func(n: u32, cx: u32, dims: u32, ty: u32, data: u32, len: u32);
  ${functions.map(([, , p, r, e]) => `export ${e}: func(${[...Array(p).keys()].map((k) => `${letters[k]}: u32`).join(', ')})${r ? ' -> u32' : ''};`).join('\n  ')}
}`;
  const dir = join(work, version);
  await mkdir(join(dir, 'deps'), { recursive: true });
  await writeFile(join(dir, 'driver.wit'), wit);
  await cp(join(here, '../../../../wit/wasi-nn', version), join(dir, 'deps/nn'), { recursive: true });
  await writeFile(join(dir, 'driver.wat'), wat);
  const core = await parse(wat);
  const embedded = await componentEmbed({ binary: core, witPath: dir, world: 'driver' });
  await writeFile(join(here, `driver-${version}.wasm`), await componentNew(embedded, []));
}
