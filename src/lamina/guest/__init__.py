"""What runs inside the sandbox: standard library only, CPython 3.8 and later, imports nothing of ours.

The worker binds this folder into every zygote's root as the package `lamina_guest` and detaches it again before any
code of a customer's runs; only copies of what lies in `runtimes/` stay visible, in `/var/runtime`.
"""
