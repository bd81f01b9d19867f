#!/usr/bin/env bash
# Expected: a program's output holds what it may load. Seen with SkiaSharp 3.119.4: the package for Windows, which SkiaSharp itself asks for on
# every platform, has the symbols of its native libraries (*.pdb) among its native assets, so that three of 81 to 87 MB each lie in the
# output of any program that is not built for one platform. Work-around: src/Rl.Rendering/buildTransitive/Rl.Rendering.targets.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat > finding.csproj <<'PROJECT'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="SkiaSharp" Version="3.119.4" />
  </ItemGroup>
</Project>
PROJECT
echo 'System.Console.WriteLine(new SkiaSharp.SKPoint(1, 2));' > Program.cs

echo "SDK $(dotnet --version), SkiaSharp 3.119.4"
dotnet build -c Release -v quiet --nologo >&2
output=bin/Release/net10.0
find "$output" -name '*.pdb' -path '*/native/*' -exec du -m {} +
megabytes=$(find "$output" -name '*.pdb' -path '*/native/*' -exec du -m {} + | awk '{ sum += $1 } END { print sum + 0 }')
echo "symbols of native libraries: $megabytes MB of $(du -sm "$output" | cut -f1) MB"
if [ "$megabytes" -lt 200 ]; then
    echo "CHANGED: the symbols of native libraries no longer fill the output." >&2
    exit 1
fi
