;; A component that needs error contexts, which are not standard yet.
(component (type error-context))
