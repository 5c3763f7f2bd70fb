;; Definitions that import from instances of the script, core and component.
;; wasm-tools json-from-wast made the files beside this one.

(module $m
  (import "spectest" "global_i32" (global $g i32))
  (import "spectest" "print_i32" (func $print (param i32)))
  (memory (export "mem") 1)
  (global (export "g") (mut i64) (i64.const -2))
  (func (export "f") (result i32) (call $print (i32.const 1)) (global.get $g))
  (func (export "nan") (result f32) (f32.div (f32.const 0) (f32.const 0)))
  (func (export "lanes") (param v128) (result v128) (f64x2.neg (local.get 0)))
  (func (export "ref") (param externref) (result externref) (local.get 0))
  (func (export "two") (result i32 i64) (i32.const 1) (i64.const 2)))
(register "m" $m)
(module
  (import "m" "f" (func $f (result i32)))
  (import "m" "mem" (memory 1))
  (func (export "f") (result i32) (i32.store (i32.const 8) (call $f)) (i32.load (i32.const 8))))
(assert_return (invoke "f") (i32.const 666))
(assert_return (get $m "g") (i64.const -2))
(assert_return (invoke $m "nan") (f32.const nan:canonical))
(assert_return (invoke $m "nan") (f32.const nan:arithmetic))
(assert_return (invoke $m "lanes" (v128.const f64x2 0 -1.5)) (v128.const f64x2 -0 1.5))
(assert_return (invoke $m "ref" (ref.extern 7)) (ref.extern 7))
(assert_return (invoke $m "ref" (ref.null extern)) (ref.null extern))
(assert_return (invoke $m "two") (i32.const 1) (i64.const 2))
(assert_unlinkable (module (import "m" "none" (func))) "unknown import")
(assert_unlinkable (module (import "m" "f" (func (result i64)))) "incompatible import type")

(component $provider
  (type $r' (resource (rep i32)))
  (export $r "r" (type $r'))
  (core func $new (canon resource.new $r'))
  (core func $rep (canon resource.rep $r'))
  (core module $code
    (import "" "new" (func $new (param i32) (result i32)))
    (import "" "rep" (func $rep (param i32) (result i32)))
    (memory (export "mem") 1)
    (global $at (mut i32) (i32.const 16))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $p i32)
      (local.set $p (global.get $at))
      (global.set $at (i32.add (global.get $at) (local.get 3)))
      (local.get $p))
    (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
    (func (export "value") (param i32) (result i32) (local.get 0))
    (func (export "length") (param i32 i32) (result i32) (local.get 1))
    (func (export "trap") unreachable))
  (core instance $code (instantiate $code (with "" (instance
    (export "new" (func $new)) (export "rep" (func $rep))))))
  (func (export "make") (param "n" u32) (result (own $r)) (canon lift (core func $code "make")))
  (func (export "value") (param "r" (borrow $r)) (result u32) (canon lift (core func $code "value")))
  (func (export "length") (param "s" string) (result u32)
    (canon lift (core func $code "length") (memory $code "mem") (realloc (func $code "realloc"))))
  (func $trap (canon lift (core func $code "trap")))
  (instance $inner (export "trap" (func $trap)))
  (export "inner" (instance $inner))
  (core module (export "module")
    (import "" "g" (global i32))
    (func (export "g") (result i32) (global.get 0))))

(component $user
  (import "provider" (instance $p
    (export "r" (type $r (sub resource)))
    (export "make" (func (param "n" u32) (result (own $r))))
    (export "value" (func (param "r" (borrow $r)) (result u32)))
    (export "length" (func (param "s" string) (result u32)))
    (export "inner" (instance (export "trap" (func))))
    (export "module" (core module
      (import "" "g" (global i32)) (export "g" (func (result i32)))))))
  (alias export $p "r" (type $r))
  (alias export $p "inner" (instance $inner))
  (core module $libc (memory (export "mem") 1) (data (i32.const 0) "hello"))
  (core instance $libc (instantiate $libc))
  (core func $make (canon lower (func $p "make")))
  (core func $value (canon lower (func $p "value")))
  (core func $drop (canon resource.drop $r))
  (core func $length (canon lower (func $p "length") (memory $libc "mem")))
  (core func $trap (canon lower (func $inner "trap")))
  (core module $globals (global (export "g") i32 (i32.const 40)))
  (core instance $globals (instantiate $globals))
  (core instance $imported (instantiate (module $p "module") (with "" (instance $globals))))
  (core module $code
    (import "" "make" (func $make (param i32) (result i32)))
    (import "" "value" (func $value (param i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (import "" "length" (func $length (param i32 i32) (result i32)))
    (import "" "trap" (func $trap))
    (import "imported" "g" (func $g (result i32)))
    (export "trap" (func $trap))
    (export "g" (func $g))
    (func (export "resource") (result i32) (local $r i32) (local $n i32)
      (local.set $r (call $make (i32.const 77)))
      (local.set $n (call $value (local.get $r)))
      (call $drop (local.get $r))
      (local.get $n))
    (func (export "string") (result i32) (call $length (i32.const 0) (i32.const 5))))
  (core instance $code (instantiate $code
    (with "imported" (instance $imported))
    (with "" (instance
      (export "make" (func $make)) (export "value" (func $value)) (export "drop" (func $drop))
      (export "length" (func $length)) (export "trap" (func $trap))))))
  (func (export "resource") (result u32) (canon lift (core func $code "resource")))
  (func (export "string") (result u32) (canon lift (core func $code "string")))
  (func (export "g") (result u32) (canon lift (core func $code "g")))
  (func (export "trap") (canon lift (core func $code "trap"))))
(assert_return (invoke "resource") (u32.const 77))
(assert_return (invoke "string") (u32.const 5))
(assert_return (invoke "g") (u32.const 40))

;; Two instances of one component have resource types of their own.
(component definition $C
  (type $r' (resource (rep i32)))
  (export $r "r" (type $r'))
  (core func $drop (canon resource.drop $r'))
  (core module $code (func (export "take") (param i32)))
  (core instance $code (instantiate $code))
  (func (export "take") (param "r" (own $r)) (canon lift (core func $code "take"))))
(component instance $one $C)
(component instance $two $C)
(component
  (import "one" (instance (export "r" (type $r (sub resource))) (export "take" (func (param "r" (own $r)))))))
(assert_unlinkable
  (component
    (import "one" (instance $one (export "r" (type $r (sub resource)))))
    (alias export $one "r" (type $r))
    (import "two" (instance (export "r" (type (eq $r))))))
  "mismatched resource types")
(assert_unlinkable
  (component
    (import "one" (instance $one (export "r" (type $r (sub resource)))))
    (alias export $one "r" (type $r))
    (import "two" (instance (export "take" (func (param "r" (own $r)))))))
  "mismatched resource types")
(assert_unlinkable
  (component (import "provider" (instance (export "module" (core module)))))
  "module import `::g` not defined")
(assert_unlinkable
  (component (import "provider" (instance
    (export "module" (core module (import "" "g" (global i32)) (export "h" (func)))))))
  "module export `h` not defined")
(assert_unlinkable
  (component (import "provider" (instance (export "make" (core module)))))
  "expected module found func")
(assert_unlinkable
  (component (import "nowhere" (core module)))
  "nowhere")

(assert_trap (invoke $user "trap") "unreachable")
