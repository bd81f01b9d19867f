#!/usr/bin/env bash
# Expected: a program of Native AOT that asks Fma.IsSupported gets the machine's answer, or Vector128.FusedMultiplyAdd costs about what a product
# and a sum do, Vector128.IsHardwareAccelerated being true. Seen with ILCompiler 10.0 on linux-x64 machines with AVX2 and FMA: by default
# Avx2.IsSupported, Fma.IsSupported and Vector256.IsHardwareAccelerated are false for good, and each fused multiply-add of a vector becomes calls
# into the C library. IlcInstructionSet=x86-64-v3 mends both. Work-around: src/Rl.Core.FSharp/buildTransitive/Rl.Core.targets.
# Needs what Native AOT needs: clang or gcc, and zlib.
set -euo pipefail
if ! grep -qw fma /proc/cpuinfo 2>/dev/null || [ "$(uname -m)" != x86_64 ]; then
    echo "This needs Linux on an x64 processor with FMA." >&2
    exit 2
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat > finding.csproj <<'PROJECT'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <PublishAot>true</PublishAot>
    <InvariantGlobalization>true</InvariantGlobalization>
  </PropertyGroup>
</Project>
PROJECT
cat > Program.cs <<'PROGRAM'
using System;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

Console.WriteLine($"Vector128 {Vector128.IsHardwareAccelerated}, Vector256 {Vector256.IsHardwareAccelerated}, Avx2 {Avx2.IsSupported}, Fma {Fma.IsSupported}");
var (fused, apart) = (Time(Fused), Time(Apart));
Console.WriteLine($"fused/apart {fused / apart:0.0}");

static double Time(Func<float> work)
{
    var best = double.MaxValue;
    for (var repetition = 0; repetition < 30; repetition++)
    {
        var watch = Stopwatch.StartNew();
        work();
        best = Math.Min(best, watch.Elapsed.TotalMilliseconds);
    }

    return best;
}

[MethodImpl(MethodImplOptions.NoInlining)]
static float Fused()
{
    var (x, a, b) = (Vector128.Create(0.5f), Vector128<float>.One, Vector128<float>.One);
    for (var i = 0; i < 50_000; i++)
    {
        a = Vector128.FusedMultiplyAdd(a, x, x);
        b = Vector128.FusedMultiplyAdd(b, x, x);
    }

    return Vector128.Sum(a + b);
}

[MethodImpl(MethodImplOptions.NoInlining)]
static float Apart()
{
    var (x, a, b) = (Vector128.Create(0.5f), Vector128<float>.One, Vector128<float>.One);
    for (var i = 0; i < 50_000; i++)
    {
        a = (a * x) + x;
        b = (b * x) + x;
    }

    return Vector128.Sum(a + b);
}
PROGRAM

echo "SDK $(dotnet --version)"
dotnet publish -c Release -r linux-x64 -o default -v quiet --nologo >&2
dotnet publish -c Release -r linux-x64 -o v3 -p:IlcInstructionSet=x86-64-v3 -v quiet --nologo >&2
default=$(./default/finding)
chosen=$(./v3/finding)
printf 'by default:\n%s\nwith IlcInstructionSet=x86-64-v3:\n%s\n' "$default" "$chosen"
slower=$(sed -n 's/^fused\/apart \([0-9]*\).*/\1/p' <<<"$default")
if ! grep -q "Vector256 False, Avx2 False, Fma False" <<<"$default" || [ "$slower" -lt 8 ] || ! grep -q "Fma True" <<<"$chosen"; then
    echo "CHANGED: the default compiles for more, asks the machine, or has a fast multiply-add." >&2
    exit 1
fi
