;; A destructor that drops the next handle, whose destructor drops the next ...
(component
  (core module $m
    (import "" "drop" (func $drop (param i32)))
    (import "" "new" (func $new (param i32) (result i32)))
    (func (export "fill") (param $n i32) (local $h i32)
      (loop $l
        (local.set $h (call $new (local.get $h)))
        (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (call $drop (local.get $h))))
  (core module $table
    (table (export "t") 1 funcref)
    (type $f (func (param i32)))
    (func (export "dtor") (param i32) (if (local.get 0) (then (call_indirect (type $f) (local.get 0) (i32.const 0))))))
  (core module $fix (import "" "t" (table 1 funcref)) (import "" "drop" (func $drop (param i32))) (elem (i32.const 0) func $drop))
  (core instance $table (instantiate $table))
  (type $node (resource (rep i32) (dtor (func $table "dtor"))))
  (core func $new (canon resource.new $node))
  (core func $drop (canon resource.drop $node))
  (core instance (instantiate $fix (with "" (instance (export "t" (table $table "t")) (export "drop" (func $drop))))))
  (core instance $m (instantiate $m (with "" (instance (export "drop" (func $drop)) (export "new" (func $new))))))
  (func (export "fill") (param "n" u32) (canon lift (core func $m "fill")))
)
