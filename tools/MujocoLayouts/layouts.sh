#!/usr/bin/env bash
# Writes src/Rl.MuJoCo/Internal/Layouts.tsv from the headers of MuJoCo's releases: a row a field, a column a version.
# Needs a clone of MuJoCo's repository with its tags, git and gcc:  tools/MujocoLayouts/layouts.sh PATH [TAG ...]
# The numbers are those of every 64-bit platform, whose int, float, double and pointers all have the same sizes.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
clone=$1
shift
tags=("$@")
if [ ${#tags[@]} = 0 ]; then
    mapfile -t tags < <(git -C "$clone" tag | grep -E '^[0-9]+\.[0-9]+\.[0-9]+$' | sort -V | sed -n '/^2\.2\.2$/,$p')
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
columns=()
for tag in "${tags[@]}"; do
    mkdir -p "$work/$tag/include"
    git -C "$clone" archive "$tag" include/mujoco | tar -x -C "$work/$tag"
    gcc -I"$work/$tag/include" -o "$work/$tag/fields" "$here/fields.c"
    "$work/$tag/fields" > "$work/$tag/column"
    columns+=("$work/$tag/column")
done

# The names once, then the numbers of each version.
cut -f1 "${columns[0]}" > "$work/table"
for column in "${columns[@]}"; do
    cut -f2 "$column" | paste "$work/table" - > "$work/next"
    mv "$work/next" "$work/table"
done
cp "$work/table" "$here/../../src/Rl.MuJoCo/Internal/Layouts.tsv"
echo "${#columns[@]} versions, $(wc -l < "$work/table") rows"
