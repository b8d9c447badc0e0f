#!/usr/bin/env bash
# wasmtime for Python: a module that imports a shared memory cannot be given one.
#
# Versions: wasmtime 50.0.1, Python 3.11.
# Expected: Instance(store, module, [SharedMemory(...)]) gives the module the memory that it imports, as it does a Memory
#           of the same size to one that imports a plain one. What it says of anything else names SharedMemory.
# Seen:     a TypeError of ctypes, "incompatible types": the pointer that SharedMemory has in it is taken for what it
#           points to, and pointed to once more.
#
# Fails when that changes. Needs python3 with venv.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q wasmtime==50.0.1
"$folder/venv/bin/python" - <<'PYTHON'
from wasmtime import Config, Engine, Instance, Limits, Memory, MemoryType, Module, SharedMemory, Store

config = Config()
config.wasm_threads = True
config.shared_memory = True
engine = Engine(config)
store = Store(engine)
TEXT = """(module (import "page" "memory" (memory 1 1{}))
  (func (export "first") (result i32) i32.const 0 i32.load))"""


def first(memory, kind=""):
    return Instance(store, Module(engine, TEXT.format(kind)), [memory]).exports(store)["first"](store)


assert first(Memory(store, MemoryType(Limits(1, 1)))) == 0
shared = SharedMemory(engine, MemoryType(Limits(1, 1), shared=True))
try:
    first(shared, " shared")
except TypeError as error:
    assert "incompatible types" in str(error), error
    print(f"as seen: {error}")
else:
    raise SystemExit("changed: the module has its shared memory")
PYTHON
