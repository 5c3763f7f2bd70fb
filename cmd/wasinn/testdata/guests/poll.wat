;; A component that polls nothing, which would wait for ever: the host refuses.
(component
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $p (sub resource)))
    (export "poll" (func (param "in" (list (borrow $p))) (result (list u32))))))
  (core module $libc
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64)))
  (core instance $libc (instantiate $libc))
  (core func $poll (canon lower (func $poll "poll") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core module $m
    (import "host" "poll" (func $poll (param i32 i32 i32)))
    (func $wait (export "wait") (call $poll (i32.const 0) (i32.const 0) (i32.const 8))))
  (core instance $m (instantiate $m (with "host" (instance (export "poll" (func $poll))))))
  (func (export "wait") (canon lift (core func $m "wait"))))
