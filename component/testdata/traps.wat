;; Two components in another, each with a core module whose functions have names: for
;; the frames of traps. $outer calls the host, which may call back, or $inner, which
;; loops first, then traps in a function that the table leads to.
(component
  (import "test:host/api@0.2.3" (instance $api (export "again" (func))))
  (component $inner
    (core module $m
      (table 1 funcref)
      (elem (i32.const 0) func $crate::decode::inner)
      (func $crate::decode::inner (param i32) (result i32) (local i32)
        (loop $l (br_if $l (i32.lt_u (local.tee 1 (i32.add (local.get 1) (i32.const 1))) (i32.const 100))))
        (i32.div_u (i32.const 1) (local.get 0)))
      (func $entry (export "run") (param i32) (result i32)
        (call_indirect (param i32) (result i32) (local.get 0) (i32.const 0))))
    (core instance $i (instantiate $m))
    (func (export "run") (param "n" u32) (result u32) (canon lift (core func $i "run"))))
  (component $outer
    (import "run" (func $in (param "n" u32) (result u32)))
    (import "again" (func $back))
    (core func $run (canon lower (func $in)))
    (core func $again (canon lower (func $back)))
    (core module $m
      (import "in" "run" (func $run (param i32) (result i32)))
      (import "host" "again" (func $again))
      (func $outer (export "outer") (param i32) (result i32) (call $run (local.get 0)))
      (func $out (export "out") (call $again))
      (func $deep (export "deep") (param i32) (result i32)
        (if (result i32) (i32.eqz (local.get 0)) (then (unreachable)) (else (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1))))))))
    (core instance $o (instantiate $m
      (with "in" (instance (export "run" (func $run))))
      (with "host" (instance (export "again" (func $again))))))
    (func (export "outer") (param "n" u32) (result u32) (canon lift (core func $o "outer")))
    (func (export "out") (canon lift (core func $o "out")))
    (func (export "deep") (param "n" u32) (result u32) (canon lift (core func $o "deep"))))
  (instance $i (instantiate $inner))
  (instance $o (instantiate $outer
    (with "run" (func $i "run"))
    (with "again" (func $api "again"))))
  (export "outer" (func $o "outer"))
  (export "out" (func $o "out"))
  (export "deep" (func $o "deep"))
)
