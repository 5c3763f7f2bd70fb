# Sourced by setup.sh and lock.sh: componentize-py, which makes a component of a Python program and CPython.
pypis=(componentize-py==0.25.1)
