#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Fuzzes one target for some seconds: fuzz/run.sh TARGET SECONDS
#
# Works with a stable compiler: the flags below are what `cargo fuzz` would pass, without the address sanitizer, which
# code without `unsafe` does not need. Starts from fuzz/corpus/TARGET and from what earlier runs found, in
# fuzz/corpora.tar.gz; what it finds on the way it keeps in fuzz/target/corpus/TARGET, and what breaks the target in
# fuzz/artifacts/TARGET.
set -eu

if [ $# -ne 2 ]; then
    echo "usage: $0 TARGET SECONDS" >&2
    echo "targets:" >&2
    for file in "$(dirname "$0")"/fuzz_targets/*.rs; do
        echo "  $(basename "$file" .rs)" >&2
    done
    exit 2
fi
target=$1
seconds=$2
cd "$(dirname "$0")"

triple=$(rustc -vV | sed -n 's/^host: //p')
flags="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
flags="$flags -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
flags="$flags -Cllvm-args=-sanitizer-coverage-pc-table"
flags="$flags -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing"
RUSTFLAGS="$flags" cargo build --quiet --release --target "$triple" --bin "$target"

if [ ! -d "target/corpus/$target" ]; then
    mkdir -p target/corpus
    # A new target is not in there yet.
    tar -C target/corpus -xzf corpora.tar.gz "./$target" 2>/dev/null || true
fi
mkdir -p "target/corpus/$target" "artifacts/$target"
exec "target/$triple/release/$target" \
    -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="artifacts/$target/" "target/corpus/$target" "corpus/$target"
