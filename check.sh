#!/usr/bin/env bash
# Everything that must hold before a change goes in: tools, packages, format, build, tests, samples.
# It needs the .NET 10 SDK and nothing else. `./check.sh --fast` leaves out the samples, the native program and the site. `./check.sh mutants` does something else: it
# puts faults into the mathematics, one at a time, and reports those that no test notices; `./check.sh mutants 17 23` tries only those.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1
exec </dev/null

if [ "${1:-}" = mutants ]; then
    shift
    exec dotnet run -c Release --project tests/Mutants -- "$@"
fi

fast=false
for argument in "$@"; do
    case "$argument" in
        --fast) fast=true ;;
        *) echo "check.sh: unknown argument '$argument'; there are --fast and mutants." >&2; exit 2 ;;
    esac
done

step() {
    local title=$1 start=$SECONDS
    shift
    echo "== $title"
    if ! "$@"; then
        echo "== $title: FAILED: $*" >&2
        exit 1
    fi
    echo "== $title: $((SECONDS - start)) s"
}

format_fsharp() {
    local folders=() folder
    for folder in src tests bench samples tools; do
        if [ -n "$(find "$folder" -name '*.fs' -not -path '*/obj/*' -print -quit 2>/dev/null)" ]; then folders+=("$folder"); fi
    done
    if ! dotnet fantomas --check "${folders[@]}"; then
        echo "Format with: dotnet fantomas ${folders[*]}" >&2
        return 1
    fi
}

format_csharp() {
    # It says of each F# project that it cannot format it; Fantomas has done that.
    local log
    if ! log=$(dotnet format whitespace Rl.sln --no-restore --verify-no-changes 2>&1); then
        grep -v "Could not format" <<<"$log" >&2
        echo "Format with: dotnet format whitespace Rl.sln" >&2
        return 1
    fi
}

width() {
    # Fantomas breaks code at 120 columns, but neither comments nor strings; dotnet format breaks nothing.
    local wide
    wide=$(LC_ALL=C.UTF-8 grep -rnE --include='*.fs' --include='*.cs' --exclude-dir=obj --exclude-dir=bin --exclude-dir=Generated '^.{121,}$' \
        src tests bench samples tools || true)
    if [ -n "$wide" ]; then
        cut -c1-160 <<<"$wide" >&2
        echo "These lines are wider than 120 columns: wrap them." >&2
        return 1
    fi
}

samples() {
    local project
    for project in $(find samples -name '*proj' -exec grep -l '<OutputType>Exe' {} + | sort); do
        echo "-- $project --quick"
        dotnet run -c Release --no-build --project "$project" -- --quick || return 1
    done
}

# A program that trains as one file that brings .NET along: what trimming takes away that is needed shows nowhere else.
single_file() {
    local folder
    folder=$(mktemp -d)
    dotnet publish samples/SingleFileTraining -c Release -o "$folder" > "$folder.log" 2>&1 || { tail -20 "$folder.log"; return 1; }
    echo "$(stat -c %s "$folder/SingleFileTraining" 2> /dev/null || stat -f %z "$folder/SingleFileTraining") bytes"
    "$folder/SingleFileTraining" --quick || return 1
    rm -rf "$folder" "$folder.log"
}

# Native programs of two samples, one that only acts and one that trains, where there is a compiler to link it: what Native AOT cannot compile shows nowhere else.
native() {
    if ! command -v clang > /dev/null && ! command -v gcc > /dev/null; then
        echo "no clang and no gcc: left out"
        return 0
    fi
    local sample folder
    for sample in AotActing SingleFileTraining; do
        folder=$(mktemp -d)
        dotnet publish "samples/$sample" -c Release -o "$folder" -p:PublishAot=true -p:PublishSingleFile=false -p:PublishReadyToRun=false > "$folder/log" 2>&1 \
            || { tail -20 "$folder/log"; return 1; }
        echo "$sample: $(stat -c %s "$folder/$sample" 2> /dev/null || stat -f %z "$folder/$sample") bytes"
        "$folder/$sample" --quick || return 1
        rm -rf "$folder"
    done
}

step "tools" dotnet tool restore
step "packages" dotnet restore Rl.sln
step "format of F#" format_fsharp
step "format of C#" format_csharp
step "width of lines" width
step "build" dotnet build -c Release --no-restore Rl.sln
step "files of the options" dotnet run -c Release --no-build --project tools/OptionFiles -- --check
step "places of the mutants" dotnet run -c Release --no-build --project tests/Mutants -- --list
# The site is made first: a test searches it in a browser.
if [ "$fast" = false ]; then step "docs site" dotnet run -c Release --no-build --project tools/DocsSite; fi
step "tests" dotnet test -c Release --no-build
if [ "$fast" = false ]; then
    step "samples" samples
    step "native programs" native
    step "single-file program" single_file
fi
echo "== all checks passed in $SECONDS s"
