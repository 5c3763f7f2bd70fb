;; Greets whom the host names: the guest of the package's example.
(component
  (import "example:greeter/host@0.1.0" (instance $host
    (export "name" (func (result string)))))
  (core module $libc
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.get $next)
      (global.set $next (i32.add (global.get $next) (local.get 3)))))
  (core instance $libc (instantiate $libc))
  (core func $name (canon lower (func $host "name") (memory $libc "memory") (realloc (func $libc "realloc"))))
  (core module $main
    (import "libc" "memory" (memory 1))
    (import "host" "name" (func $name (param i32)))
    (data (i32.const 512) "Hello, ")
    (func (export "greet") (result i32)
      (call $name (i32.const 16))
      ;; the greeting goes to 512, the name behind it
      (memory.copy (i32.const 519) (i32.load (i32.const 16)) (i32.load (i32.const 20)))
      (i32.store (i32.const 16) (i32.const 512))
      (i32.store (i32.const 20) (i32.add (i32.const 7) (i32.load (i32.const 20))))
      (i32.const 16)))
  (core instance $main (instantiate $main
    (with "libc" (instance $libc))
    (with "host" (instance (export "name" (func $name))))))
  (func $greet (result string) (canon lift (core func $main "greet") (memory $libc "memory")))
  (instance $greeter (export "greet" (func $greet)))
  (export "example:greeter/greeter@0.1.0" (instance $greeter)))
