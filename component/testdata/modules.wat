;; Instantiates a core module that the host provides, and one of an instance.
(component
  (import "m" (core module $m (export "f" (func (result i32)))))
  (import "lib" (instance $lib (export "m" (core module (export "f" (func (result i32)))))))
  (core instance $one (instantiate $m))
  (core instance $two (instantiate (module $lib "m")))
  (core module $add
    (import "one" "f" (func $one (result i32)))
    (import "two" "f" (func $two (result i32)))
    (func (export "sum") (result i32) (i32.add (call $one) (call $two))))
  (core instance $add (instantiate $add (with "one" (instance $one)) (with "two" (instance $two))))
  (func (export "sum") (result u32) (canon lift (core func $add "sum"))))
