;; Two instances of one nested component, wired to each other's host and lift.
(component
  (import "test:host/log@0.2.0" (instance $log
    (export "line" (type $line (sub resource)))
    (export "write" (func (param "text" string) (result (own $line))))))
  (component $child
    (import "get" (func $get (result u32)))
    (core func $get (canon lower (func $get)))
    (core module $m
      (import "" "get" (func $get (result i32)))
      (func (export "next") (result i32) (i32.add (call $get) (i32.const 1))))
    (core instance $m (instantiate $m (with "" (instance (export "get" (func $get))))))
    (type $counter (resource (rep i32)))
    (core func $new (canon resource.new $counter))
    (export "counter" (type $counter))
    (func (export "next") (result u32) (canon lift (core func $m "next"))))
  (core module $zero (func (export "get") (result i32) (i32.const 40)))
  (core instance $zero (instantiate $zero))
  (func $zero (result u32) (canon lift (core func $zero "get")))
  (instance $a (instantiate $child (with "get" (func $zero))))
  (instance $b (instantiate $child (with "get" (func $a "next"))))
  (export "answer" (func $b "next"))
  (export "first" (instance $a)))
