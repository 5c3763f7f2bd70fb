;; A component that needs async.
(component (type (stream u8)))
