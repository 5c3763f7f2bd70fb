;; A module that starts with 2 GiB of memory.
(module (memory 32768) (func (export "_start")))
