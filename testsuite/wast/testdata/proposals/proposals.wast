;; What is proposed and not standard yet, where the host can have it.

(component $lists
  (type $four (list u16 4))
  (component $inner
    (type $four (list u16 4))
    (core module $code
      (memory (export "mem") 1)
      (func (export "sum") (param i32 i32 i32 i32) (result i32)
        (i32.add (i32.add (local.get 0) (local.get 1)) (i32.add (local.get 2) (local.get 3))))
      (func (export "reverse") (param i32 i32 i32 i32) (result i32)
        (i32.store16 (i32.const 64) (local.get 3))
        (i32.store16 (i32.const 66) (local.get 2))
        (i32.store16 (i32.const 68) (local.get 1))
        (i32.store16 (i32.const 70) (local.get 0))
        (i32.const 64)))
    (core instance $code (instantiate $code))
    (func (export "sum") (param "l" $four) (result u32) (canon lift (core func $code "sum")))
    (func (export "reverse") (param "l" $four) (result $four) (canon lift (core func $code "reverse") (memory $code "mem"))))
  (instance $inner (instantiate $inner))
  (component $outer
    (type $four (list u16 4))
    (import "reverse" (func $inner-reverse (param "l" $four) (result $four)))
    (core module $libc (memory (export "mem") 1))
    (core instance $libc (instantiate $libc))
    (core func $reverse (canon lower (func $inner-reverse) (memory $libc "mem")))
    (core module $code
      (import "" "reverse" (func $reverse (param i32 i32 i32 i32 i32)))
      (import "" "mem" (memory 1))
      (func (export "twice") (param i32 i32 i32 i32) (result i32)
        (call $reverse (local.get 0) (local.get 1) (local.get 2) (local.get 3) (i32.const 128))
        (call $reverse
          (i32.load16_u (i32.const 128)) (i32.load16_u (i32.const 130))
          (i32.load16_u (i32.const 132)) (i32.load16_u (i32.const 134)) (i32.const 128))
        (i32.const 128)))
    (core instance $code (instantiate $code (with "" (instance
      (export "reverse" (func $reverse)) (export "mem" (memory $libc "mem"))))))
    (func (export "twice") (param "l" $four) (result $four) (canon lift (core func $code "twice") (memory $libc "mem"))))
  (instance $outer (instantiate $outer (with "reverse" (func $inner "reverse"))))
  (export "twice" (func $outer "twice"))
  (export "sum" (func $inner "sum"))
  (export "reverse" (func $inner "reverse")))
(assert_return (invoke "sum" (list.const (u16.const 1) (u16.const 2) (u16.const 3) (u16.const 65535))) (u32.const 65541))
(assert_return (invoke "reverse" (list.const (u16.const 1) (u16.const 2) (u16.const 3) (u16.const 4)))
  (list.const (u16.const 4) (u16.const 3) (u16.const 2) (u16.const 1)))
(assert_return (invoke "twice" (list.const (u16.const 1) (u16.const 2) (u16.const 3) (u16.const 4)))
  (list.const (u16.const 1) (u16.const 2) (u16.const 3) (u16.const 4)))
(assert_invalid (component (type (list u16 0))) "greater than 0")
(component definition (import "a:b:c/d" (instance)))
