;; A component whose core module does not validate: the function returns nothing.
(component
  (core module (func (result i32))))
